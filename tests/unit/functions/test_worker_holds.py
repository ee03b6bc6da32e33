"""Jobs that find no room at the gate: what their rows say, and who brings them back."""

from datetime import timedelta

import pytest

from relay.domain.backoff import GATE_PATIENCE, RELEASES_BY_MESSAGE, UNWRITTEN_HOLD_MAX
from relay.domain.circuit import PROBES_APART
from relay.domain.job import JobStatus, StatusReason
from relay.domain.wheel import Hint, Purpose
from tests.fakes.clock import NOON
from tests.fakes.dice import LoadedDice
from tests.fakes.examples import a_job, a_job_id
from tests.fakes.mistral import chat_answer, refusal
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.worker_on_fakes import Worker

SECOND = timedelta(seconds=1)
FIVE_MINUTES = timedelta(minutes=5)


def wakes(worker: Worker) -> list[Hint]:
    return [hint for hint in worker.wheel.all() if hint.purpose is Purpose.WAKE]


def busy_worker(until: timedelta, *, seam: Seam = QUIET) -> Worker:
    """Return a worker whose rate is taken up, by a backlog too, until then."""
    worker = Worker(interval=SECOND, seam=seam)
    worker.calls.next_at = worker.backlog.next_at = NOON + until
    return worker


def test_a_job_that_finds_no_room_is_held_by_its_message_and_nothing_is_written() -> None:
    worker = Worker(interval=timedelta(seconds=1))
    worker.calls.next_at = NOON + timedelta(seconds=30)
    job = worker.add()

    assert worker.run() == ["jobs-message-1"]

    assert worker.jobs.all() == [job]
    assert worker.wheel.all() == []
    assert worker.comes_back_at == NOON + GATE_PATIENCE
    assert worker.log.lines[-1]["outcome"] == "held"


def test_a_job_that_finds_no_room_for_long_is_parked_and_says_why() -> None:
    worker = Worker(interval=timedelta(seconds=1))
    worker.calls.next_at = worker.backlog.next_at = NOON + timedelta(hours=1)
    worker.add()

    assert worker.run() == []

    job = worker.job
    assert (job.status, job.fence, job.attempts) == (JobStatus.QUEUED, 0, 0)
    assert job.status_reason is StatusReason.RATE_LIMITED
    assert job.ready_at == worker.wakes_at == NOON + timedelta(hours=1)


def test_a_job_that_finds_no_room_for_the_third_time_is_parked_too() -> None:
    worker = Worker(interval=timedelta(seconds=1))
    worker.calls.next_at = NOON + timedelta(hours=1)
    worker.add()

    for _ in range(RELEASES_BY_MESSAGE + 1):
        worker.run_next()

    assert worker.job.status_reason is StatusReason.RATE_LIMITED
    assert worker.queue.messages == []
    assert len(wakes(worker)) == 1


def test_an_outage_while_a_job_is_held_back_is_not_sat_out() -> None:
    """It was, for up to a minute on the bill, though nothing had been claimed."""
    worker = Worker(interval=timedelta(seconds=1), seam=Trouble("jobs.save", times=1))
    worker.calls.next_at = worker.backlog.next_at = NOON + timedelta(hours=1)
    worker.add()

    assert worker.run() == ["jobs-message-1"]

    assert worker.clock.at == NOON
    worker.run_to_the_end()
    assert worker.job.status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("until", "is_written"),
    [(UNWRITTEN_HOLD_MAX, False), (UNWRITTEN_HOLD_MAX + SECOND, True)],
)
def test_only_a_brief_hold_stands_on_no_row(until: timedelta, *, is_written: bool) -> None:
    worker = busy_worker(until)
    job = worker.add()

    assert worker.run() == ["jobs-message-1"]

    assert (worker.job != job) is is_written
    assert worker.comes_back_at == NOON + until
    assert wakes(worker) == []


def test_the_row_of_a_job_that_is_held_for_five_minutes_says_so_and_its_message_carries_it() -> (
    None
):
    worker = busy_worker(FIVE_MINUTES)
    worker.add()

    assert worker.run() == ["jobs-message-1"]

    job = worker.job
    assert (job.status, job.fence, job.attempts) == (JobStatus.QUEUED, 0, 0)
    assert job.status_reason is StatusReason.RATE_LIMITED
    assert job.ready_at == worker.comes_back_at == NOON + FIVE_MINUTES
    assert wakes(worker) == []


def test_a_duplicate_about_a_job_that_is_held_does_not_go_though_there_is_room() -> None:
    worker = busy_worker(FIVE_MINUTES)
    job = worker.add()
    worker.run()
    held = worker.job
    worker.calls.next_at = None
    worker.send(job)

    assert len(worker.run()) == 1

    assert worker.jobs.all() == [held]
    assert worker.mistral.calls == []
    assert worker.comes_back_at == held.ready_at
    worker.run_to_the_end()
    assert (worker.job.status, len(worker.mistral.calls)) == (JobStatus.COMPLETED, 1)


def test_a_crash_before_a_hold_is_written_leaves_the_job_to_its_message() -> None:
    worker = busy_worker(FIVE_MINUTES, seam=Trouble("jobs.save", Crash(), times=1))
    job = worker.add()

    with pytest.raises(BaseExceptionGroup):
        worker.run()

    assert worker.jobs.all() == [job]
    worker.run_to_the_end()
    assert worker.job.status is JobStatus.COMPLETED


def test_a_job_that_has_waited_goes_before_newcomers() -> None:
    worker = busy_worker(FIVE_MINUTES)
    held = worker.add()
    worker.run()
    worker.clock.at = NOON + FIVE_MINUTES + SECOND
    worker.calls.next_at = worker.clock.at + GATE_PATIENCE
    newcomer = worker.add(a_job(id=a_job_id(2)))

    worker.run()

    statuses = {job.id: job.status for job in worker.jobs.all()}
    assert statuses == {held.id: JobStatus.COMPLETED, newcomer.id: JobStatus.QUEUED}


def test_a_job_that_the_wheel_brings_goes_before_newcomers() -> None:
    worker = Worker(interval=SECOND)
    newcomer = worker.add(a_job(id=a_job_id(1)))
    woken = a_job(id=a_job_id(2))
    worker.jobs.submit(woken)
    worker.send(woken, comes_back=True)
    worker.calls.next_at = NOON + GATE_PATIENCE

    worker.run()

    statuses = {job.id: job.status for job in worker.jobs.all()}
    assert statuses == {newcomer.id: JobStatus.QUEUED, woken.id: JobStatus.COMPLETED}


def test_a_hold_of_the_operators_is_written_however_brief() -> None:
    """The briefest was as brief as one that stands on no row, so nobody was told why."""
    worker = Worker(refusal(401), chat_answer(), dice=LoadedDice(0.0))
    worker.add(a_job(id=a_job_id(1)))
    worker.run()
    worker.add(a_job(id=a_job_id(2)))

    assert worker.run() == []

    held = worker.jobs.all()[-1]
    assert held.status_reason is StatusReason.INVALID_API_KEY
    assert held.ready_at == NOON + PROBES_APART
    assert len(wakes(worker)) == 2


def test_the_message_about_a_row_that_cannot_be_read_is_not_lost_while_the_gate_holds() -> None:
    """It counted as gone. The code that can read it may be deployed yet."""
    worker = busy_worker(FIVE_MINUTES)
    job = worker.add()
    worker.jobs.unreadable.add(job.id)

    assert worker.run() == ["jobs-message-1"]

    assert worker.log.lines[-1]["error_type"] == "UnreadableRowError"
    assert worker.jobs.all() == [job]
