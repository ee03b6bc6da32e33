from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_idempotency import DynamoDBIdempotencyStore
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.idempotency import (
    ACCEPTING_TIME,
    KEPT_FOR,
    IdempotencyKey,
    Reservation,
    reservation,
)
from relay.ports import IdempotencyStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, a_job_id
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.strategies import reservations as any_reservations

A_TICK = timedelta(milliseconds=1)
KEY = IdempotencyKey(tenant_id=TENANT, route="POST /v1/jobs", key="order-4711", fingerprint="f1")
FIRST = reservation(KEY, a_job_id(1), NOON)
SECOND = reservation(replace(KEY, fingerprint="f2"), a_job_id(2), NOON)
END = NOON + KEPT_FOR
OVERTIME = NOON + ACCEPTING_TIME


class IdempotencyStoreContract:
    @pytest.fixture
    def store(self) -> IdempotencyStore:
        raise NotImplementedError

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(mine=any_reservations)
    def test_a_reservation_is_read_just_as_it_was_made(
        self, store: IdempotencyStore, mine: Reservation
    ) -> None:
        at = mine.expires_at - A_TICK

        assert store.reserve(mine, at=at) == mine
        assert store.get(mine.tenant_id, mine.hash, at=at) == mine

    def test_a_key_that_is_taken_shows_by_whom_and_stays_theirs(
        self, store: IdempotencyStore
    ) -> None:
        store.reserve(FIRST, at=NOON)

        assert store.reserve(SECOND, at=NOON) == FIRST
        assert store.get(TENANT, KEY.hash, at=NOON) == FIRST

    def test_reserving_again_what_was_reserved_is_done_already(
        self, store: IdempotencyStore
    ) -> None:
        store.reserve(FIRST, at=NOON)

        assert store.reserve(FIRST, at=NOON) == FIRST

    def test_a_key_is_in_force_until_its_last_moment(self, store: IdempotencyStore) -> None:
        store.reserve(FIRST, at=NOON)

        assert store.get(TENANT, KEY.hash, at=END - A_TICK) == FIRST
        assert store.reserve(SECOND, at=END - A_TICK) == FIRST

    @pytest.mark.parametrize("at", [END, END + A_TICK, END + KEPT_FOR])
    def test_a_key_whose_time_is_over_is_not_found_and_can_be_had_anew(
        self, store: IdempotencyStore, at: datetime
    ) -> None:
        """Whether or not the table has removed its row by then."""
        store.reserve(FIRST, at=NOON)
        anew = reservation(KEY, a_job_id(2), at)

        with pytest.raises(NotFoundError):
            store.get(TENANT, KEY.hash, at=at)
        assert store.reserve(anew, at=at) == anew
        assert store.get(TENANT, KEY.hash, at=at) == anew

    def test_an_unknown_key_is_not_found(self, store: IdempotencyStore) -> None:
        with pytest.raises(NotFoundError):
            store.get(TENANT, KEY.hash, at=NOON)

    @pytest.mark.parametrize(
        "change", [{"tenant_id": OTHER_TENANT}, {"route": "sqs"}, {"key": "order-4712"}]
    )
    def test_tenants_and_routes_have_keys_of_their_own(
        self, store: IdempotencyStore, change: dict[str, Any]
    ) -> None:
        theirs = reservation(replace(KEY, **change), a_job_id(2), NOON)
        store.reserve(FIRST, at=NOON)

        with pytest.raises(NotFoundError):
            store.get(theirs.tenant_id, theirs.hash, at=NOON)
        assert store.reserve(theirs, at=NOON) == theirs
        assert store.get(TENANT, KEY.hash, at=NOON) == FIRST

    def test_who_takes_over_holds_the_key_for_the_same_resource(
        self, store: IdempotencyStore
    ) -> None:
        store.reserve(FIRST, at=NOON)

        store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        held = store.get(TENANT, KEY.hash, at=NOON)
        assert held == replace(FIRST, accepting_until=OVERTIME + ACCEPTING_TIME)

    def test_taking_over_again_what_was_taken_over_is_done_already(
        self, store: IdempotencyStore
    ) -> None:
        store.reserve(FIRST, at=NOON)
        store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        assert store.get(TENANT, KEY.hash, at=NOON) == FIRST.taken_over(OVERTIME)

    def test_who_takes_over_second_has_lost(self, store: IdempotencyStore) -> None:
        store.reserve(FIRST, at=NOON)
        store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        with pytest.raises(LostRaceError):
            store.take_over(FIRST, FIRST.taken_over(OVERTIME + A_TICK))

        assert store.get(TENANT, KEY.hash, at=NOON) == FIRST.taken_over(OVERTIME)

    def test_a_key_that_was_had_anew_is_not_taken_over(self, store: IdempotencyStore) -> None:
        anew = replace(FIRST, resource_id=a_job_id(2))
        store.reserve(anew, at=NOON)

        with pytest.raises(LostRaceError):
            store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        assert store.get(TENANT, KEY.hash, at=NOON) == anew

    def test_a_key_that_is_gone_is_not_taken_over(self, store: IdempotencyStore) -> None:
        with pytest.raises(LostRaceError):
            store.take_over(FIRST, FIRST.taken_over(OVERTIME))

        with pytest.raises(NotFoundError):
            store.get(TENANT, KEY.hash, at=NOON)


class TestInMemoryIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    def store(self) -> IdempotencyStore:
        return InMemoryIdempotencyStore()


class TestDynamoDBIdempotencyStore(IdempotencyStoreContract):
    @pytest.fixture
    def store(self, cloud: Cloud) -> IdempotencyStore:
        return DynamoDBIdempotencyStore(cloud.dynamodb(), TABLE)

    def test_a_row_expires_with_its_key(self, store: IdempotencyStore, cloud: Cloud) -> None:
        store.reserve(FIRST, at=NOON)

        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        assert row["ttl"] == {"N": str(int(END.timestamp()))}
