"""A recovery: what an endpoint missed, or failed to get, goes there again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.fanout.handler import MARGIN
from functions.fanout.recover import EVENTS_AT_ONCE
from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery, DeliveryStatus
from relay.domain.errors import UnavailableError
from relay.domain.event import Event, endpoint_test, submission_rejected
from relay.domain.ids import EventId, ulid
from relay.domain.job import Submission
from relay.domain.messages import delivery_message, recovery_message
from relay.domain.recovery import Recovery
from relay.domain.webhook_endpoint import DisabledReason, WebhookEndpoint
from relay.domain.wheel import HintKind, Purpose, begin_of
from tests.fakes.clock import NOON
from tests.fakes.events import as_told
from tests.fakes.examples import (
    LEASE_MARGIN,
    OTHER_TENANT,
    TENANT,
    a_job,
    a_job_id,
    a_recovery,
    an_endpoint,
    an_endpoint_id,
    an_event,
    completed,
)
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Crash, Trouble
from tests.flows.seam_points import Cut, Point
from tests.unit.functions.fanout_on_fakes import RETENTION, Fanout
from tests.unit.functions.sample_events import failures, sqs_event

MILLISECOND = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOW = NOON + 2 * HOUR
DELIVERED = DeliveryStatus.DELIVERED
EXHAUSTED = {"status": DeliveryStatus.EXHAUSTED, "finished_at": NOON}


class Recovering(Fanout):
    """An endpoint, and a recovery of the hour from noon on, looked at an hour after that."""

    def __init__(self, seam: Seam = QUIET, *, endpoint: WebhookEndpoint | None = None) -> None:
        super().__init__(seam)
        self.clock.at = NOW
        self.endpoint = endpoint or an_endpoint()
        self.endpoints.create(self.endpoint)
        self.recoveries.create(a_recovery(since=NOON, until=NOON + HOUR, created_at=NOW))

    @property
    def recovery(self) -> Recovery:
        (recovery,) = self.recoveries.all()
        return recovery

    def happened(self, number: int = 1, *, at: datetime = NOON + MINUTE) -> Event:
        """Keep the event of a job that ended."""
        claimed = a_job(id=a_job_id(number)).claimed(at - SECOND, LEASE_MARGIN)
        job = completed(claimed)
        self.jobs.submit(job)
        return self.keep(an_event(job))

    def keep(self, event: Event) -> Event:
        self.events.put([event])
        return event

    def tried(self, event: Event, **state: Any) -> Delivery:
        """Keep a delivery as it has become since."""
        delivery = replace(delivery_of(event, self.endpoint, NOON + HOUR), **state)
        self.deliveries.create(delivery)
        return delivery

    def go_on(self, *, left: timedelta = timedelta(seconds=29)) -> list[str]:
        message = json.dumps(recovery_message(self.recovery))
        return failures(self.handle(sqs_event(message), FakeLambdaContext(left)))

    def go_on_to_the_end(self, *, left: timedelta) -> int:
        """Go on, a message at a time, and return how many that took."""
        for number in range(1, 20):
            self.go_on(left=left)
            if self.recovery.finished_at is not None:
                return number
        raise AssertionError("no end")

    @property
    def sent(self) -> list[str]:
        """The ids of those events whose deliveries have got a message."""
        ids = [message["delivery_id"] for message in self.messages]
        return [it.event_id for id_ in ids for it in self.made if it.id == id_]


def a_rejection(at: datetime, **changes: Any) -> Event:
    submission = Submission(source="sqs", message_id="message-1")
    event = submission_rejected(TENANT, submission, reason="x", at=at, purge_at=NOON + RETENTION)
    return replace(event, **changes)


class TestWhatIsSent:
    def test_what_happened_while_it_was_disabled_goes_there_for_the_first_time(self) -> None:
        fanout = Recovering()
        event = fanout.happened()

        assert fanout.go_on() == []

        (delivery,) = fanout.made
        round_id = fanout.recovery.round_id
        assert delivery == replace(delivery_of(event, fanout.endpoint, NOW), round_id=round_id)
        assert fanout.messages == [delivery_message(delivery)]
        assert fanout.queue.messages[0].group == TENANT
        assert (fanout.recovery.finished_at, fanout.recovery.redelivered) == (NOW, 1)

    @pytest.mark.parametrize(
        "state",
        [
            pytest.param(EXHAUSTED, id="exhausted"),
            pytest.param({"status": DeliveryStatus.CANCELLED, "finished_at": NOON}, id="cancelled"),
            pytest.param({"next_attempt_at": NOW + HOUR}, id="pending far away"),
            pytest.param(
                {"next_attempt_at": NOW + HOUR, "turn_at": NOW + HOUR}, id="waiting for its turn"
            ),
        ],
    )
    def test_what_it_failed_to_get_goes_there_in_a_new_round(self, state: dict[str, Any]) -> None:
        fanout = Recovering()
        before = fanout.tried(fanout.happened(), **state)

        assert fanout.go_on() == []

        (delivery,) = fanout.made
        assert delivery.id == before.id
        assert delivery.status is DeliveryStatus.PENDING
        assert delivery.next_attempt_at == delivery.opened_at == NOW
        assert delivery.round_id == fanout.recovery.round_id
        assert delivery.turn_at is None
        assert fanout.messages == [delivery_message(delivery)]
        assert fanout.recovery.redelivered == 1

    @pytest.mark.parametrize(
        "state",
        [
            pytest.param({"status": DELIVERED, "finished_at": NOON}, id="delivered"),
            pytest.param({"next_attempt_at": NOW}, id="due by now"),
            pytest.param(
                {"next_attempt_at": NOW + HOUR, "lease_until": NOW + SECOND}, id="in hands"
            ),
        ],
    )
    def test_what_it_has_got_or_will_get_in_a_moment_is_left_alone(
        self, state: dict[str, Any]
    ) -> None:
        fanout = Recovering()
        before = fanout.tried(fanout.happened(), **state)

        assert fanout.go_on() == []

        assert fanout.made == [before]
        assert fanout.messages == []
        assert (fanout.recovery.finished_at, fanout.recovery.redelivered) == (NOW, 0)

    def test_a_test_is_never_sent_again(self) -> None:
        fanout = Recovering(endpoint=an_endpoint(event_types=("*",)))
        at = NOON + MINUTE
        fanout.keep(endpoint_test(fanout.endpoint, EventId("evt_" + ulid(at, b"x" * 10)), at))

        fanout.go_on()

        assert fanout.made == []

    def test_only_what_it_has_chosen_is_sent(self) -> None:
        fanout = Recovering(endpoint=an_endpoint(event_types=("submission.*",)))
        fanout.happened()
        wanted = fanout.keep(a_rejection(NOON + MINUTE))

        fanout.go_on()

        assert fanout.sent == [wanted.id]
        assert fanout.made[0].data == wanted.data

    def test_another_tenant_s_events_are_never_sent(self) -> None:
        fanout = Recovering(endpoint=an_endpoint(event_types=("*",)))
        fanout.keep(a_rejection(NOON + MINUTE, tenant_id=OTHER_TENANT))

        fanout.go_on()

        assert fanout.made == []

    def test_it_is_sent_from_the_first_moment_on_and_before_the_last(self) -> None:
        fanout = Recovering()
        fanout.happened(1, at=NOON - MILLISECOND)
        first = fanout.happened(2, at=NOON)
        last = fanout.happened(3, at=NOON + HOUR - MILLISECOND)
        fanout.happened(4, at=NOON + HOUR)

        fanout.go_on()

        assert fanout.sent == [first.id, last.id]

    def test_a_new_round_has_the_payload_that_the_endpoint_has_now(self) -> None:
        fanout = Recovering(endpoint=an_endpoint(payload="thin", legacy_signature=True))
        fanout.tried(fanout.happened(), payload="full", legacy_signature=False, **EXHAUSTED)

        fanout.go_on()

        assert (fanout.made[0].payload, fanout.made[0].legacy_signature) == ("thin", True)


class TestPages:
    def test_without_time_for_more_it_does_a_page_and_the_wheel_goes_on(self) -> None:
        fanout = Recovering()
        events = [fanout.happened(it, at=NOON + it * SECOND) for it in range(1, 28)]

        assert fanout.go_on(left=MARGIN) == []

        recovery = fanout.recovery
        assert fanout.sent == [it.id for it in events[:EVENTS_AT_ONCE]]
        assert (recovery.after, recovery.redelivered) == (events[EVENTS_AT_ONCE - 1].id, 25)
        assert (recovery.finished_at, recovery.due_at) == (None, NOW)
        (hint,) = [it for it in fanout.wheel.all() if it.kind is HintKind.RECOVERY]
        assert (hint.purpose, hint.owner, hint.id) == (
            Purpose.WAKE,
            fanout.endpoint.id,
            recovery.id,
        )
        assert recovery.due_at <= hint.at
        assert begin_of(hint.minute) == NOW + MINUTE

    def test_page_by_page_it_comes_to_its_end_and_sends_each_event_once(self) -> None:
        fanout = Recovering()
        events = [fanout.happened(it, at=NOON + it * SECOND) for it in range(1, 61)]

        messages = fanout.go_on_to_the_end(left=MARGIN)

        assert messages == 4
        assert fanout.sent == [it.id for it in events]
        assert fanout.recovery.redelivered == 60

    def test_with_time_enough_one_message_does_it_all(self) -> None:
        fanout = Recovering()
        for number in range(1, 61):
            fanout.happened(number, at=NOON + number * SECOND)

        fanout.go_on()

        assert fanout.recovery.finished_at == NOW
        assert len(fanout.messages) == 60
        assert not [it for it in fanout.wheel.all() if it.kind is HintKind.RECOVERY]

    def test_the_wheel_knows_before_the_row_so_that_a_crash_between_them_loses_nothing(
        self,
    ) -> None:
        fanout = Recovering(Trouble("recoveries.save", Crash(), times=1))
        fanout.happened()

        with pytest.raises(Crash):
            fanout.go_on(left=MARGIN)

        assert [it.kind for it in fanout.wheel.all() if it.purpose is Purpose.WAKE] == ["rec"]
        assert fanout.recovery.version == 1


class TestItsEnd:
    def test_a_recovery_of_nothing_is_finished_at_once(self) -> None:
        fanout = Recovering()

        assert fanout.go_on() == []

        assert fanout.recovery.finished_at == NOW

    def test_an_endpoint_that_is_deleted_ends_it(self) -> None:
        fanout = Recovering()
        fanout.happened()
        fanout.endpoints.remove(TENANT, fanout.endpoint.id)

        assert fanout.go_on() == []

        assert fanout.recovery.finished_at == NOW
        assert fanout.made == []

    def test_an_endpoint_that_is_disabled_ends_it(self) -> None:
        fanout = Recovering(endpoint=an_endpoint().disabled(DisabledReason.MANUAL))
        fanout.happened()

        assert fanout.go_on() == []

        assert fanout.recovery.finished_at == NOW
        assert fanout.made == []

    def test_a_message_about_one_that_is_finished_does_nothing(self) -> None:
        fanout = Recovering()
        fanout.go_on()
        fanout.happened()

        assert fanout.go_on() == []

        assert fanout.made == []
        assert fanout.recovery.version == 2

    def test_a_message_about_one_that_is_not_there_goes(self) -> None:
        fanout = Recovering()
        message = json.dumps(recovery_message(a_recovery(id="rec_9")))

        assert failures(fanout.handle_records(message)) == []

        assert fanout.recovery.version == 1

    def test_one_that_nobody_can_read_is_left_to_newer_code(self) -> None:
        fanout = Recovering()
        fanout.happened()
        fanout.recoveries.unreadable = {fanout.recovery.id}

        assert fanout.go_on() == []

        assert fanout.made == []


class TestTwoAtOnce:
    def test_the_one_that_comes_second_changes_nothing(self) -> None:
        meanwhile = Meanwhile("recoveries.save")
        fanout = Recovering(meanwhile)
        event = fanout.happened()
        meanwhile.act = fanout.go_on

        assert fanout.go_on() == []

        assert (fanout.recovery.version, fanout.recovery.redelivered) == (2, 0)
        assert fanout.sent == [event.id]
        assert "records" not in fanout.log.lines[-1]

    def test_a_round_that_somebody_else_opens_at_this_moment_is_the_one(self) -> None:
        meanwhile = Meanwhile("deliveries.reopen")
        fanout = Recovering(meanwhile)
        before = fanout.tried(fanout.happened(), **EXHAUSTED)
        asked_for = before.reopened(NOW, round_id="rnd_Z", payload="full", legacy=False)
        meanwhile.act = lambda: fanout.deliveries.reopen(before, asked_for, at=NOW)

        assert fanout.go_on() == []

        assert fanout.made == [asked_for]
        assert fanout.messages == []

    def test_an_attempt_that_begins_at_this_moment_is_let_be(self) -> None:
        meanwhile = Meanwhile("deliveries.reopen")
        fanout = Recovering(meanwhile)
        before = fanout.tried(fanout.happened(), next_attempt_at=NOW + MILLISECOND)

        def claim() -> None:
            at = fanout.clock.at = NOW + MILLISECOND
            fanout.deliveries.claim(before.target_id, before.id, at=at, lease=LEASE_MARGIN)

        meanwhile.act = claim
        assert fanout.go_on() == []

        assert fanout.made[0].round_id is None
        assert fanout.made[0].fence == 1

    def test_a_delivery_that_the_fan_out_makes_at_this_moment_is_not_made_twice(self) -> None:
        meanwhile = Meanwhile("deliveries.create")
        fanout = Recovering(meanwhile)
        event = fanout.happened()
        meanwhile.act = lambda: fanout.tried(event)

        assert fanout.go_on() == []

        assert len(fanout.made) == 1


MESSAGES = 3
"""How many a walk takes: one to a page, and one that finds that there are no more."""


def a_walk(cut: Cut) -> Recovering:
    """Return a recovery of more than a page, in which there is something of every kind."""
    fanout = Recovering(cut)
    for number in range(1, EVENTS_AT_ONCE + 3):
        event = fanout.happened(number, at=NOON + number * SECOND)
        if number % 3 == 0:
            fanout.tried(event, status=DELIVERED, finished_at=NOON)
        if number % 3 == 1:
            fanout.tried(event, **EXHAUSTED)
    cut.is_armed = True
    return fanout


def points() -> list[Point]:
    """Return the points of a walk: of the many redeliveries, all alike, the first three."""
    cut = Cut()
    a_walk(cut).go_on_to_the_end(left=MARGIN)
    return [it for it in cut.met if it.number <= 3]


def quietly(act: Callable[[], object]) -> None:
    try:
        act()
    except Crash:
        return


@pytest.mark.parametrize("point", points(), ids=str)
@pytest.mark.parametrize("error", [Crash(), UnavailableError("x")], ids=["crash", "outage"])
def test_a_recovery_that_is_cut_at_any_point_loses_nothing_and_opens_no_round_twice(
    point: Point, error: BaseException
) -> None:
    cut = Cut(point, error)
    fanout = a_walk(cut)

    for _ in range(MESSAGES + 1):
        quietly(lambda: fanout.go_on(left=MARGIN))

    assert cut.was_met
    assert fanout.recovery.finished_at == NOW
    opened = [it for it in fanout.made if it.status is not DELIVERED]
    assert len(opened) == 18
    assert {it.round_id for it in opened} == {fanout.recovery.round_id}
    assert sorted(it.fence for it in opened) == [0] * 9 + [1] * 9
    assert all(it.next_attempt_at == NOW for it in opened)
    assert {it.id for it in opened} <= {hint.id for hint in fanout.wheel.all()}


@pytest.mark.parametrize(
    "call", ["recoveries.find", "endpoints.get", "events.list", "deliveries.find", "wheel.put"]
)
def test_an_outage_brings_the_message_back(call: str) -> None:
    fanout = Recovering(Trouble(call, times=1))
    fanout.happened()

    assert fanout.go_on() == ["m1"]
    assert fanout.go_on() == []

    (line,) = fanout.log.named("recovery.not_continued")
    assert line["recovery_id"] == fanout.recovery.id
    assert line["error_type"] == "UnavailableError"
    assert len(fanout.messages) == 1


def test_events_of_the_same_batch_do_not_wait_for_it() -> None:
    fanout = Recovering()
    _, event = fanout.ended()
    bodies = json.dumps(recovery_message(fanout.recovery)), json.dumps(as_told(event))

    assert failures(fanout.handle_records(*bodies)) == []

    said = [line["message"] for line in fanout.log.lines]
    assert said == ["event.fanned_out", "recovery.continued"]


def test_the_log_says_how_far_it_has_come() -> None:
    fanout = Recovering()
    fanout.happened()

    fanout.go_on()

    (line,) = fanout.log.named("recovery.continued")
    assert (line["target_id"], line["tenant_id"]) == (an_endpoint_id(), TENANT)
    assert (line["recovery_id"], line["records"]) == (fanout.recovery.id, 1)
