"""Opening a new round of a delivery: once for each name that a round can have."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.delivering import delivery_of
from relay.domain.delivery import DELIVERY_LEASE, Delivery, DeliveryStatus
from relay.domain.messages import delivery_message
from relay.domain.wheel import HintKind, Purpose
from relay.use_cases.redeliver import Redeliver
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.examples import TENANT, a_delivery, a_delivery_to, an_endpoint, an_event
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.wheel import InMemoryWheel

HOUR = timedelta(hours=1)
ENDPOINT = an_endpoint(payload="thin", legacy_signature=True)
EXHAUSTED: dict[str, Any] = {"status": DeliveryStatus.EXHAUSTED, "finished_at": NOON - HOUR}


class Redelivering:
    def __init__(self, *deliveries: Delivery, seam: Seam = QUIET) -> None:
        self.deliveries = InMemoryDeliveryStore(seam)
        self.wheel = InMemoryWheel(seam)
        self.queue = InMemoryQueue(FakeClock(), seam, name="deliveries")
        self.redeliver = Redeliver(deliveries=self.deliveries, wheel=self.wheel, queue=self.queue)
        for delivery in deliveries:
            self.deliveries.create(delivery)

    def event(self, round_id: str = "rnd_2") -> Delivery:
        return self.redeliver.event(an_event(), ENDPOINT, round_id=round_id, at=NOON)

    def again(self, delivery: Delivery, round_id: str = "rnd_2", **to: Any) -> Delivery:
        facts = {"payload_of": ENDPOINT} | to
        return self.redeliver.again(delivery, round_id=round_id, at=NOON, **facts)

    @property
    def delivery(self) -> Delivery:
        (delivery,) = self.deliveries.all()
        return delivery


def exhausted(**changes: Any) -> Delivery:
    return replace(delivery_of(an_event(), ENDPOINT, NOON - HOUR), **(EXHAUSTED | changes))


def test_an_event_that_never_went_there_goes_for_the_first_time() -> None:
    there = Redelivering()

    delivery = there.event()

    expected = replace(delivery_of(an_event(), ENDPOINT, NOON), round_id="rnd_2")
    assert delivery == there.delivery == expected
    assert [it.group for it in there.queue.messages] == [TENANT]


def test_an_event_that_went_there_goes_again_under_the_same_ids() -> None:
    before = exhausted(payload="full")
    there = Redelivering(before)

    delivery = there.event()

    assert delivery == there.delivery
    assert (delivery.id, delivery.event_id) == (before.id, before.event_id)
    assert (delivery.status, delivery.round_id) == (DeliveryStatus.PENDING, "rnd_2")
    assert (delivery.payload, delivery.legacy_signature) == ("thin", True)
    assert len(there.queue.messages) == 1


def test_what_was_delivered_can_be_delivered_again() -> None:
    there = Redelivering(exhausted(status=DeliveryStatus.DELIVERED))

    assert there.event().status is DeliveryStatus.PENDING


def test_a_new_round_is_watched_over_and_gets_its_message() -> None:
    before = exhausted()
    there = Redelivering(before)

    there.again(before)

    (hint,) = there.wheel.all()
    assert (hint.purpose, hint.kind) == (Purpose.WATCH, HintKind.DELIVERY)
    assert (hint.owner, hint.id) == (before.target_id, before.id)
    assert there.queue.messages[0].body == json.dumps(delivery_message(before))


def test_a_round_is_opened_once_however_often_it_is_asked_for() -> None:
    there = Redelivering(exhausted())

    first, second = there.event(), there.event()

    assert first == second == there.delivery
    assert len(there.queue.messages) == 1


@pytest.mark.parametrize(("round_id", "is_opened"), [("rnd_1", False), ("rnd_3", True)])
def test_only_a_later_round_follows_another(
    round_id: str,
    is_opened: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    before = exhausted(round_id="rnd_2")
    there = Redelivering(before)

    there.again(before, round_id)

    assert (there.delivery != before) is is_opened
    assert bool(there.queue.messages) is is_opened


def test_while_an_attempt_is_under_way_no_round_is_opened() -> None:
    before = a_delivery_to(ENDPOINT).claimed(NOON, DELIVERY_LEASE)
    there = Redelivering(before)

    assert there.again(before) == there.delivery == before
    assert there.wheel.all() == []


def test_an_attempt_whose_deliverer_is_gone_holds_up_no_round() -> None:
    before = a_delivery_to(ENDPOINT).claimed(NOON - HOUR, DELIVERY_LEASE)
    there = Redelivering(before)

    assert there.again(before).round_id == "rnd_2"


def test_a_callback_keeps_its_own_payload() -> None:
    before = a_delivery(**EXHAUSTED)
    there = Redelivering(before)

    after = there.again(before, payload_of=None)

    assert (after.payload, after.legacy_signature) == ("full", False)
    assert after.url == before.url


def test_one_who_comes_second_returns_what_the_first_has_opened() -> None:
    meanwhile = Meanwhile("deliveries.reopen")
    before = exhausted()
    there = Redelivering(before, seam=meanwhile)
    meanwhile.act = lambda: there.again(before, "rnd_1")

    after = there.again(before)

    assert after == there.delivery
    assert after.round_id == "rnd_1"
    assert len(there.queue.messages) == 1


def test_one_that_nobody_can_read_is_not_touched() -> None:
    before = exhausted()
    there = Redelivering(before)
    there.deliveries.unreadable = {before.id}

    there.event()

    assert there.delivery == before
    assert there.queue.messages == []


@pytest.mark.parametrize("call", ["deliveries.reopen", "deliveries.send"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_crash_leaves_a_round_that_the_wheel_knows_or_none(
    call: str,
    is_after: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    there = Redelivering(exhausted(), seam=Trouble(call, Crash(), is_after=is_after, times=1))

    with pytest.raises(Crash):
        there.event()

    assert {hint.id for hint in there.wheel.all()} == {there.delivery.id}
    assert there.event().round_id == "rnd_2"
    assert there.delivery.fence == 1
