"""Who may run a job, when, and what becomes of one whose worker is gone."""

import json
from datetime import timedelta

import pytest

from functions.worker.outcome import LOOK_AGAIN_AFTER
from relay.domain.answer import Answer
from relay.domain.content import REQUEST_KEY, Content, Place, result_key
from relay.domain.ids import JobId, TenantId
from relay.domain.job import LEASE_MARGIN, Job, JobStatus, StatusReason
from relay.domain.job_error import ErrorCode
from relay.domain.messages import job_message
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, SOME_ERROR, a_job, a_job_id
from tests.fakes.mistral import MistralCall, chat_answer, refusal
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.worker_on_fakes import Rival, Worker

LEASE = timedelta(seconds=60) + LEASE_MARGIN


def crashed_worker(*answers: Answer, job: Job | None = None) -> Worker:
    """Return a worker whose sandbox was gone once, just before it called Mistral."""
    worker = Worker(*answers, seam=Trouble("mistral.call", Crash(), times=1))
    worker.add(job)
    with pytest.raises(BaseExceptionGroup):
        worker.run()
    worker.queue.messages.clear()
    assert worker.job.status is JobStatus.IN_PROGRESS
    assert worker.job.attempts == 1
    return worker


def test_a_job_whose_worker_is_gone_is_left_alone_until_its_lease_ends() -> None:
    worker = crashed_worker()
    worker.clock.wait(timedelta(seconds=30))
    worker.send(worker.job)

    assert len(worker.run()) == 1

    assert worker.mistral.calls == []
    assert worker.job.fence == 1
    assert worker.comes_back_at == NOON + LEASE


def test_a_job_whose_worker_is_gone_is_claimed_again_after_its_lease_and_charged() -> None:
    worker = crashed_worker()
    worker.clock.wait(LEASE + timedelta(milliseconds=1))
    worker.send(worker.job)

    assert worker.run() == []

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 2
    assert worker.job.fence == 2
    assert worker.job.started_at == NOON
    assert worker.job.result is not None
    assert worker.job.result.key == result_key(2)  # never where a late first worker would write
    assert len(worker.mistral.calls) == 1


def test_a_message_that_comes_back_just_as_the_lease_ends_is_not_lost() -> None:
    worker = crashed_worker()
    worker.clock.wait(LEASE)
    worker.send(worker.job)

    worker.run()
    worker.clock.wait(timedelta(milliseconds=1))
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED


def test_a_job_whose_every_worker_is_gone_fails_when_its_attempts_are_exhausted() -> None:
    worker = crashed_worker(job=a_job(attempts_max=1))
    worker.clock.wait(LEASE + timedelta(milliseconds=1))
    worker.send(worker.job)

    assert worker.run() == []

    job = worker.job
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.reason == "attempts_exhausted"
    assert job.error.code is ErrorCode.SERVICE_UNAVAILABLE
    assert job.error.attempts == job.attempts == 1
    assert job.error.retryable
    assert worker.mistral.calls == []


def test_a_job_whose_last_worker_is_gone_does_not_blame_what_went_wrong_before() -> None:
    released = (
        a_job(attempts_max=2)
        .claimed(NOON, LEASE_MARGIN)
        .released(
            NOON, ready_at=NOON, reason=StatusReason.RATE_LIMITED, error=SOME_ERROR, attempts=1
        )
    )
    worker = Worker(seam=Trouble("mistral.call", Crash(), times=1))
    worker.add(released)
    with pytest.raises(BaseExceptionGroup):
        worker.run()
    worker.queue.messages.clear()
    worker.clock.wait(LEASE + timedelta(milliseconds=1))
    worker.send(worker.job)

    worker.run()

    assert worker.job.error is not None
    assert worker.job.error.message != SOME_ERROR.message
    assert worker.job.error.reason == "attempts_exhausted"


def test_a_job_whose_worker_is_gone_expires_with_its_deadline_and_not_under_its_lease() -> None:
    worker = crashed_worker(job=a_job(deadline=NOON + timedelta(seconds=10)))
    worker.clock.wait(timedelta(seconds=11))
    worker.send(worker.job)

    worker.run()
    assert worker.status == "in_progress"
    worker.clock.wait(LEASE)
    worker.run_to_the_end()

    assert worker.status == "expired"
    assert worker.mistral.calls == []


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_a_job_that_nobody_claimed_before_its_deadline_expires(late: timedelta) -> None:
    worker = Worker()
    job = worker.add()
    worker.clock.at = job.deadline + late

    assert worker.run() == []

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.job.finished_at == worker.clock.at
    assert worker.job.error is not None
    assert worker.job.error.reason == "deadline_exceeded"
    assert worker.job.error.attempts == 0
    assert worker.job.error.retryable
    assert worker.mistral.calls == []


def test_the_message_of_a_job_that_is_not_due_comes_back_when_it_is() -> None:
    worker = Worker()
    worker.add(a_job(ready_at=NOON + timedelta(minutes=5)))

    assert len(worker.run()) == 1

    assert worker.mistral.calls == []
    assert worker.comes_back_at == NOON + timedelta(minutes=5)
    assert worker.job.attempts == 0


def test_a_job_that_is_due_after_its_deadline_is_looked_at_with_its_deadline() -> None:
    worker = Worker()
    deadline = NOON + timedelta(minutes=1)
    worker.add(a_job(ready_at=NOON + timedelta(hours=1), deadline=deadline))

    worker.run()

    assert worker.comes_back_at == deadline


def test_two_messages_about_one_job_in_one_batch_make_one_call() -> None:
    worker = Worker(takes=timedelta(seconds=5))
    job = worker.add()
    worker.send(job)

    assert len(worker.run()) == 1
    worker.run_to_the_end()

    assert len(worker.mistral.calls) == 1
    assert worker.job.status is JobStatus.COMPLETED
    assert worker.states() == ["queued", "in_progress", "completed"]


def test_a_message_about_a_job_that_has_ended_does_nothing() -> None:
    worker = Worker()
    job = worker.add()
    worker.run()
    ended = worker.job
    worker.send(job)

    assert worker.run() == []

    assert worker.job == ended
    assert len(worker.mistral.calls) == 1
    assert worker.log.lines[-1]["outcome"] == "final_already"


@pytest.mark.parametrize("tenant_id", [OTHER_TENANT, TenantId("")])
def test_a_message_about_a_job_that_is_not_there_goes_and_makes_none(tenant_id: TenantId) -> None:
    worker = Worker()
    worker.add(a_job())
    worker.queue.messages.clear()
    worker.send(a_job(tenant_id=tenant_id))

    assert worker.run() == []

    assert worker.log.lines[-1]["outcome"] == "gone"
    assert worker.job.status is JobStatus.QUEUED
    assert worker.mistral.calls == []


def test_an_answer_that_comes_after_another_worker_s_loses_and_changes_nothing() -> None:
    worker = Worker()
    job = worker.add()
    winners = chat_answer("the winner's").body
    ended: list[Job] = []

    def overrun(_: MistralCall) -> Answer:
        worker.clock.wait(LEASE + timedelta(seconds=1))
        ended.append(worker.rival_completes(job, winners))
        return chat_answer("the late one's")

    worker.mistral.script = overrun
    assert len(worker.run()) == 1

    assert worker.log.lines[-1]["outcome"] == "lost"
    worker.run_to_the_end()
    assert worker.job == ended[0]
    assert worker.job.result is not None
    assert worker.contents.get(worker.job, worker.job.result) == winners


@pytest.mark.parametrize("answer", [refusal(400), refusal(503)], ids=["fails", "is released"])
def test_a_refusal_that_comes_after_another_worker_s_answer_changes_nothing(
    answer: Answer,
) -> None:
    worker = Worker()
    job = worker.add()

    def overrun(_: MistralCall) -> Answer:
        worker.clock.wait(LEASE + timedelta(seconds=1))
        worker.rival_completes(job, chat_answer().body)
        return answer

    worker.mistral.script = overrun
    worker.run()

    assert worker.job.status is JobStatus.COMPLETED


def test_whoever_would_expire_a_job_that_another_has_just_ended_lets_it_be() -> None:
    rival = Rival("jobs.save")
    worker = Worker(seam=rival)
    job = worker.add()
    rivals = job.expired(NOON)
    rival.act = lambda: worker.jobs.save(job, rivals)
    worker.clock.at = job.deadline

    assert len(worker.run()) == 1
    assert worker.log.lines[-1]["outcome"] == "lost"
    worker.run_to_the_end()

    assert worker.job == rivals
    assert worker.states().count("expired") == 1


@pytest.mark.parametrize("call", ["jobs.save", "contents.put"])
@pytest.mark.parametrize("is_after", [False, True], ids=["not done", "done"])
def test_an_outage_while_recording_is_sat_out_and_mistral_is_not_called_again(
    call: str,
    is_after: bool,  # noqa: FBT001
) -> None:
    worker = Worker(seam=Trouble(call, is_after=is_after, times=3))
    worker.add()

    assert worker.run() == []

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.states() == ["queued", "in_progress", "completed"]
    assert len(worker.mistral.calls) == 1
    assert worker.clock.at - NOON < LEASE


def test_an_outage_that_outlasts_the_lease_is_given_up_with_it() -> None:
    outage = Trouble("jobs.save")
    worker = Worker(seam=outage)
    worker.add()

    assert len(worker.run()) == 1
    assert worker.clock.at - NOON < LEASE
    assert len(worker.mistral.calls) == 1
    outage.end()
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert len(worker.mistral.calls) == 2
    assert worker.job.attempts == 2


@pytest.mark.parametrize("answer", [refusal(400), refusal(429)], ids=["fails", "is released"])
def test_an_outage_while_a_refusal_is_recorded_is_sat_out_too(answer: Answer) -> None:
    worker = Worker(answer, seam=Trouble("jobs.save", times=2))
    worker.add()

    worker.run()

    assert worker.job.lease_until is None


@pytest.mark.parametrize("is_after", [False, True], ids=["not done", "done"])
def test_an_outage_while_claiming_brings_the_message_back_in_a_minute(
    is_after: bool,  # noqa: FBT001
) -> None:
    worker = Worker(seam=Trouble("jobs.claim", is_after=is_after, times=1))
    worker.add()

    assert len(worker.run()) == 1
    assert worker.comes_back_at == NOON + LOOK_AGAIN_AFTER
    assert worker.mistral.calls == []
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert len(worker.mistral.calls) == 1


def test_an_outage_while_a_job_expires_is_no_end_of_it() -> None:
    worker = Worker(seam=Trouble("jobs.save", times=1))
    job = worker.add()
    worker.clock.at = job.deadline

    assert len(worker.run()) == 1
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED


def test_a_job_whose_request_is_gone_ends_without_a_call() -> None:
    worker = Worker()
    gone = Content(place=Place.OBJECT, key=REQUEST_KEY, size_bytes=9)
    worker.add(a_job(request=gone, attempts_max=2))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.FAILED
    assert worker.job.error is not None
    assert worker.job.error.message == "The request is no longer kept."
    assert (worker.job.error.reason, worker.job.attempts) == (None, 0)
    assert worker.mistral.calls == []


def test_messages_name_rows_and_nothing_else() -> None:
    message = job_message(a_job(metadata={"order": "canary"}))

    assert message.keys() == {"schema", "tenant_id", "job_id"}
    assert "canary" not in json.dumps(message)
    assert message["job_id"] == JobId(a_job_id())
