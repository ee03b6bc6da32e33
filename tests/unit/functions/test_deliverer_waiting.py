"""Who carries a delivery that must wait: its message for a while, then the wheel."""

from datetime import timedelta

import pytest

from functions.deliverer.deliver import LOOK_AGAIN_AFTER
from relay.domain.backoff import WEBHOOK_SCHEDULE
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.errors import UnavailableError
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.seam import Seam
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.webhook_sender import answered
from tests.unit.functions.deliverer_on_fakes import Deliverer

NO = answered(500)
YES = answered(200)
BY_MESSAGE = 2
"""How many waits the message carries: 5 s and 5 min."""


def after_two_failures(seam: Seam | None = None) -> Deliverer:
    """Return a deliverer whose only delivery is about to fail for the third time."""
    deliverer = Deliverer(NO, seam=seam or Seam())
    deliverer.add()
    for _ in range(BY_MESSAGE):
        deliverer.run()
        assert deliverer.comes_back_at is not None
        deliverer.clock.at = deliverer.comes_back_at
    return deliverer


def test_the_message_carries_the_first_two_waits() -> None:
    deliverer = Deliverer(NO)
    deliverer.add()

    for wait in WEBHOOK_SCHEDULE[:BY_MESSAGE]:
        assert len(deliverer.run()) == 1
        assert deliverer.comes_back_at == deliverer.clock.at + wait
        deliverer.clock.at += wait

    assert deliverer.wheel.all() == []


def test_the_wheel_carries_the_third_and_the_message_goes() -> None:
    deliverer = after_two_failures()

    assert deliverer.run() == []

    (hint,) = deliverer.wheel.all()
    delivery = deliverer.delivery
    assert deliverer.queue.messages == []
    assert (hint.purpose, hint.kind) == (Purpose.WAKE, HintKind.DELIVERY)
    assert (hint.owner, hint.id) == (delivery.target_id, delivery.id)
    assert hint.at == delivery.next_attempt_at == deliverer.clock.at + WEBHOOK_SCHEDULE[2]


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_longer_retry_after_is_honoured_by_the_wheel(status: int) -> None:
    deliverer = Deliverer(answered(status, retry_after=timedelta(hours=1)), YES)
    deliverer.add()

    assert deliverer.run() == []
    assert deliverer.delivery.next_attempt_at == NOON + timedelta(hours=1)
    assert deliverer.is_woken_at == NOON + timedelta(hours=1)
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    assert deliverer.clock.at - NOON < timedelta(hours=1, seconds=2)


def test_a_retry_after_that_a_message_can_carry_is_its_own() -> None:
    deliverer = Deliverer(answered(503, retry_after=timedelta(minutes=15)))
    deliverer.add()

    deliverer.run()

    assert deliverer.comes_back_at == NOON + timedelta(minutes=15)
    assert deliverer.wheel.all() == []


def test_a_message_that_comes_early_too_often_leaves_the_delivery_to_the_wheel() -> None:
    deliverer = Deliverer(answered(503, retry_after=timedelta(minutes=10)))
    delivery = deliverer.add()
    deliverer.run()
    deliverer.queue.messages.clear()
    deliverer.send(delivery)
    deliverer.queue.messages[0].receives = BY_MESSAGE

    assert deliverer.run() == []

    assert deliverer.log.lines[-1]["outcome"] == "not_due"
    assert deliverer.is_woken_at == NOON + timedelta(minutes=10)
    assert len(deliverer.posts) == 1


def test_a_wait_is_carried_by_how_often_the_message_came_and_not_by_how_often_it_failed() -> None:
    deliverer = Deliverer(NO)
    delivery = deliverer.add()
    deliverer.queue.messages[0].receives = BY_MESSAGE

    assert deliverer.run() == []
    assert deliverer.is_woken_at is not None
    deliverer.clock.at = NOON + WEBHOOK_SCHEDULE[0]
    deliverer.send(delivery)

    assert len(deliverer.run()) == 1
    assert deliverer.comes_back_at == deliverer.clock.at + WEBHOOK_SCHEDULE[1]
    assert len(deliverer.delivery.attempts) == len(deliverer.posts) == 2


