"""A delivery round by round: each has the whole schedule, and all of them one list of attempts."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import WEBHOOK_SCHEDULE, WEBHOOK_SPAN_MAX
from relay.domain.delivery import ATTEMPTS_KEPT, DELIVERY_LEASE, Delivery, DeliveryStatus
from relay.domain.webhook_exchange import WebhookAnswer
from tests.fakes.clock import NOON
from tests.fakes.examples import a_delivery, a_delivery_to, an_endpoint, an_endpoint_id
from tests.fakes.strategies import chances
from tests.fakes.webhook_sender import answered, unanswered

DAY = timedelta(days=1)
NO = answered(500)
PENDING, EXHAUSTED = DeliveryStatus.PENDING, DeliveryStatus.EXHAUSTED


def reopened(
    delivery: Delivery,
    at: datetime,
    *,
    round_id: str = "rnd_1",
    payload: Literal["full", "thin"] = "full",
) -> Delivery:
    return delivery.reopened(at, round_id=round_id, payload=payload, legacy=False)


def attempted(delivery: Delivery, answer: WebhookAnswer = NO, *, chance: float = 0.5) -> Delivery:
    """Return a delivery after an attempt that was made when it was due."""
    at = delivery.next_attempt_at
    return delivery.claimed(at, DELIVERY_LEASE).attempted(answer, at=at, chance=chance)


def to_its_end(delivery: Delivery, answer: WebhookAnswer = NO, *, chance: float = 0.5) -> Delivery:
    while delivery.status is PENDING:  # ends with the schedule
        delivery = attempted(delivery, answer, chance=chance)
    return delivery


def waits(delivery: Delivery) -> list[timedelta]:
    moments = [attempt.at for attempt in delivery.attempts]
    return [later - earlier for earlier, later in pairwise(moments)]


def test_a_new_round_is_due_at_once_and_forgets_nothing() -> None:
    exhausted = to_its_end(a_delivery())
    later = NOON + 9 * DAY

    delivery = reopened(exhausted, later, payload="thin")

    assert (delivery.status, delivery.finished_at) == (PENDING, None)
    assert delivery.next_attempt_at == delivery.opened_at == later
    assert (delivery.round_id, delivery.payload) == ("rnd_1", "thin")
    assert (delivery.attempts, delivery.attempts_before) == (exhausted.attempts, 10)
    assert delivery.created_at == NOON


def test_each_round_has_the_whole_schedule_and_its_attempts_are_numbered_on() -> None:
    later = NOON + 9 * DAY

    delivery = to_its_end(reopened(to_its_end(a_delivery()), later))

    assert delivery.status is EXHAUSTED
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, 21))
    assert waits(delivery)[:9] == waits(delivery)[10:] == list(WEBHOOK_SCHEDULE)
    assert [it.outcome for it in delivery.attempts[9:11]] == ["gave_up", "retry"]


def test_a_round_that_opens_in_mid_schedule_begins_it_anew() -> None:
    third = attempted(attempted(attempted(a_delivery())))

    delivery = attempted(reopened(third, NOON + DAY))

    assert delivery.attempts[-1].number == 4
    assert delivery.next_attempt_at == NOON + DAY + WEBHOOK_SCHEDULE[0]


def test_an_attempt_of_the_former_round_cannot_be_recorded_in_the_new_one() -> None:
    held = a_delivery().claimed(NOON, DELIVERY_LEASE)

    delivery = reopened(held, NOON + DAY)

    assert delivery.fence > held.fence
    assert delivery.lease_until is None


def test_a_round_gives_up_the_turn_that_was_waited_for() -> None:
    waiting = a_delivery().held(NOON + DAY, turn_at=NOON + DAY)

    assert reopened(waiting, NOON).turn_at is None


def test_a_round_ends_so_long_after_it_was_opened() -> None:
    delivery = a_delivery()

    assert delivery.ends_at == NOON + WEBHOOK_SPAN_MAX
    assert reopened(delivery, NOON + 9 * DAY).ends_at == NOON + 9 * DAY + WEBHOOK_SPAN_MAX


def test_a_row_is_kept_for_as_long_as_a_round_may_last() -> None:
    old = a_delivery(purge_at=NOON + DAY)
    young = a_delivery()

    assert reopened(old, NOON).purge_at == NOON + WEBHOOK_SPAN_MAX
    assert reopened(young, NOON).purge_at == young.purge_at


@given(chances)
def test_the_schedule_at_its_longest_is_done_before_its_round_must_end(chance: float) -> None:
    delivery = to_its_end(a_delivery(), unanswered(), chance=chance)

    assert len(delivery.attempts) == len(WEBHOOK_SCHEDULE) + 1
    assert delivery.attempts[-1].at + DAY < delivery.ends_at


@given(
    asked=st.lists(st.sampled_from([0, 8, 24]), min_size=6, max_size=12),
    chance=chances,
    late=st.integers(0, 60),
)
def test_whatever_a_receiver_asks_for_a_round_ends_when_it_must(
    asked: list[int], chance: float, late: int
) -> None:
    """A day's Retry-After, nine times, led beyond the end, where the row may be purged already."""
    delivery = a_delivery()
    for hours in asked:
        if delivery.status is not PENDING:
            break
        at = delivery.next_attempt_at + timedelta(seconds=late)
        answer = answered(503, retry_after=timedelta(hours=hours))
        delivery = delivery.claimed(at, DELIVERY_LEASE).attempted(answer, at=at, chance=chance)

    assert delivery.status is EXHAUSTED or delivery.next_attempt_at <= delivery.ends_at


