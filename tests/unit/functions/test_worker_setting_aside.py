"""Jobs that must wait: their messages carry them for a while, then the wheel does."""

from datetime import timedelta
from itertools import pairwise

import pytest

from relay.domain.answer import Answer
from relay.domain.backoff import MESSAGE_WAIT_MAX, RELEASES_BY_MESSAGE
from relay.domain.job import JobStatus, StatusReason
from relay.domain.wheel import Hint, Purpose
from tests.fakes.clock import NOON
from tests.fakes.dice import LoadedDice
from tests.fakes.examples import a_job, a_job_id
from tests.fakes.mistral import MistralCall, chat_answer, refusal
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.worker_on_fakes import Worker

TENTH = timedelta(milliseconds=100)
A_MINUTE = refusal(429, retry_after="60")
AN_HOUR = refusal(429, retry_after="3600")


def wakes(worker: Worker) -> list[Hint]:
    return [hint for hint in worker.wheel.all() if hint.purpose is Purpose.WAKE]


def test_the_first_two_waits_are_carried_by_the_message_and_the_third_by_the_wheel() -> None:
    worker = Worker(A_MINUTE)
    worker.add()

    assert worker.run_next() == ["jobs-message-1"]
    assert worker.run_next() == ["jobs-message-1"]
    assert wakes(worker) == []
    assert worker.run_next() == []

    job = worker.job
    assert (job.status, job.fence) == (JobStatus.QUEUED, RELEASES_BY_MESSAGE + 1)
    assert worker.queue.messages == []
    (hint,) = wakes(worker)
    assert (hint.owner, hint.id) == (job.tenant_id, job.id)
    assert job.ready_at is not None
    assert job.ready_at <= hint.at < job.ready_at + timedelta(seconds=90)


def test_a_job_that_was_parked_is_woken_and_runs() -> None:
    worker = Worker(A_MINUTE, A_MINUTE, A_MINUTE, A_MINUTE, chat_answer())
    worker.add()

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 1
    assert worker.receives_most == RELEASES_BY_MESSAGE + 1
    calls = worker.mistral.called_at
    assert min(later - earlier for earlier, later in pairwise(calls)) >= timedelta(minutes=1)


def test_after_a_wake_the_next_message_carries_twice_again() -> None:
    worker = Worker(*[A_MINUTE] * (2 * RELEASES_BY_MESSAGE + 2), chat_answer())
    worker.add()

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.fence == 2 * RELEASES_BY_MESSAGE + 3
    assert len(wakes(worker)) == 2
    assert worker.receives_most == RELEASES_BY_MESSAGE + 1


def test_a_long_wait_is_parked_at_once() -> None:
    worker = Worker(AN_HOUR)
    worker.add()

    assert worker.run() == []

    assert worker.queue.messages == []
    assert worker.job.status_reason is StatusReason.RATE_LIMITED
    assert worker.job.ready_at == worker.wakes_at == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("wait", "is_by_message"),
    [(MESSAGE_WAIT_MAX, True), (MESSAGE_WAIT_MAX + timedelta(seconds=1), False)],
)
def test_the_longest_wait_that_a_message_carries(wait: timedelta, *, is_by_message: bool) -> None:
    worker = Worker(refusal(429, retry_after=str(wait // timedelta(seconds=1))))
    worker.add()

    worker.run()

    assert worker.next_at == NOON + wait
    assert (worker.comes_back_at is not None) is is_by_message


def test_the_hint_is_there_before_the_row_is_written() -> None:
    worker = Worker(AN_HOUR, seam=Trouble("jobs.save", Crash()))
    worker.add()

    with pytest.raises(BaseExceptionGroup):
        worker.run()

    assert worker.job.status is JobStatus.IN_PROGRESS
    assert len(wakes(worker)) == 1


def test_a_hint_whose_row_was_never_written_harms_nobody() -> None:
    crash = Trouble("jobs.save", Crash(), times=1)
    worker = Worker(AN_HOUR, chat_answer(), seam=crash)
    worker.add()
    with pytest.raises(BaseExceptionGroup):
        worker.run()

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.fence == 2
    assert len(worker.mistral.calls) == 2


@pytest.mark.parametrize("status", [401, 429])
@pytest.mark.parametrize("call", ["wheel.put", "jobs.save"])
@pytest.mark.parametrize("is_after", [False, True], ids=["not done", "done"])
def test_an_outage_while_a_job_is_parked_charges_it_nothing(
    status: int, call: str, *, is_after: bool
) -> None:
    """A hint that was not taken at once left the job in hand: its lease ran out, and it paid."""
    worker = Worker(
        refusal(status, retry_after="3600"), seam=Trouble(call, is_after=is_after, times=2)
    )
    worker.add()

    assert worker.run() == []

    assert (worker.job.status, worker.job.attempts) == (JobStatus.QUEUED, 0)
    assert worker.wakes_at is not None
    assert worker.wakes_at >= (worker.job.ready_at or NOON)


def test_a_hint_that_was_long_in_writing_still_lies_ahead() -> None:
    outage = Trouble("wheel.put", times=5)
    worker = Worker(refusal(401), seam=outage, dice=LoadedDice(0.999))
    worker.add(a_job(deadline=NOON + timedelta(seconds=5)))

    worker.run()

    assert worker.clock.at > NOON + timedelta(seconds=20)
    assert worker.wakes_at is not None
    assert worker.wakes_at >= worker.clock.at + timedelta(seconds=30)


def test_an_outage_of_the_wheel_that_outlasts_the_lease_leaves_the_message() -> None:
    outage = Trouble("wheel.put")
    worker = Worker(AN_HOUR, AN_HOUR, chat_answer(), seam=outage)
    worker.add()

    assert worker.run() == ["jobs-message-1"]
    outage.end()
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED


@pytest.mark.parametrize("jobs", [50, 300])
def test_calls_never_lie_closer_than_the_interval_and_all_jobs_complete(jobs: int) -> None:
    worker = Worker(interval=TENTH)
    for number in range(1, jobs + 1):
        worker.add(a_job(id=a_job_id(number), attempts_max=1))

    worker.run_to_the_end()

    calls = worker.mistral.called_at
    assert len(calls) == jobs
    assert min(later - earlier for earlier, later in pairwise(calls)) >= TENTH
    assert {(job.status, job.attempts) for job in worker.jobs.all()} == {(JobStatus.COMPLETED, 1)}
    assert calls[-1] - NOON < 2 * jobs * TENTH


def test_a_retry_in_place_takes_its_turn_too() -> None:
    worker = Worker(refusal(503), chat_answer(), interval=timedelta(seconds=2))
    worker.add()

    worker.run()

    first, second = worker.mistral.called_at
    assert second - first >= timedelta(seconds=2)


def test_a_retry_for_which_there_is_no_room_soon_leaves_the_invocation() -> None:
    def others_call_meanwhile(_: MistralCall) -> Answer:
        worker.calls.next_at = NOON + timedelta(minutes=1)
        return refusal(503)

    worker = Worker(interval=timedelta(seconds=1))
    worker.mistral.script = others_call_meanwhile
    worker.add()

    worker.run()

    assert len(worker.mistral.calls) == 1
    assert worker.clock.at == NOON
    assert worker.job.status_reason is StatusReason.UPSTREAM_UNAVAILABLE
    assert worker.job.attempts == 1
