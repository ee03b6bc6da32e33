from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore
from relay.aws.delivery_row import to_row
from relay.aws.values import to_item
from relay.domain.delivery import DELIVERY_LEASE, Delivery, DeliveryStatus
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import DeliveryId
from relay.ports import DeliveryStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.examples import a_delivery
from tests.fakes.strategies import deliveries as any_deliveries
from tests.fakes.strategies import unused_id
from tests.fakes.webhook_sender import answered, unanswered

A_TICK = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
AFTER_A_LEASE = NOON + DELIVERY_LEASE + A_TICK

held = a_delivery().claimed(NOON, DELIVERY_LEASE)
delivered = held.attempted(answered(200), at=NOON + SECOND, chance=0.5)
delayed = held.attempted(unanswered(), at=NOON + SECOND, chance=0.5)


def claim(store: DeliveryStore, at: datetime) -> Delivery:
    delivery = a_delivery()
    return store.claim(delivery.target_id, delivery.id, at=at, lease=DELIVERY_LEASE)


type Spoil = Callable[[Delivery], None]
"""Makes the row of a delivery one that this code cannot read."""


def name_of(delivery: Delivery) -> tuple[str, DeliveryId]:
    return delivery.target_id, delivery.id


class DeliveryStoreContract:
    @pytest.fixture
    def deliveries(self) -> DeliveryStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    def test_a_delivery_is_made_once(self, deliveries: DeliveryStore) -> None:
        deliveries.create(a_delivery())

        with pytest.raises(AlreadyExistsError):
            deliveries.create(a_delivery(url="https://example.com/another"))

        assert claim(deliveries, NOON).url == a_delivery().url

    @pytest.mark.parametrize(
        ("delivery", "at"),
        [
            pytest.param(a_delivery(), NOON, id="due just now"),
            pytest.param(held, AFTER_A_LEASE, id="abandoned"),
            pytest.param(delayed, delayed.next_attempt_at, id="due again"),
        ],
    )
    def test_claim_takes_a_delivery_as_the_domain_says(
        self, deliveries: DeliveryStore, delivery: Delivery, at: datetime
    ) -> None:
        deliveries.create(delivery)

        assert claim(deliveries, at) == delivery.claimed(at, DELIVERY_LEASE)

    @pytest.mark.parametrize(
        ("delivery", "at"),
        [
            pytest.param(a_delivery(), NOON - A_TICK, id="not due"),
            pytest.param(held, AFTER_A_LEASE - A_TICK, id="under a live lease"),
            pytest.param(delayed, delayed.next_attempt_at - A_TICK, id="not due again"),
            pytest.param(delivered, AFTER_A_LEASE, id="delivered"),
            pytest.param(a_delivery().cancelled(NOON), NOON, id="cancelled"),
            pytest.param(
                replace(delivered, status=DeliveryStatus.EXHAUSTED), AFTER_A_LEASE, id="exhausted"
            ),
        ],
    )
    def test_claim_refuses_a_delivery_that_cannot_be_attempted_now(
        self, deliveries: DeliveryStore, delivery: Delivery, at: datetime
    ) -> None:
        deliveries.create(delivery)

        with pytest.raises(DeliveryNotClaimableError) as refusal:
            claim(deliveries, at)

        assert refusal.value.delivery == delivery

    def test_claim_finds_no_unknown_delivery(self, deliveries: DeliveryStore) -> None:
        deliveries.create(a_delivery())

        with pytest.raises(NotFoundError):
            deliveries.claim("another", a_delivery().id, at=NOON, lease=DELIVERY_LEASE)
        with pytest.raises(NotFoundError):
            deliveries.claim(
                a_delivery().target_id, DeliveryId("dlv_another"), at=NOON, lease=DELIVERY_LEASE
            )

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(delivery=any_deliveries(), target_id=st.uuids().map(str))
    def test_every_part_of_a_delivery_is_kept(
        self, deliveries: DeliveryStore, delivery: Delivery, target_id: str
    ) -> None:
        """Read through a refusal: before its first attempt is due, none can be claimed."""
        kept = replace(delivery, target_id=target_id)
        deliveries.create(kept)

        with pytest.raises(DeliveryNotClaimableError) as refusal:
            deliveries.claim(
                target_id, kept.id, at=kept.next_attempt_at - A_TICK, lease=DELIVERY_LEASE
            )

        assert refusal.value.delivery == kept

    @pytest.mark.parametrize(
        "after",
        [
            pytest.param(delivered, id="delivered"),
            pytest.param(delayed, id="delayed"),
            pytest.param(held.attempted(answered(410), at=NOON, chance=0.5), id="given up"),
            pytest.param(held.cancelled(NOON), id="cancelled"),
        ],
    )
    def test_save_writes_what_came_of_an_attempt(
        self, deliveries: DeliveryStore, after: Delivery
    ) -> None:
        deliveries.create(a_delivery())
        deliveries.save(claim(deliveries, NOON), after)

        with pytest.raises(DeliveryNotClaimableError) as refusal:
            claim(deliveries, NOON)

        assert refusal.value.delivery == after

    def test_saving_again_what_was_saved_is_done_already(self, deliveries: DeliveryStore) -> None:
        deliveries.create(a_delivery())
        before = claim(deliveries, NOON)
        deliveries.save(before, delivered)

        deliveries.save(before, delivered)

    def test_save_refuses_a_deliverer_whose_lease_was_taken_over(
        self, deliveries: DeliveryStore
    ) -> None:
        deliveries.create(a_delivery())
        late = claim(deliveries, NOON)
        rival = claim(deliveries, AFTER_A_LEASE)

        with pytest.raises(LostLeaseError):
            deliveries.save(late, delivered)

        deliveries.save(rival, replace(delivered, fence=rival.fence))

    def test_save_refuses_another_end_than_the_one_that_was_saved(
        self, deliveries: DeliveryStore
    ) -> None:
        deliveries.create(a_delivery())
        before = claim(deliveries, NOON)
        deliveries.save(before, delivered)

        with pytest.raises(LostLeaseError):
            deliveries.save(before, delayed)

    def test_save_makes_no_delivery_that_is_gone(self, deliveries: DeliveryStore) -> None:
        with pytest.raises(LostLeaseError):
            deliveries.save(held, delivered)

        with pytest.raises(NotFoundError):
            claim(deliveries, NOON)

    @pytest.mark.parametrize("number", [0, 1, 100, 101])
    def test_any_number_of_deliveries_is_found(
        self, deliveries: DeliveryStore, number: int
    ) -> None:
        made = [a_delivery(target_id=f"target-{index}") for index in range(number)]
        made = [replace(it, id=DeliveryId(unused_id("dlv"))) for it in made]
        for delivery in made:
            deliveries.create(delivery)

        found = deliveries.find([name_of(delivery) for delivery in made])

        assert found.rows == {delivery.id: delivery for delivery in made}

    @pytest.mark.parametrize("delivery", [a_delivery(), held, delayed, delivered])
    def test_a_delivery_is_found_whatever_has_become_of_it(
        self, deliveries: DeliveryStore, delivery: Delivery
    ) -> None:
        deliveries.create(delivery)

        names = [name_of(delivery), name_of(delivery), ("another", delivery.id)]
        assert deliveries.find(names).rows == {delivery.id: delivery}
        assert deliveries.find([("another", delivery.id)]).rows == {}

    def test_a_delivery_that_cannot_be_read_is_told_and_holds_up_no_other(
        self, deliveries: DeliveryStore, spoil: Spoil
    ) -> None:
        first, second = a_delivery(), a_delivery(id=DeliveryId(unused_id("dlv")))
        deliveries.create(first)
        deliveries.create(second)
        spoil(first)

        found = deliveries.find([name_of(first), name_of(second)])

        assert found.rows == {second.id: second}
        assert found.unreadable == {first.id}


class TestInMemoryDeliveryStore(DeliveryStoreContract):
    @pytest.fixture
    def deliveries(self) -> DeliveryStore:
        return InMemoryDeliveryStore()

    @pytest.fixture
    def spoil(self, deliveries: InMemoryDeliveryStore) -> Spoil:
        return lambda delivery: deliveries.unreadable.add(delivery.id)


class TestDynamoDBDeliveryStore(DeliveryStoreContract):
    @pytest.fixture
    def deliveries(self, cloud: Cloud) -> DeliveryStore:
        return DynamoDBDeliveryStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(delivery: Delivery) -> None:
            row = to_row(delivery) | to_item({"status": "dreaming"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil
