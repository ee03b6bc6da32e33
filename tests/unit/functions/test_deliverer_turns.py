"""An endpoint that is slow or only fails: its deliveries take turns, and hold up nobody else's."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.deliverer.deliver import LOOK_AGAIN_AFTER
from relay.domain.backoff import WEBHOOK_SPAN_MAX
from relay.domain.delivering import delivery_of
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.event import endpoint_test
from relay.domain.ids import EventId, ulid
from relay.domain.webhook_endpoint import (
    FAILING_TURNS_APART,
    PACED_AFTER,
    TURN_PATIENCE,
    TURNS_APART,
    WebhookEndpoint,
)
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.examples import an_endpoint, an_endpoint_id
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.webhook_sender import answered, unanswered
from tests.unit.functions.endpoint_deliveries import ToEndpoint, slowly

MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
POST_TAKES_AT_MOST = timedelta(seconds=15)
"""The sender's time-out."""
ROUND_ENDS_AT = NOON + WEBHOOK_SPAN_MAX
SLOWLY = slowly(200)
NO = answered(500)


def slow(**changes: Any) -> WebhookEndpoint:
    return an_endpoint(event_types=("*",), **({"slow_since": NOON - MINUTE} | changes))


def failing(**changes: Any) -> WebhookEndpoint:
    return slow(slow_since=None, failing_since=NOON - PACED_AFTER, **changes)


def gaps(deliverer: ToEndpoint) -> list[timedelta]:
    """Return how far apart the posts began."""
    return [later - earlier for earlier, later in pairwise(sorted(deliverer.posted_at))]


class TestTurns:
    def test_the_first_goes_at_once_and_the_next_waits_for_its_turn(self) -> None:
        deliverer = ToEndpoint(SLOWLY, registered=slow())
        first, second = deliverer.tell(), deliverer.tell()

        assert len(deliverer.run()) == 1

        assert deliverer.as_it_is(first).status == "delivered"
        waiting = deliverer.as_it_is(second)
        assert waiting.turn_at == waiting.next_attempt_at == NOON + TURNS_APART
        assert (waiting.lease_until, waiting.attempts) == (None, ())
        assert deliverer.comes_back_at == NOON + TURNS_APART
        assert deliverer.log.lines[-1]["outcome"] == "held"

    def test_no_two_posts_meet_and_all_are_delivered(self) -> None:
        deliverer = ToEndpoint(SLOWLY, registered=slow())
        for _ in range(40):
            deliverer.tell()

        deliverer.run_to_the_end()

        assert {it.status for it in deliverer.deliveries.all()} == {"delivered"}
        assert len(deliverer.posts) == 40
        assert min(gaps(deliverer)) > POST_TAKES_AT_MOST

    @given(
        told_after=st.lists(st.integers(0, 120), min_size=2, max_size=8).map(sorted),
        late=st.lists(st.integers(0, 9_000), min_size=1, max_size=6),
    )
    def test_no_two_posts_meet_however_late_a_message_is_received(
        self, told_after: list[int], late: list[int]
    ) -> None:
        deliverer = ToEndpoint(SLOWLY, registered=slow())
        lateness = (late * 1000)[:1000]
        for seconds in told_after:
            deliverer.clock.at = max(deliverer.clock.at, NOON + seconds * SECOND)
            deliverer.tell()
        for milliseconds in lateness[:60]:
            at = deliverer.next_at()
            if at is None:
                break
            deliverer.clock.at = max(deliverer.clock.at, at) + milliseconds * MILLISECOND
            deliverer.run()

        assert all(gap > POST_TAKES_AT_MOST for gap in gaps(deliverer))
        assert all(len(it.attempts) <= 1 for it in deliverer.deliveries.all())

    def test_one_that_only_fails_is_asked_less_often_still(self) -> None:
        deliverer = ToEndpoint(unanswered(), registered=failing())
        for _ in range(3):
            deliverer.tell()

        for _ in range(3):
            deliverer.run()
            at = deliverer.comes_back_at
            assert at is not None
            deliverer.clock.at = at

        assert min(gaps(deliverer)) >= FAILING_TURNS_APART
        assert all(len(it.attempts) <= 1 for it in deliverer.deliveries.all())

    def test_others_are_not_held_up(self) -> None:
        deliverer = ToEndpoint(SLOWLY, registered=slow())
        quick = an_endpoint(id=an_endpoint_id(2), event_types=("*",))
        deliverer.endpoints.create(quick)
        endpoint = deliverer.endpoints.all()[0]
        deliverer.sender.script = lambda _: answered(200)
        for _ in range(5):
            deliverer.tell(endpoint)
            deliverer.tell(quick)
        deliverer.add()

        deliverer.run()
        deliverer.run()

        done = [it.target_id for it in deliverer.deliveries.all() if it.status == "delivered"]
        assert done.count(quick.id) == 5
        assert len(done) >= 7

    def test_whoever_is_well_takes_no_turns(self) -> None:
        deliverer = ToEndpoint(
            seam=Trouble("endpoints.take_turn"), registered=slow(slow_since=None)
        )
        for _ in range(5):
            deliverer.tell()

        assert deliverer.run() == []

        assert {it.status for it in deliverer.deliveries.all()} == {"delivered"}

    def test_a_test_waits_for_nobody(self) -> None:
        deliverer = ToEndpoint(registered=slow(turn_at=NOON + MINUTE))
        event = endpoint_test(deliverer.endpoint, EventId("evt_" + ulid(NOON, b"t" * 10)), NOON)
        deliverer.keep(delivery_of(event, deliverer.endpoint, NOON))

        deliverer.run()

        assert deliverer.status == "delivered"


