"""Messages about jobs that are not claimed: in other hands, not due, over, or held at the gate."""

from datetime import timedelta

import pytest

from functions.worker.outcome import LOOK_AGAIN_AFTER
from relay.domain.backoff import RELEASES_BY_MESSAGE
from relay.domain.job import LEASE_MARGIN, Job, JobStatus, StatusReason
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import SOME_ERROR, a_completed_job, a_job, a_job_id
from tests.fakes.mistral import chat_answer, refusal
from tests.fakes.seam import QUIET, Seam
from tests.unit.functions.worker_on_fakes import Rival, Worker

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=60) + LEASE_MARGIN
HOUR = timedelta(hours=1)


def held_worker(job: Job, *, until: timedelta = HOUR, seam: Seam = QUIET) -> Worker:
    """Return a worker that has no room for a job, neither now nor soon."""
    worker = Worker(interval=SECOND, seam=seam)
    worker.calls.next_at = worker.backlog.next_at = NOON + until
    worker.add(job)
    return worker


def waiting(ready_in: timedelta, **changes: object) -> Job:
    """Return a job that was claimed once and waits."""
    claimed = a_job(**changes).claimed(NOON, LEASE_MARGIN)
    return claimed.released(
        NOON, ready_at=NOON + ready_in, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=1
    )


def test_a_duplicate_about_a_job_that_waits_long_goes_and_the_wheel_brings_it_back() -> None:
    worker = Worker()
    job = worker.add(waiting(HOUR))

    assert worker.run() == []

    assert worker.jobs.all() == [job]
    assert worker.queue.messages == []
    assert worker.wakes_at == job.ready_at
    worker.run_to_the_end()
    assert worker.job.status is JobStatus.COMPLETED


def test_a_duplicate_that_has_been_carried_often_enough_goes_too() -> None:
    worker = Worker()
    job = worker.add(waiting(timedelta(minutes=5)))
    for message in worker.queue.messages:
        message.receives = RELEASES_BY_MESSAGE

    assert worker.run() == []

    assert worker.jobs.all() == [job]
    assert worker.wakes_at == job.ready_at


def test_many_duplicates_about_a_job_in_other_hands_make_no_call_and_end_with_it() -> None:
    worker = Worker()
    job = worker.add(a_job().claimed(NOON, LEASE_MARGIN))
    for _ in range(5):
        worker.send(job)

    worker.run()
    assert worker.jobs.all() == [job]
    assert worker.mistral.calls == []
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert len(worker.mistral.calls) == 1


@pytest.mark.parametrize("until", [timedelta(seconds=30), HOUR], ids=["briefly", "for long"])
def test_a_job_in_other_hands_is_left_to_them_while_the_gate_holds(until: timedelta) -> None:
    job = a_job(deadline=NOON + SECOND).claimed(NOON, LEASE_MARGIN)
    worker = held_worker(job, until=until)

    worker.run()

    assert worker.jobs.all() == [job]
    assert worker.mistral.calls == []
    assert worker.next_at is not None
    assert worker.next_at <= NOON + LEASE


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(a_completed_job(), id="completed"),
        pytest.param(a_job().cancelled(NOON), id="cancelled"),
        pytest.param(a_job().cancelled(NOON).deleted(NOON), id="deleted"),
    ],
)
@pytest.mark.parametrize("is_held", [False, True], ids=["gate open", "gate closed"])
def test_a_message_about_a_job_that_is_over_goes(job: Job, *, is_held: bool) -> None:
    worker = held_worker(job) if is_held else Worker()
    if not is_held:
        worker.add(job)

    assert worker.run() == []

    assert worker.jobs.all() == [job]
    assert worker.next_at is None
    assert worker.mistral.calls == []


def test_a_message_about_no_job_at_all_goes_while_the_gate_holds() -> None:
    worker = held_worker(a_job())
    worker.queue.messages.clear()
    worker.send(a_job(id=a_job_id(2)))

    assert worker.run() == []

    assert worker.log.lines[-1]["outcome"] == "gone"
    assert worker.next_at is None


def test_a_job_expires_on_time_while_the_gate_holds() -> None:
    worker = held_worker(a_job(deadline=NOON + timedelta(minutes=10)))

    worker.run()
    assert worker.job.ready_at == worker.job.deadline
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.job.finished_at is not None
    assert worker.job.finished_at - worker.job.deadline < SECOND


def test_a_job_that_waits_for_its_own_sake_keeps_its_moment_while_the_gate_holds() -> None:
    job = waiting(timedelta(minutes=5))
    worker = held_worker(job)

    worker.run()

    assert worker.jobs.all() == [job]
    assert worker.next_at == job.ready_at


def test_a_job_whose_attempts_are_spent_ends_though_the_gate_holds() -> None:
    worker = held_worker(a_job(attempts_max=1).claimed(NOON - HOUR, LEASE_MARGIN))

    assert worker.run() == []

    assert worker.job.status is JobStatus.FAILED
    assert worker.job.error is not None
    assert worker.job.error.reason == "attempts_exhausted"


@pytest.mark.parametrize("status", [401, 429])
def test_a_job_whose_worker_is_gone_waits_for_the_gate_and_is_not_looked_at_before(
    status: int,
) -> None:
    """It was due at once, always, so it came back at once: three times a minute, for days."""
    worker = Worker(refusal(status), chat_answer(), dice=FakeDice(), interval=SECOND)
    if status == 429:
        worker.calls.next_at = worker.backlog.next_at = NOON + HOUR
    else:
        worker.add(a_job(id=a_job_id(2)))
        worker.run()
    job = worker.add(a_job().claimed(NOON - HOUR, LEASE_MARGIN))

    worker.run()

    assert job in worker.jobs.all()
    assert worker.next_at is not None
    assert worker.next_at - NOON >= (HOUR if status == 429 else timedelta(minutes=1))
    worker.run_to_the_end()
    assert {job.status for job in worker.jobs.all()} == {JobStatus.COMPLETED}


def test_whoever_would_hold_back_a_job_that_another_has_just_claimed_lets_it_be() -> None:
    rival = Rival("jobs.save")
    worker = held_worker(a_job(), seam=rival)
    job = worker.job
    rival.act = lambda: worker.jobs.claim(job.tenant_id, job.id, at=NOON, lease_margin=LEASE_MARGIN)

    assert len(worker.run()) == 1

    assert worker.job == job.claimed(NOON, LEASE_MARGIN)
    assert worker.log.lines[-1]["outcome"] == "lost"
    assert worker.comes_back_at == NOON + LOOK_AGAIN_AFTER
