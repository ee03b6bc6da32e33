"""What waiting costs, and what a sweep tells of itself."""

from collections import Counter
from datetime import timedelta
from typing import override

from relay.domain.wheel import SHARDS, HintKind, wake, watch
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_completed_job, a_job, a_job_id
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.seam import Seam
from tests.unit.functions.sample_events import sample
from tests.unit.functions.sweeper_on_fakes import Sweeper

PARKED = 100_000
MINUTES = 30


class Counting(Seam):
    """Counts what is asked of the world."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    @override
    def before(self, call: str) -> None:
        self.calls[call] += 1


def test_a_hundred_thousand_parked_jobs_cost_nothing_but_the_turning_of_the_wheel() -> None:
    counting = Counting()
    sweeper = Sweeper(seam=counting)
    due = NOON + timedelta(hours=6)
    for number in range(PARKED):
        job_id = a_job_id(number)
        sweeper.wheel.put(
            [
                wake(HintKind.JOB, TENANT, job_id, due=due, now=NOON),
                watch(HintKind.JOB, TENANT, job_id, due),
            ]
        )
    counting.calls.clear()

    sweeper.sweep_minutes(MINUTES)

    assert counting.calls == {"wheel.positions": MINUTES, "wheel.advance": MINUTES}
    assert sweeper.wheel.pages == MINUTES * SHARDS
    assert sweeper.jobs_queue.messages == []


def test_what_is_due_in_one_minute_is_read_and_sent_many_at_once() -> None:
    counting = Counting()
    sweeper = Sweeper(seam=counting)
    for number in range(2000):
        sweeper.accept(a_job(id=a_job_id(number)))
    counting.calls.clear()
    sweeper.clock.at = NOON + timedelta(minutes=6)

    sweeper.sweep()

    assert len(sweeper.jobs_queue.messages) == 2000
    busy_pages = 3 * SHARDS
    assert counting.calls["jobs.find"] <= busy_pages
    assert counting.calls["jobs.send_all"] <= busy_pages
    assert counting.calls["wheel.put"] <= busy_pages
    assert counting.calls["jobs.depth"] == 1


def test_one_wide_line_says_what_a_sweep_did() -> None:
    sweeper = Sweeper()
    sweeper.accept(a_job(metadata={"canary": "canary"}))
    sweeper.accept(a_completed_job(id=a_job_id(2)))
    sweeper.clock.at = NOON + timedelta(minutes=6)

    sweeper.sweep()

    (line,) = sweeper.log.lines
    facts = {name: fact for name, fact in line.items() if name.endswith("_ms") or "records" in name}
    assert line["message"] == "wheel.swept"
    assert facts == {
        "records": 2,
        "records_sent": 1,
        "records_told_again": 1,
        "records_unreadable": 0,
        "lag_ms": 0,
        "duration_ms": 0,
    }
    assert "canary" not in sweeper.log.text


def test_the_lag_is_for_how_long_the_oldest_minute_has_waited() -> None:
    sweeper = Sweeper()
    sweeper.clock.at = NOON + timedelta(hours=2, seconds=5)

    sweeper.sweep(left=timedelta(seconds=1))

    assert sweeper.measured == [("OldestDue", 7145.0)]
    assert sweeper.log.lines[-1]["lag_ms"] == 7_145_000


def test_the_sample_event_sweeps() -> None:
    sweeper = Sweeper()
    sweeper.accept(a_job())
    sweeper.clock.at = NOON + timedelta(minutes=6)

    sweeper.handle(sample("sweeper_minute"), FakeLambdaContext())

    assert len(sweeper.jobs_queue.messages) == 1
