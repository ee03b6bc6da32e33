"""A sweep that goes wrong, whatever goes wrong, loses nothing and holds up nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import override

import pytest

from functions.sweeper.sweep import BACK_MINUTES, MARGIN, NOTED_APART
from relay.domain.errors import UnavailableError
from relay.domain.event import submission_rejected
from relay.domain.ids import DeliveryId
from relay.domain.job import StatusReason, Submission
from relay.domain.wheel import SHARDS, HintKind, Position, minute_of, watch
from relay.ports import Page
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    TENANT,
    a_completed_job,
    a_delivery,
    a_job,
    a_job_id,
    a_recovery,
)
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.seam import Seam
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.wheel import InMemoryWheel
from tests.flows.seam_points import Cut, Point
from tests.unit.functions.sweeper_on_fakes import Sweeper

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LOOKS_BY = 6
"""In minutes: by then each first look has come, whichever minute it was spread to."""
SECOND_LOOK_AFTER = 15
"""In minutes: what could not be sent at its first look is sent at its second."""


class Slow(Seam):
    """Each page takes its time."""

    def __init__(self, takes: timedelta) -> None:
        self.takes = takes
        self.pass_time: Callable[[timedelta], None] = lambda _: None

    @override
    def after(self, call: str) -> None:
        if call == "wheel.page":
            self.pass_time(self.takes)


def of_every_kind(sweeper: Sweeper) -> None:
    """Keep one of everything that a sweep has to do something about."""
    sweeper.accept(a_job())
    parked = a_job(id=a_job_id(2)).released(
        NOON, ready_at=NOON + 2 * MINUTE, reason=StatusReason.RETRYING, error=None, attempts=0
    )
    sweeper.park(parked)
    sweeper.accept(a_completed_job(id=a_job_id(3)))
    event = submission_rejected(
        TENANT,
        Submission(source="sqs", message_id="message-1"),
        reason="x",
        at=NOON,
        purge_at=NOON + timedelta(days=30),
    )
    delivery, recovery = a_delivery(), a_recovery()
    sweeper.wheel.put(
        [
            watch(HintKind.EVENT, TENANT, event.id, NOON),
            watch(HintKind.DELIVERY, delivery.target_id, delivery.id, NOON),
            watch(HintKind.RECOVERY, recovery.endpoint_id, recovery.id, NOON),
        ]
    )
    sweeper.events.insert(event)
    sweeper.deliveries.create(delivery)
    sweeper.recoveries.create(recovery)


def check_that_all_was_seen_to(sweeper: Sweeper) -> None:
    jobs = {json.loads(message.body)["job_id"] for message in sweeper.jobs_queue.messages}
    told_again = [change for change in sweeper.jobs.changes if change.after.told_again]

    assert jobs == {a_job_id(1), a_job_id(2)}
    assert sweeper.deliveries_queue.messages
    assert sweeper.events_queue.messages
    assert {change.after.id for change in told_again} == {a_job_id(3)}
    assert len([row for row in sweeper.stream.made if "unpublished" in row.new]) > 1
    assert {hint.kind for hint in sweeper.watches} == set(HintKind)
    assert len({hint.id for hint in sweeper.watches}) == 5


def quietly(sweeper: Sweeper, minutes: int) -> int:
    """Sweep for some minutes; return how many sweeps were cut off."""
    crashes = 0
    for _ in range(minutes):
        try:
            sweeper.next_minute()
        except Crash:
            crashes += 1
    return crashes


def points() -> list[Point]:
    """Return each point of the sweeps in which everything comes round and nothing goes wrong."""
    cut = Cut()
    sweeper = Sweeper(seam=cut)
    of_every_kind(sweeper)
    cut.is_armed = True
    quietly(sweeper, LOOKS_BY)
    return cut.met


class TestPoison:
    def test_a_job_that_nobody_can_read_holds_up_no_other_and_stays_watched(self) -> None:
        sweeper = Sweeper()
        for number in range(1, 91):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.jobs.unreadable = {a_job_id(7)}

        sweeper.sweep_minutes(LOOKS_BY)

        assert len(sweeper.jobs_queue.messages) == 89
        assert a_job_id(7) in {hint.id for hint in sweeper.watches}
        lines = sweeper.log.named("wheel.swept")
        assert sum(line["records_unreadable"] for line in lines) == 1

    def test_a_delivery_that_nobody_can_read_holds_up_no_other_and_stays_watched(self) -> None:
        sweeper = Sweeper()
        poison = a_delivery()
        healthy = a_delivery(id=DeliveryId(poison.id[:-1] + "0"))
        for delivery in (poison, healthy):
            hint = watch(HintKind.DELIVERY, delivery.target_id, delivery.id, NOON)
            sweeper.wheel.put([hint])
            sweeper.deliveries.create(delivery)
        sweeper.deliveries.unreadable = {poison.id}

        sweeper.sweep_minutes(LOOKS_BY)

        assert len(sweeper.deliveries_queue.messages) == 1
        assert poison.id in {hint.id for hint in sweeper.watches}

    def test_a_row_that_can_be_read_again_is_worked_on(self) -> None:
        sweeper = Sweeper()
        job = sweeper.accept(a_job())
        sweeper.jobs.unreadable = {job.id}
        sweeper.sweep_minutes(60)
        assert sweeper.jobs_queue.messages == []

        sweeper.jobs.unreadable = set()

        assert sweeper.sweep_until(sweeper.are_sent) <= 2 * HOUR

    def test_a_parked_job_that_could_not_be_read_at_its_turn_is_woken_after_all(self) -> None:
        sweeper = Sweeper()
        due = NOON + 5 * MINUTE
        sweeper.park(
            a_job().released(
                NOON, ready_at=due, reason=StatusReason.RETRYING, error=None, attempts=0
            )
        )
        sweeper.jobs.unreadable = {a_job_id()}
        sweeper.sweep_minutes(6)
        sweeper.jobs.unreadable = set()

        assert sweeper.sweep_until(sweeper.are_sent) <= 6 * MINUTE

    def test_hints_that_nobody_can_read_are_counted(self) -> None:
        class HalfRead(InMemoryWheel):
            @override
            def page(self, shard: int, position: Position) -> Page:
                page = super().page(shard, position)
                return Page(hints=page.hints, unreadable=1 if shard == 3 else 0, after=page.after)

        sweeper = Sweeper()
        sweeper.turn(HalfRead())

        sweeper.sweep()

        assert sweeper.log.lines[-1]["records_unreadable"] == BACK_MINUTES + 1


class TestTime:
    def test_an_hour_that_was_missed_is_caught_up_with_at_once(self) -> None:
        sweeper = Sweeper()
        for number in range(1, 100):
            job = a_job(id=a_job_id(number), created_at=NOON + number * MINUTE / 3)
            sweeper.accept(job)
        sweeper.clock.at = NOON + HOUR + 5 * MINUTE

        sweeper.sweep()

        assert len(sweeper.jobs_queue.messages) == 99
        assert sweeper.measured == [("OldestDue", 0.0)]

    def test_a_sweep_short_of_time_notes_how_far_it_came_and_the_next_goes_on(self) -> None:
        slow = Slow(timedelta(seconds=2))
        sweeper = Sweeper(seam=slow, page_rows=2)
        slow.pass_time = sweeper.clock.wait
        for number in range(1, 97):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.clock.at = NOON + 10 * MINUTE

        sweeper.sweep(left=MARGIN + timedelta(seconds=20))
        after_one = len(sweeper.jobs_queue.messages)
        for _ in range(20):
            sweeper.sweep(left=MARGIN + timedelta(seconds=20))

        assert sweeper.wheel.noted is not None
        assert 0 < after_one < 96
        sent = [json.loads(message.body)["job_id"] for message in sweeper.jobs_queue.messages]
        assert len(set(sent)) == 96
        assert sweeper.measured[0][1] > 300

    def test_a_sweep_stops_within_a_page_of_its_margin(self) -> None:
        slow = Slow(timedelta(seconds=2))
        sweeper = Sweeper(seam=slow)
        slow.pass_time = sweeper.clock.wait
        for number in range(1, 97):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.clock.at = began = NOON + HOUR

        sweeper.sweep(left=timedelta(seconds=50))

        spent = sweeper.clock.at - began
        assert timedelta(0) <= spent - (timedelta(seconds=50) - MARGIN) <= slow.takes

    def test_a_long_sweep_that_is_cut_off_has_noted_how_far_it_came(self) -> None:
        class CutAtTheFifthPage(Slow):
            pages = 0

            @override
            def after(self, call: str) -> None:
                super().after(call)
                self.pages += call == "wheel.page"
                if self.pages == 5 and call == "wheel.page":
                    raise Crash

        slow = CutAtTheFifthPage(NOTED_APART)
        sweeper = Sweeper(seam=slow)
        slow.pass_time = sweeper.clock.wait
        for number in range(1, 97):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.clock.at = NOON + 10 * MINUTE
        with pytest.raises(Crash):
            sweeper.sweep(left=HOUR)
        sent = {json.loads(message.body)["job_id"] for message in sweeper.jobs_queue.messages}
        sweeper.jobs_queue.messages.clear()

        sweeper.sweep(left=HOUR)

        sent_again = {json.loads(message.body)["job_id"] for message in sweeper.jobs_queue.messages}
        assert sent
        assert not sent & sent_again

    def test_without_time_it_does_nothing_but_say_so(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        sweeper.clock.at = NOON + HOUR

        sweeper.sweep(left=MARGIN)

        assert sweeper.wheel.pages == 0
        assert sweeper.measured == [("OldestDue", 3540.0)]

    def test_a_clock_that_went_an_hour_fast_and_back_again_loses_nothing(self) -> None:
        sweeper = Sweeper()
        sweeper.clock.at = NOON + HOUR
        for minute in range(10):
            true_time = NOON + minute * MINUTE
            sweeper.accept(a_job(id=a_job_id(minute + 1), created_at=true_time))
            sweeper.clock.at = true_time + HOUR
            sweeper.sweep()
        sweeper.jobs_queue.messages.clear()  # sent early, all of them, and of no use
        sweeper.clock.at = NOON + 10 * MINUTE

        sweeper.sweep_minutes(15)

        sent = {json.loads(message.body)["job_id"] for message in sweeper.jobs_queue.messages}
        assert sent >= {a_job_id(minute + 1) for minute in range(10)}

    def test_a_clock_that_went_an_hour_slow_and_back_again_loses_nothing(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        sweeper.clock.at = NOON - HOUR
        sweeper.sweep()
        sweeper.clock.at = NOON

        sweeper.sweep_minutes(LOOKS_BY)

        assert len(sweeper.jobs_queue.messages) == 1

    def test_a_sweep_that_comes_twice_in_a_minute_looks_at_nothing_twice(self) -> None:
        sweeper = Sweeper()
        sweeper.accept(a_job())
        sweeper.sweep_until(sweeper.are_sent)

        sweeper.sweep()

        assert len(sweeper.jobs_queue.messages) == 1
        assert sweeper.log.lines[-1]["records"] == 0


class TestFirstSweep:
    def test_what_was_accepted_before_it_is_found(self) -> None:
        sweeper = Sweeper(is_first=True)
        sweeper.accept(a_job())
        sweeper.clock.at = NOON + 50 * MINUTE

        sweeper.sweep()

        assert len(sweeper.jobs_queue.messages) == 1
        assert sweeper.wheel.pages == (BACK_MINUTES + 1) * SHARDS

    def test_it_notes_how_far_it_came(self) -> None:
        sweeper = Sweeper(is_first=True)

        sweeper.sweep()

        assert sweeper.wheel.noted == [Position(minute_of(NOON) + 1)] * SHARDS
        assert sweeper.measured == [("OldestDue", 0.0)]


class TestOutages:
    def test_an_outage_of_one_page_holds_up_no_other_shard(self) -> None:
        sweeper = Sweeper(seam=Trouble("wheel.page", times=1))
        for number in range(1, 91):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.clock.at = NOON + LOOKS_BY * MINUTE

        sweeper.sweep()
        after_one = len(sweeper.jobs_queue.messages)
        sweeper.next_minute()

        assert 60 <= after_one < 90
        assert len(sweeper.jobs_queue.messages) == 90
        assert len(sweeper.log.named("shard.not_swept")) == 1
        assert sweeper.measured[0][1] > 0
        assert sweeper.measured[1] == ("OldestDue", 0.0)

    def test_a_defect_in_one_shard_holds_up_no_other_and_is_seen(self) -> None:
        sweeper = Sweeper(seam=Trouble("jobs.find", RuntimeError("canary"), times=1))
        for number in range(1, 91):
            sweeper.accept(a_job(id=a_job_id(number)))
        sweeper.clock.at = NOON + LOOKS_BY * MINUTE

        sweeper.sweep()

        assert 60 <= len(sweeper.jobs_queue.messages) < 90
        (line,) = sweeper.log.named("shard.not_swept")
        assert line["error_type"] == "RuntimeError"
        assert "canary" not in sweeper.log.text
        assert sweeper.measured[0][1] > 0

    @pytest.mark.parametrize("call", ["wheel.positions", "wheel.advance"])
    def test_a_sweep_that_cannot_tell_where_it_is_says_so_and_the_next_does_its_work(
        self, call: str
    ) -> None:
        sweeper = Sweeper(seam=Trouble(call, times=1))
        sweeper.accept(a_job())
        sweeper.clock.at = NOON + LOOKS_BY * MINUTE

        sweeper.sweep()
        assert sweeper.measured == []
        sweeper.next_minute()

        assert len(sweeper.log.named("wheel.not_swept")) == 1
        assert sweeper.jobs_queue.messages
        assert sweeper.measured == [("OldestDue", 0.0)]

    def test_an_outage_that_lasts_leaves_few_watches_over_each_row(self) -> None:
        """A page that is done again every minute must not make a watch of its own each time."""
        outage = Trouble("jobs.send_all")
        sweeper = Sweeper(seam=outage)
        sweeper.accept(a_job())
        sweeper.sweep_minutes(60)

        outage.end()
        sweeper.sweep_until(sweeper.are_sent)

        assert len(sweeper.watches) <= 15


class TestTwoAtOnce:
    def test_the_one_that_comes_second_says_so_and_nothing_is_lost(self) -> None:
        meanwhile = Meanwhile("wheel.advance")
        sweeper = Sweeper(seam=meanwhile)
        of_every_kind(sweeper)
        sweeper.clock.at = NOON + LOOKS_BY * MINUTE
        meanwhile.act = sweeper.next_minute

        sweeper.sweep()

        (line,) = sweeper.log.named("wheel.not_swept")
        assert line["error_type"] == "LostRaceError"
        assert sweeper.wheel.noted == [Position(minute_of(sweeper.clock.at) + 1)] * SHARDS
        check_that_all_was_seen_to(sweeper)

    def test_a_job_that_ends_between_the_look_and_the_message_does_no_harm(self) -> None:
        meanwhile = Meanwhile("jobs.send_all")
        sweeper = Sweeper(seam=meanwhile)
        job = sweeper.accept(a_job())
        meanwhile.act = lambda: sweeper.jobs.save(job, job.expired(NOON))

        sweeper.sweep_minutes(LOOKS_BY)

        assert len(sweeper.jobs_queue.messages) == 1

    def test_an_end_that_is_deleted_while_it_is_asked_for_is_left_alone(self) -> None:
        meanwhile = Meanwhile("jobs.save")
        sweeper = Sweeper(seam=meanwhile)
        ended = sweeper.accept(a_completed_job())
        sweeper.accept(a_completed_job(id=a_job_id(2)))

        def forget() -> None:
            del sweeper.jobs._jobs[TENANT, ended.id]  # noqa: SLF001 - its time to live is over

        meanwhile.act = forget
        sweeper.sweep_minutes(LOOKS_BY)

        assert [job.id for job in sweeper.jobs.all() if job.told_again] == [a_job_id(2)]


class TestCrashes:
    @pytest.mark.parametrize("point", points(), ids=str)
    @pytest.mark.parametrize("error", [Crash(), UnavailableError("x")], ids=["crash", "outage"])
    def test_a_sweep_that_is_cut_at_any_point_loses_nothing(
        self, point: Point, error: BaseException
    ) -> None:
        cut = Cut(point, error)
        sweeper = Sweeper(seam=cut)
        of_every_kind(sweeper)
        cut.is_armed = True

        quietly(sweeper, LOOKS_BY + SECOND_LOOK_AFTER)

        assert cut.was_met
        check_that_all_was_seen_to(sweeper)