def test_a_round_in_which_more_time_was_asked_for_than_it_has_is_exhausted_at_its_end() -> None:
    delivery = to_its_end(a_delivery(), answered(503, retry_after=DAY))

    assert delivery.status is EXHAUSTED
    assert delivery.finished_at == delivery.ends_at
    assert [it.outcome for it in delivery.attempts] == ["retry"] * 5 + ["gave_up"]


def test_what_waits_for_its_turn_has_been_attempted_no_further() -> None:
    claimed = a_delivery().claimed(NOON, DELIVERY_LEASE)

    waiting = claimed.held(NOON + DAY, turn_at=NOON + DAY)

    assert waiting == replace(
        claimed, lease_until=None, next_attempt_at=NOON + DAY, turn_at=NOON + DAY
    )


def test_a_turn_is_taken_once() -> None:
    waiting = a_delivery().held(NOON, turn_at=NOON)

    assert attempted(waiting).turn_at is None
    assert attempted(waiting, answered(200)).turn_at is None
    assert waiting.cancelled(NOON).turn_at is None


def test_what_got_no_turn_is_given_up_and_its_attempts_say_why() -> None:
    failed = attempted(a_delivery())

    delivery = failed.claimed(NOON + DAY, DELIVERY_LEASE).given_up(NOON + DAY, "no turn was free")

    assert (delivery.status, delivery.finished_at) == (EXHAUSTED, NOON + DAY)
    assert (delivery.lease_until, delivery.turn_at) == (None, None)
    last = delivery.attempts[-1]
    assert (last.number, last.at, last.outcome) == (2, NOON + DAY, "gave_up")
    assert (last.status_code, last.reason) == (None, "no turn was free")


def test_of_many_rounds_the_newest_attempts_are_kept_and_their_numbers() -> None:
    delivery = a_delivery()
    for number in range(12):
        delivery = to_its_end(reopened(delivery, NOON + number * 9 * DAY, round_id=f"rnd_{number}"))
    given_up = reopened(delivery, NOON + 200 * DAY).given_up(NOON + 200 * DAY, "x")

    assert len(delivery.attempts) == len(given_up.attempts) == ATTEMPTS_KEPT
    assert [attempt.number for attempt in delivery.attempts] == list(range(81, 121))
    assert given_up.attempts[-1].number == 121


def test_a_test_is_attempted_once_in_each_round() -> None:
    test = a_delivery_to(an_endpoint(), event_type="endpoint.test")

    failed = attempted(test)
    again = attempted(reopened(failed, NOON + DAY))

    assert failed.status is again.status is EXHAUSTED
    assert [attempt.outcome for attempt in again.attempts] == ["gave_up", "gave_up"]
    assert attempted(test, answered(200)).status is DeliveryStatus.DELIVERED


def test_where_it_goes_is_known_by_its_target() -> None:
    assert a_delivery_to(an_endpoint()).endpoint_id == an_endpoint_id()
    assert a_delivery().endpoint_id is None


@pytest.mark.parametrize(
    ("lease_until", "is_in_hands"),
    [(None, False), (NOON, True), (NOON - timedelta(milliseconds=1), False)],
)
def test_it_is_in_hands_until_its_lease_has_ended(
    lease_until: datetime | None,
    is_in_hands: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    assert a_delivery(lease_until=lease_until).is_in_hands(NOON) is is_in_hands