class TestLateTurns:
    def after_its_turn(self, by: timedelta) -> ToEndpoint:
        """Return a deliverer whose only delivery is received so long after its turn."""
        deliverer = ToEndpoint(SLOWLY, registered=slow(turn_at=NOON + TURNS_APART))
        deliverer.tell()
        deliverer.run()
        assert deliverer.delivery.turn_at == NOON + TURNS_APART
        deliverer.clock.at = NOON + TURNS_APART + by
        return deliverer

    @pytest.mark.parametrize("by", [timedelta(0), TURN_PATIENCE])
    def test_a_turn_may_be_taken_a_little_late(self, by: timedelta) -> None:
        deliverer = self.after_its_turn(by)

        deliverer.run()

        assert deliverer.status == "delivered"

    def test_one_that_is_taken_later_is_forfeited_and_taken_anew(self) -> None:
        deliverer = self.after_its_turn(TURN_PATIENCE + MILLISECOND)

        deliverer.run()

        assert deliverer.posts == []
        assert deliverer.delivery.turn_at == NOON + 2 * TURNS_APART
        assert deliverer.delivery.attempts == ()
        deliverer.run_to_the_end()
        assert deliverer.status == "delivered"

    def test_one_whose_deliverer_dies_in_it_is_taken_anew(self) -> None:
        crash = Trouble("webhooks.post", Crash(), is_after=True, times=1)
        deliverer = ToEndpoint(SLOWLY, seam=crash, registered=slow())
        deliverer.tell()

        with pytest.raises(BaseExceptionGroup):
            deliverer.run()
        deliverer.run_to_the_end()

        assert deliverer.status == "delivered"
        assert min(gaps(deliverer)) > POST_TAKES_AT_MOST

    def test_an_outage_while_it_is_taken_is_looked_at_again(self) -> None:
        deliverer = ToEndpoint(
            SLOWLY, seam=Trouble("endpoints.take_turn", times=1), registered=slow()
        )
        deliverer.tell()

        deliverer.run()

        assert deliverer.comes_back_at == NOON + LOOK_AGAIN_AFTER
        deliverer.clock.at = NOON + DELIVERY_LEASE
        deliverer.run_to_the_end()
        assert deliverer.status == "delivered"

    def test_turns_of_before_it_was_well_are_not_kept_once_it_is_slow_again(self) -> None:
        """Whoever had reserved one met those who took turns anew."""
        deliverer = ToEndpoint(registered=slow(turn_at=NOON + TURNS_APART))
        first = deliverer.tell()
        deliverer.run()
        assert deliverer.as_it_is(first).turn_at == NOON + TURNS_APART
        deliverer.change(slow_since=None, turn_at=None)
        deliverer.change(slow_since=NOON)
        deliverer.sender.script = self.noting(deliverer, SLOWLY)
        deliverer.clock.at = NOON + TURNS_APART - SECOND
        deliverer.tell()
        deliverer.run()

        deliverer.run_to_the_end()

        assert {it.status for it in deliverer.deliveries.all()} == {"delivered"}
        assert min(gaps(deliverer)) > POST_TAKES_AT_MOST

    @staticmethod
    def noting(deliverer: ToEndpoint, answer: WebhookAnswer) -> Any:
        def note(_: WebhookRequest) -> WebhookAnswer:
            deliverer.posted_at.append(deliverer.clock.at)
            return answer

        return note


