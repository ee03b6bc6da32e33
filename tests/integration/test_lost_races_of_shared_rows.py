"""The conditional writes of what is not a job: keys, senders, the wheel, the circuit, events."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore
from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.adapters.dynamodb_idempotency import DynamoDBIdempotencyStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.domain.circuit import Circuit
from relay.domain.errors import (
    LostRaceError,
    NotFoundError,
    UnavailableError,
)
from relay.domain.idempotency import (
    ACCEPTING_TIME,
    KEPT_FOR,
    IdempotencyKey,
    Reservation,
    reservation,
)
from relay.domain.job import StatusReason
from relay.domain.wheel import SHARDS, Position
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_job_id, an_event
from tests.integration.interference import applied_twice, applied_unheard, just_before

if TYPE_CHECKING:
    pass

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class TestIdempotencyKeys:
    KEY = IdempotencyKey(tenant_id=TENANT, route="POST /v1/jobs", key="4711", fingerprint="f1")
    MINE = reservation(KEY, a_job_id(1), NOON)
    THEIRS = reservation(KEY, a_job_id(2), NOON)
    LATE = NOON + ACCEPTING_TIME

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBIdempotencyStore:
        return DynamoDBIdempotencyStore(cloud.dynamodb(), TABLE)

    def held(self, store: DynamoDBIdempotencyStore) -> Reservation:
        return store.get(TENANT, self.KEY.hash, at=NOON)

    def test_reserve_loses_to_another_reservation(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.reserve(self.THEIRS, at=NOON))

        in_force = DynamoDBIdempotencyStore(client, TABLE).reserve(self.MINE, at=NOON)

        assert in_force == self.THEIRS
        assert self.held(rival) == self.THEIRS

    def test_reserve_loses_a_key_whose_time_is_over_to_whoever_had_it_anew(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        end = NOON + KEPT_FOR
        old = reservation(self.KEY, a_job_id(3), NOON)
        mine, theirs = (reservation(self.KEY, a_job_id(number), end) for number in (1, 2))
        rival.reserve(old, at=NOON)
        just_before(client, "PutItem", lambda: rival.reserve(theirs, at=end))

        assert DynamoDBIdempotencyStore(client, TABLE).reserve(mine, at=end) == theirs

        assert self.held(rival) == theirs

    def test_a_reservation_that_was_applied_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        """Taken for another's, it would be a request that nobody is at work on."""
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())

        assert DynamoDBIdempotencyStore(client, TABLE).reserve(self.MINE, at=NOON) == self.MINE

        assert self.held(rival) == self.MINE

    def test_a_reservation_whose_answer_never_came_is_anothers_to_whoever_comes_next(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        applied_unheard(client, "PutItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBIdempotencyStore(client, TABLE).reserve(self.MINE, at=NOON)

        assert rival.reserve(self.THEIRS, at=NOON) == self.MINE

    def test_take_over_loses_to_another_takeover(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        rival.reserve(self.MINE, at=NOON)
        theirs = self.MINE.taken_over(self.LATE + SECOND)
        just_before(client, "UpdateItem", lambda: rival.take_over(self.MINE, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBIdempotencyStore(client, TABLE).take_over(
                self.MINE, self.MINE.taken_over(self.LATE)
            )

        assert self.held(rival) == theirs

    def test_a_takeover_that_was_applied_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        rival.reserve(self.MINE, at=NOON)
        applied_twice(client, "UpdateItem", cloud.dynamodb())
        after = self.MINE.taken_over(self.LATE)

        DynamoDBIdempotencyStore(client, TABLE).take_over(self.MINE, after)

        assert self.held(rival) == after

    def test_a_takeover_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBIdempotencyStore
    ) -> None:
        client = cloud.dynamodb()
        rival.reserve(self.MINE, at=NOON)
        after = self.MINE.taken_over(self.LATE)
        applied_unheard(client, "UpdateItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBIdempotencyStore(client, TABLE).take_over(self.MINE, after)

        rival.take_over(self.MINE, after)

        assert self.held(rival) == after


class TestCircuit:
    OPENED = Circuit().opened(NOON, StatusReason.INVALID_API_KEY)
    LIFE = (
        Circuit(),
        OPENED,
        OPENED.probed(NOON + 60 * SECOND),
        OPENED.closed(NOON + 61 * SECOND),
    )

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBCircuitStore:
        return DynamoDBCircuitStore(cloud.dynamodb(), TABLE)

    def lead(self, store: DynamoDBCircuitStore, age: int) -> Circuit:
        """Lead a circuit so far into its life, and return it."""
        for before, after in zip(self.LIFE[:age], self.LIFE[1 : age + 1], strict=True):
            store.save(before, after)
        return self.LIFE[age]

    @pytest.mark.parametrize("age", range(4))
    def test_save_loses_to_another_change(
        self, cloud: Cloud, rival: DynamoDBCircuitStore, age: int
    ) -> None:
        client = cloud.dynamodb()
        before = self.lead(rival, age)
        mine = before.opened(NOON + 90 * SECOND, StatusReason.INSUFFICIENT_CREDITS)
        theirs = before.opened(NOON + 91 * SECOND, StatusReason.INVALID_API_KEY)
        just_before(client, "PutItem", lambda: rival.save(before, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBCircuitStore(client, TABLE).save(before, mine)

        assert rival.get() == theirs

    def test_of_two_probes_one_goes(self, cloud: Cloud, rival: DynamoDBCircuitStore) -> None:
        client = cloud.dynamodb()
        opened = self.lead(rival, 1)
        due = NOON + 60 * SECOND
        just_before(client, "PutItem", lambda: rival.save(opened, opened.probed(due)))

        with pytest.raises(LostRaceError):
            DynamoDBCircuitStore(client, TABLE).save(opened, opened.probed(due + SECOND))

        assert rival.get() == opened.probed(due)

    @pytest.mark.parametrize("age", range(3))
    def test_a_change_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBCircuitStore, age: int
    ) -> None:
        client = cloud.dynamodb()
        before, after = self.lead(rival, age), self.LIFE[age + 1]
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBCircuitStore(client, TABLE).save(before, after)

        assert rival.get() == after

    @pytest.mark.parametrize("age", range(3))
    def test_a_change_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBCircuitStore, age: int
    ) -> None:
        client = cloud.dynamodb()
        before, after = self.lead(rival, age), self.LIFE[age + 1]
        applied_unheard(client, "PutItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBCircuitStore(client, TABLE).save(before, after)

        rival.save(before, after)

        assert rival.get() == after


class TestWheel:
    BEGIN = (Position(1),) * SHARDS
    MIDWAY = (Position(1, "watch#job#job_1"),) * SHARDS
    END = (Position(2),) * SHARDS

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBWheel:
        return DynamoDBWheel(cloud.dynamodb(), TABLE)

    def noted(self, wheel: DynamoDBWheel) -> tuple[Position, ...]:
        return tuple(wheel.positions() or ())

    def test_the_first_sweep_loses_to_another(self, cloud: Cloud, rival: DynamoDBWheel) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.advance(None, self.MIDWAY))

        with pytest.raises(LostRaceError):
            DynamoDBWheel(client, TABLE).advance(None, self.END)

        assert self.noted(rival) == self.MIDWAY

    def test_a_sweep_loses_to_another(self, cloud: Cloud, rival: DynamoDBWheel) -> None:
        """So that none sets back what another has noted."""
        client = cloud.dynamodb()
        rival.advance(None, self.BEGIN)
        just_before(client, "PutItem", lambda: rival.advance(self.BEGIN, self.END))

        with pytest.raises(LostRaceError):
            DynamoDBWheel(client, TABLE).advance(self.BEGIN, self.MIDWAY)

        assert self.noted(rival) == self.END

    @pytest.mark.parametrize("before", [None, BEGIN])
    def test_what_was_noted_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBWheel, before: tuple[Position, ...] | None
    ) -> None:
        client = cloud.dynamodb()
        if before is not None:
            rival.advance(None, before)
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBWheel(client, TABLE).advance(before, self.END)

        assert self.noted(rival) == self.END

    @pytest.mark.parametrize("before", [None, BEGIN])
    def test_what_was_noted_without_an_answer_may_be_noted_again(
        self, cloud: Cloud, rival: DynamoDBWheel, before: tuple[Position, ...] | None
    ) -> None:
        client = cloud.dynamodb()
        if before is not None:
            rival.advance(None, before)
        applied_unheard(client, "PutItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBWheel(client, TABLE).advance(before, self.END)

        rival.advance(before, self.END)

        assert self.noted(rival) == self.END


class TestEvents:
    EVENT = an_event()
    NAME = (EVENT.tenant_id, EVENT.id)

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBEventStore:
        return DynamoDBEventStore(cloud.dynamodb(), TABLE)

    def test_insert_loses_to_the_publisher_and_leaves_the_event_published(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.put([self.EVENT]))

        DynamoDBEventStore(client, TABLE).insert(self.EVENT)

        assert rival.published([self.NAME]) == {self.EVENT.id}

    def test_insert_loses_to_another_insertion_of_the_same_event(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.insert(self.EVENT))

        DynamoDBEventStore(client, TABLE).insert(replace(self.EVENT, type="mine"))

        assert rival.get(*self.NAME) == self.EVENT
        assert rival.published([self.NAME]) == set()

    def test_an_insertion_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBEventStore(client, TABLE).insert(self.EVENT)

        assert rival.get(*self.NAME) == self.EVENT

    def test_an_insertion_whose_answer_never_came_may_be_done_again(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        applied_unheard(client, "PutItem", cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBEventStore(client, TABLE).insert(self.EVENT)

        rival.insert(self.EVENT)

        assert rival.get(*self.NAME) == self.EVENT

    def test_telling_again_loses_to_the_publisher(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        rival.insert(self.EVENT)
        just_before(client, "UpdateItem", lambda: rival.put([self.EVENT]))

        DynamoDBEventStore(client, TABLE).tell_again(*self.NAME)

        assert rival.published([self.NAME]) == {self.EVENT.id}
        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        assert "told_again" not in row

    def test_telling_again_makes_no_event_that_is_gone(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        rival.insert(self.EVENT)

        def expire() -> None:
            (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
            key = {name: row[name] for name in ("pk", "sk")}
            cloud.dynamodb().delete_item(TableName=TABLE, Key=key)

        just_before(client, "UpdateItem", expire)

        DynamoDBEventStore(client, TABLE).tell_again(*self.NAME)

        with pytest.raises(NotFoundError):
            rival.get(*self.NAME)

    def test_an_event_that_is_told_again_once_more_than_was_heard_is_the_same(
        self, cloud: Cloud, rival: DynamoDBEventStore
    ) -> None:
        client = cloud.dynamodb()
        rival.insert(self.EVENT)
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBEventStore(client, TABLE).tell_again(*self.NAME)

        assert rival.get(*self.NAME) == self.EVENT
        assert rival.published([self.NAME]) == set()
