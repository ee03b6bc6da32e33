"""A tenant's deliveries: one by its id, or many, the newest first; and those that are reopened."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_deliveries import PAGE_ROWS, DynamoDBDeliveryStore
from relay.aws.delivery_row import to_new_row
from relay.aws.values import to_item
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.ids import DeliveryId, TenantId, ulid
from relay.ports import DeliveryStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.examples import (
    OTHER_TENANT,
    TENANT,
    a_delivery_to,
    a_job_id,
    an_endpoint,
    an_endpoint_id,
)
from tests.fakes.strategies import deliveries as any_deliveries
from tests.fakes.strategies import unused_id
from tests.fakes.webhook_sender import answered, unanswered

A_TICK = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
AFTER_A_LEASE = NOON + DELIVERY_LEASE + A_TICK
SAME_STORE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=30,
)
HERE, THERE = an_endpoint(), an_endpoint(id=an_endpoint_id(2))

fresh = a_delivery_to(HERE)
held = fresh.claimed(NOON, DELIVERY_LEASE)
delivered = held.attempted(answered(200), at=NOON + SECOND, chance=0.5)
delayed = held.attempted(unanswered(), at=NOON + SECOND, chance=0.5)
given_up = held.attempted(answered(410), at=NOON + SECOND, chance=0.5)

type Spoil = Callable[[Delivery], None]
"""Makes the row of a delivery one that this code cannot read."""


def made(deliveries: DeliveryStore, *to_make: Delivery) -> list[Delivery]:
    for delivery in to_make:
        deliveries.create(delivery)
    return list(to_make)


def id_of(number: int) -> DeliveryId:
    return DeliveryId("dlv_" + ulid(NOON, number.to_bytes(10)))


def reopened(delivery: Delivery) -> Delivery:
    return delivery.reopened(NOON + HOUR, round_id="round-2", payload="thin", legacy=True)


class DeliveryStoreReadingContract:
    @pytest.fixture
    def deliveries(self) -> DeliveryStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    @SAME_STORE
    @given(delivery=any_deliveries(), target_id=st.uuids().map(str))
    def test_a_delivery_is_read_just_as_it_was_made(
        self, deliveries: DeliveryStore, delivery: Delivery, target_id: str
    ) -> None:
        kept = replace(delivery, target_id=target_id)
        deliveries.create(kept)

        assert deliveries.get(kept.tenant_id, kept.id) == kept
        assert list(deliveries.newest_first(kept.tenant_id)) == [kept]
        assert list(deliveries.newest_first(kept.tenant_id, target_id=target_id)) == [kept]

    def test_a_delivery_is_read_as_it_is_now(self, deliveries: DeliveryStore) -> None:
        deliveries.create(fresh)
        claimed = deliveries.claim(fresh.target_id, fresh.id, at=NOON, lease=DELIVERY_LEASE)
        deliveries.save(claimed, delivered)

        assert deliveries.get(TENANT, fresh.id) == delivered
        assert list(deliveries.newest_first(TENANT)) == [delivered]

    def test_unknown_deliveries_and_those_of_others_are_not_found(
        self, deliveries: DeliveryStore
    ) -> None:
        deliveries.create(fresh)

        with pytest.raises(NotFoundError):
            deliveries.get(TENANT, id_of(2))
        with pytest.raises(NotFoundError):
            deliveries.get(OTHER_TENANT, fresh.id)

    def test_all_deliveries_of_a_tenant_come_the_newest_first(
        self, deliveries: DeliveryStore
    ) -> None:
        first, second, third = made(
            deliveries,
            a_delivery_to(HERE, 1),
            a_delivery_to(THERE, 2),
            a_delivery_to(HERE, 3, target_id=a_job_id()),
        )
        made(deliveries, a_delivery_to(HERE, 4, tenant_id=OTHER_TENANT))

        assert list(deliveries.newest_first(TENANT)) == [third, second, first]

    def test_those_to_one_target_come_the_newest_first(self, deliveries: DeliveryStore) -> None:
        first, _, third = made(
            deliveries, a_delivery_to(HERE, 1), a_delivery_to(THERE, 2), a_delivery_to(HERE, 3)
        )

        assert list(deliveries.newest_first(TENANT, target_id=HERE.id)) == [third, first]

    def test_another_tenants_target_brings_nothing(self, deliveries: DeliveryStore) -> None:
        made(deliveries, a_delivery_to(HERE))

        assert list(deliveries.newest_first(OTHER_TENANT, target_id=HERE.id)) == []
        assert list(deliveries.newest_first(OTHER_TENANT)) == []

    @pytest.mark.parametrize("target_id", [None, HERE.id])
    def test_a_list_may_hold_more_than_one_page(
        self, deliveries: DeliveryStore, target_id: str | None
    ) -> None:
        numbers = range(2 * PAGE_ROWS + 1)
        all_of_them = made(deliveries, *(a_delivery_to(HERE, number) for number in numbers))

        listed = list(deliveries.newest_first(TENANT, target_id=target_id))

        assert listed == all_of_them[::-1]

    @pytest.mark.parametrize("target_id", [None, HERE.id])
    @SAME_STORE
    @given(
        numbers=st.sets(st.integers(0, 99), max_size=8),
        before=st.none() | st.integers(0, 99),
        since=st.none() | st.integers(0, 99),
    )
    def test_a_list_is_what_lies_within_its_bounds(
        self,
        deliveries: DeliveryStore,
        target_id: str | None,
        numbers: set[int],
        before: int | None,
        since: int | None,
    ) -> None:
        tenant_id = TenantId(unused_id("ten"))
        target = target_id and unused_id("we")
        endpoint = an_endpoint(tenant_id=tenant_id, id=target or unused_id("we"))
        numbered = {number: a_delivery_to(endpoint, number) for number in numbers}
        made(deliveries, *numbered.values())

        listed = deliveries.newest_first(
            tenant_id,
            target_id=target,
            before=None if before is None else id_of(before),
            since=None if since is None else id_of(since),
        )

        below = 100 if before is None else before
        within = sorted((it for it in numbers if (since or 0) <= it < below), reverse=True)
        assert list(listed) == [numbered[number] for number in within]

    @pytest.mark.parametrize("target_id", [None, HERE.id])
    def test_a_delivery_that_cannot_be_read_is_left_out(
        self, deliveries: DeliveryStore, spoil: Spoil, target_id: str | None
    ) -> None:
        first, second, third = made(deliveries, *(a_delivery_to(HERE, it) for it in (1, 2, 3)))
        spoil(second)

        assert list(deliveries.newest_first(TENANT, target_id=target_id)) == [third, first]

    @pytest.mark.parametrize(
        "before",
        [
            pytest.param(delivered, id="delivered"),
            pytest.param(given_up, id="exhausted"),
            pytest.param(fresh.cancelled(NOON), id="cancelled"),
            pytest.param(delayed, id="waiting"),
            pytest.param(held, id="abandoned"),
        ],
    )
    def test_reopen_begins_a_new_round(self, deliveries: DeliveryStore, before: Delivery) -> None:
        deliveries.create(before)

        deliveries.reopen(before, reopened(before), at=NOON + HOUR)

        assert deliveries.get(TENANT, before.id) == reopened(before)

    def test_reopening_again_what_was_reopened_is_done_already(
        self, deliveries: DeliveryStore
    ) -> None:
        deliveries.create(delivered)
        deliveries.reopen(delivered, reopened(delivered), at=NOON + HOUR)

        deliveries.reopen(delivered, reopened(delivered), at=NOON + HOUR)

        assert deliveries.get(TENANT, fresh.id) == reopened(delivered)

    def test_reopen_leaves_alone_what_is_in_hands(self, deliveries: DeliveryStore) -> None:
        deliveries.create(held)

        with pytest.raises(LostRaceError):
            deliveries.reopen(held, reopened(held), at=NOON + DELIVERY_LEASE)
        deliveries.reopen(held, reopened(held), at=AFTER_A_LEASE)

        assert deliveries.get(TENANT, fresh.id) == reopened(held)

    @pytest.mark.parametrize(
        "there",
        [
            pytest.param(delivered, id="delivered late"),
            pytest.param(delayed, id="delayed late"),
            pytest.param(delayed.claimed(NOON + HOUR, DELIVERY_LEASE), id="claimed again"),
            pytest.param(reopened(delayed), id="reopened"),
        ],
    )
    def test_reopen_refuses_a_delivery_that_has_changed_since(
        self, deliveries: DeliveryStore, there: Delivery
    ) -> None:
        deliveries.create(there)

        with pytest.raises(LostRaceError):
            deliveries.reopen(held, reopened(held), at=NOON + HOUR)

        assert deliveries.get(TENANT, fresh.id) == there

    def test_reopen_makes_no_delivery_that_is_gone(self, deliveries: DeliveryStore) -> None:
        with pytest.raises(LostRaceError):
            deliveries.reopen(delivered, reopened(delivered), at=NOON + HOUR)

        assert list(deliveries.newest_first(TENANT)) == []


class TestInMemoryDeliveryStore(DeliveryStoreReadingContract):
    @pytest.fixture
    def deliveries(self) -> DeliveryStore:
        return InMemoryDeliveryStore()

    @pytest.fixture
    def spoil(self, deliveries: InMemoryDeliveryStore) -> Spoil:
        return lambda delivery: deliveries.unreadable.add(delivery.id)


class TestDynamoDBDeliveryStore(DeliveryStoreReadingContract):
    @pytest.fixture
    def deliveries(self, cloud: Cloud) -> DeliveryStore:
        return DynamoDBDeliveryStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(delivery: Delivery) -> None:
            row = to_new_row(delivery) | to_item({"status": "dreaming"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil

    def test_a_list_reads_only_as_far_as_is_asked_for(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        deliveries = DynamoDBDeliveryStore(client, TABLE)
        made(deliveries, *(a_delivery_to(HERE, number) for number in range(2 * PAGE_ROWS)))
        asked: list[str] = []
        for operation in ("Query", "BatchGetItem"):
            client.meta.events.register(
                f"before-send.dynamodb.{operation}", lambda **_: asked.append("once")
            )

        first_page = list(islice(deliveries.newest_first(TENANT), PAGE_ROWS))

        assert len(first_page) == PAGE_ROWS
        assert len(asked) == 2

    def test_another_tenants_target_costs_no_more_than_one_that_is_not_there(
        self, cloud: Cloud
    ) -> None:
        client = cloud.dynamodb()
        deliveries = DynamoDBDeliveryStore(client, TABLE)
        made(deliveries, *(a_delivery_to(HERE, number) for number in range(2 * PAGE_ROWS)))
        asked: list[str] = []
        client.meta.events.register("before-send.dynamodb.Query", lambda **_: asked.append("once"))

        listed = list(deliveries.newest_first(OTHER_TENANT, target_id=HERE.id))

        assert listed == []
        assert len(asked) == 1

    def test_what_has_expired_while_the_index_names_it_is_not_found(self, cloud: Cloud) -> None:
        """The index follows the table a moment later."""
        client = cloud.dynamodb()
        deliveries = DynamoDBDeliveryStore(client, TABLE)
        deliveries.create(fresh)

        def expire(**_: object) -> None:
            key = {name: value for name, value in to_new_row(fresh).items() if name in {"pk", "sk"}}
            cloud.dynamodb().delete_item(TableName=TABLE, Key=key)

        for operation in ("GetItem", "BatchGetItem"):
            client.meta.events.register(f"before-send.dynamodb.{operation}", expire)

        with pytest.raises(NotFoundError):
            deliveries.get(TENANT, fresh.id)
        deliveries.create(fresh)
        assert list(deliveries.newest_first(TENANT)) == []