def test_a_delivery_in_other_hands_is_looked_at_when_their_lease_ends() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()
    deliverer.deliveries.claim(delivery.target_id, delivery.id, at=NOON, lease=DELIVERY_LEASE)

    assert len(deliverer.run()) == 1
    assert deliverer.comes_back_at == NOON + DELIVERY_LEASE
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"


def test_the_wheel_knows_before_the_row_so_that_a_crash_between_them_loses_nothing() -> None:
    crash = Trouble("wheel.put", Crash(), is_after=True, times=1)
    deliverer = after_two_failures(crash)

    with pytest.raises(BaseExceptionGroup):
        deliverer.run()

    assert len(deliverer.delivery.attempts) == BY_MESSAGE
    assert deliverer.is_woken_at is not None
    deliverer.run_to_the_end()
    assert deliverer.status == "exhausted"
    assert len(deliverer.delivery.attempts) == 10


@pytest.mark.parametrize("call", ["wheel.put", "deliveries.save"])
def test_a_crash_that_takes_the_message_along_leaves_the_delivery_to_the_wheel(call: str) -> None:
    crash = Trouble(call, Crash(), is_after=True, times=0)
    deliverer = after_two_failures(crash)
    crash.times = 1

    with pytest.raises(BaseExceptionGroup):
        deliverer.run()
    deliverer.queue.messages.clear()
    deliverer.run_to_the_end()

    assert deliverer.status == "exhausted"


def test_an_outage_of_the_wheel_is_insisted_on_since_the_post_has_been_made() -> None:
    deliverer = after_two_failures(Trouble("wheel.put", times=2))

    assert deliverer.run() == []

    assert len(deliverer.delivery.attempts) == len(deliverer.posts) == BY_MESSAGE + 1
    assert deliverer.is_woken_at is not None


def test_an_outage_of_the_wheel_that_outlasts_the_lease_keeps_the_message() -> None:
    outage = Trouble("wheel.put", UnavailableError("wheel.put"))
    deliverer = after_two_failures(outage)

    assert len(deliverer.run()) == 1
    assert deliverer.comes_back_at == deliverer.clock.at + LOOK_AGAIN_AFTER
    outage.end()
    deliverer.run_to_the_end()

    assert deliverer.status == "exhausted"
    assert len(deliverer.delivery.attempts) == 10


def test_an_outage_of_the_wheel_while_a_delivery_is_not_due_keeps_the_message() -> None:
    deliverer = Deliverer(
        answered(503, retry_after=timedelta(minutes=10)), YES, seam=Trouble("wheel.put", times=1)
    )
    delivery = deliverer.add()
    deliverer.run()
    deliverer.send(delivery)
    deliverer.queue.messages[-1].receives = BY_MESSAGE

    assert len(deliverer.run()) == 1

    assert deliverer.log.lines[-1]["outcome"] == "error"
    deliverer.run_to_the_end()
    assert deliverer.status == "delivered"


def test_a_hint_that_was_written_for_an_attempt_that_lost_does_no_harm() -> None:
    deliverer = after_two_failures()
    delivery = deliverer.delivery

    def overrun(_: WebhookRequest) -> WebhookAnswer:
        deliverer.clock.wait(DELIVERY_LEASE + timedelta(seconds=1))
        claimed = deliverer.deliveries.claim(
            delivery.target_id, delivery.id, at=deliverer.clock.at, lease=DELIVERY_LEASE
        )
        rival = claimed.attempted(YES, at=deliverer.clock.at, chance=0.5)
        deliverer.deliveries.save(claimed, rival)
        return NO

    deliverer.sender.script = overrun
    deliverer.run()
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    assert len(deliverer.delivery.attempts) == BY_MESSAGE + 1