class TestNoTurn:
    def full(self, **changes: Any) -> ToEndpoint:
        """Return a deliverer to an endpoint whose turns are taken until long after the round."""
        deliverer = ToEndpoint(registered=slow(turn_at=ROUND_ENDS_AT, **changes))
        deliverer.tell()
        return deliverer

    def test_what_finds_no_turn_within_its_round_waits_for_its_end(self) -> None:
        deliverer = self.full()

        assert deliverer.run() == []

        delivery = deliverer.delivery
        assert (delivery.next_attempt_at, delivery.turn_at) == (ROUND_ENDS_AT, None)
        assert deliverer.endpoint.turn_at == ROUND_ENDS_AT
        assert deliverer.queue.messages == []
        assert deliverer.is_woken_at == ROUND_ENDS_AT

    def test_it_is_visibly_exhausted_then_and_has_cost_two_looks(self) -> None:
        deliverer = self.full()

        invocations = deliverer.run_to_the_end()

        assert (deliverer.status, deliverer.posts) == ("exhausted", [])
        (attempt,) = deliverer.delivery.attempts
        assert (attempt.number, attempt.outcome, attempt.status_code) == (1, "gave_up", None)
        assert attempt.reason == "not attempted: the endpoint was slow or failing"
        assert attempt.at >= ROUND_ENDS_AT
        assert invocations == 2
        assert deliverer.endpoint.failing_since is None

    def test_where_it_is_well_by_then_it_is_attempted(self) -> None:
        deliverer = self.full()
        deliverer.run()
        deliverer.change(slow_since=None, turn_at=None)

        deliverer.run_to_the_end()

        assert deliverer.status == "delivered"

    def test_the_last_turn_before_the_end_is_taken(self) -> None:
        deliverer = ToEndpoint(SLOWLY, registered=slow(turn_at=ROUND_ENDS_AT - MILLISECOND))
        deliverer.tell()

        deliverer.run_to_the_end()

        assert deliverer.status == "delivered"

    def test_after_the_round_has_ended_no_turn_is_asked_for(self) -> None:
        deliverer = ToEndpoint(seam=Trouble("endpoints.take_turn"), registered=slow())
        deliverer.tell()
        deliverer.clock.at = ROUND_ENDS_AT

        assert deliverer.run() == []

        assert deliverer.status == "exhausted"

    def test_a_new_round_asks_for_a_turn_of_its_own(self) -> None:
        deliverer = self.full()
        deliverer.run_to_the_end()
        before, at = deliverer.delivery, deliverer.clock.at
        after = before.reopened(at, round_id="rnd_1", payload="full", legacy=False)
        deliverer.deliveries.reopen(before, after, at=at)
        deliverer.send(after)

        deliverer.run_to_the_end()

        assert deliverer.status == "delivered"
        assert [it.number for it in deliverer.delivery.attempts] == [1, 2]


@pytest.mark.parametrize("asked", [timedelta(days=1), timedelta(hours=20)])
def test_whatever_a_receiver_asks_for_its_delivery_has_ended_when_its_round_must(
    asked: timedelta,
) -> None:
    deliverer = ToEndpoint(answered(503, retry_after=asked), registered=slow(slow_since=None))
    deliverer.tell()

    deliverer.run_to_the_end()

    ended_at: datetime | None = deliverer.delivery.finished_at
    assert deliverer.status == "exhausted"
    assert ended_at is not None
    assert ended_at <= ROUND_ENDS_AT + MINUTE
