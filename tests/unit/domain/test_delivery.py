from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import WEBHOOK_SCHEDULE
from relay.domain.delivery import DELIVERY_LEASE, Delivery, DeliveryStatus, judge
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure
from tests.fakes.clock import NOON
from tests.fakes.examples import a_delivery
from tests.fakes.strategies import chances
from tests.fakes.webhook_sender import answered, unanswered

held = a_delivery().claimed(NOON, DELIVERY_LEASE)


def attempted(answer: WebhookAnswer, *, chance: float = 0.5) -> Delivery:
    return held.attempted(answer, at=NOON, chance=chance)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (answered(200), "delivered", "server answered 200"),
        (answered(204), "delivered", "server answered 204"),
        (answered(299), "delivered", "server answered 299"),
        (answered(301), "retry", "server answered 301: redirects are not followed"),
        (answered(304), "retry", "server answered 304: redirects are not followed"),
        (answered(400), "retry", "server answered 400"),
        (answered(404), "retry", "server answered 404"),
        (answered(410), "gave_up", "server answered 410: it wants no more of this"),
        (answered(429), "retry", "server answered 429"),
        (answered(503), "retry", "server answered 503"),
        (answered(101), "retry", "server answered 101"),
        *((unanswered(failure), "retry", failure.value) for failure in WebhookFailure),
    ],
)
def test_each_answer_means_what_the_contract_says(
    answer: WebhookAnswer, outcome: str, reason: str
) -> None:
    assert judge(answer) == (outcome, reason)


def test_a_delivered_event_is_done() -> None:
    delivery = attempted(answered(200))

    assert (delivery.status, delivery.finished_at) == (DeliveryStatus.DELIVERED, NOON)
    assert delivery.lease_until is None


def test_a_webhook_that_is_gone_ends_its_delivery() -> None:
    delivery = attempted(answered(410))

    assert (delivery.status, delivery.finished_at) == (DeliveryStatus.EXHAUSTED, NOON)
    assert delivery.attempts[-1].outcome == "gave_up"


def test_an_attempt_is_told_from_its_start() -> None:
    (attempt,) = attempted(answered(503)).attempts

    assert attempt.number == 1
    assert attempt.at == NOON - timedelta(milliseconds=12)
    assert attempt.duration == timedelta(milliseconds=12)
    assert (attempt.status_code, attempt.reason) == (503, "server answered 503")


def test_a_failing_webhook_is_tried_along_the_whole_schedule_and_then_no_more() -> None:
    delivery, waits = held, []

    while delivery.status is DeliveryStatus.PENDING:  # ends with the schedule
        at = delivery.next_attempt_at
        delivery = delivery.claimed(at, DELIVERY_LEASE)
        delivery = delivery.attempted(unanswered(), at=at, chance=0.5)
        waits.append(delivery.next_attempt_at - at)

    assert waits[:-1] == list(WEBHOOK_SCHEDULE)
    assert delivery.status is DeliveryStatus.EXHAUSTED
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, 11))
    assert [attempt.outcome for attempt in delivery.attempts] == ["retry"] * 9 + ["gave_up"]


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (None, timedelta(seconds=5)),
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(minutes=9), timedelta(minutes=9)),
    ],
)
def test_a_receiver_that_asks_for_more_time_gets_it(
    asked: timedelta | None, wait: timedelta
) -> None:
    delivery = attempted(answered(503, retry_after=asked))

    assert delivery.next_attempt_at == NOON + wait


@given(status=st.integers(100, 599), chance=chances)
def test_after_any_answer_a_delivery_is_over_or_due_later(status: int, chance: float) -> None:
    delivery = attempted(answered(status), chance=chance)

    assert delivery.lease_until is None
    if delivery.status is DeliveryStatus.PENDING:
        assert delivery.next_attempt_at > NOON
    else:
        assert delivery.finished_at == NOON


def test_what_is_gone_is_not_told() -> None:
    delivery = held.cancelled(NOON)

    assert (delivery.status, delivery.finished_at) == (DeliveryStatus.CANCELLED, NOON)
    assert delivery.lease_until is None


def test_a_claim_raises_the_fence() -> None:
    assert (held.fence, held.lease_until) == (1, NOON + DELIVERY_LEASE)


@pytest.mark.parametrize(
    ("delivery", "look"),
    [
        (a_delivery(), NOON),
        (held, NOON + DELIVERY_LEASE),
        (a_delivery(next_attempt_at=NOON + timedelta(hours=1)), NOON + timedelta(hours=1)),
    ],
)
def test_the_next_look_is_when_something_may_have_changed(delivery: Delivery, look: object) -> None:
    assert delivery.next_look(NOON) == look


@pytest.mark.parametrize("state", [{"status": DeliveryStatus.DELIVERED}, {"finished_at": NOON}])
def test_a_state_that_nothing_leads_to_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=a_delivery().id):
        replace(a_delivery(), **state)  # type: ignore[arg-type]
