"""Ten jobs at once: side by side, and none at the cost of another."""

from datetime import timedelta

import pytest

from functions.worker.outcome import LOOK_AGAIN_AFTER
from relay.domain.answer import Answer
from relay.domain.content import REQUEST_KEY, Content, Place
from relay.domain.job import JobStatus
from tests.fakes.clock import NOON
from tests.fakes.examples import a_job, a_job_id
from tests.fakes.mistral import MistralCall, chat_answer, refusal
from tests.fakes.trouble import Trouble
from tests.unit.functions.sample_events import failures, sqs_event
from tests.unit.functions.worker_on_fakes import INVOCATION, Context, Worker


def test_ten_jobs_of_a_batch_take_the_time_of_one() -> None:
    worker = Worker(takes=timedelta(seconds=20))
    for number in range(1, 11):
        worker.add(a_job(id=a_job_id(number)))

    assert worker.run() == []

    assert len(worker.mistral.calls) == 10
    assert worker.clock.at - NOON == timedelta(seconds=20)
    assert {job.status for job in worker.jobs.all()} == {JobStatus.COMPLETED}


def test_every_job_of_a_batch_gets_its_own_answer() -> None:
    worker = Worker()
    for number in range(1, 11):
        body = b'{"model":"m","messages":[{"role":"user","content":"%d"}]}' % number
        job = a_job(id=a_job_id(number))
        worker.add(a_job(id=job.id, request=worker.contents.put(job, REQUEST_KEY, body)))

    def echo(call: MistralCall) -> Answer:
        return chat_answer(call.json["messages"][0]["content"])

    worker.mistral.script = echo
    worker.run()

    for number, job in enumerate(worker.jobs.all(), 1):
        assert job.result is not None
        assert worker.contents.get(job, job.result) == chat_answer(str(number)).body


def test_one_job_s_defect_touches_none_of_the_others() -> None:
    worker = Worker()
    poisoned = Content(place=Place.OBJECT, key=REQUEST_KEY, size_bytes=9)
    worker.add(a_job(id=a_job_id(1)))
    worker.add(a_job(id=a_job_id(2), request=poisoned))
    worker.add(a_job(id=a_job_id(3)))

    assert worker.run() == []

    assert [job.status for job in worker.jobs.all()] == ["completed", "failed", "completed"]


def test_an_unknown_exception_touches_none_of_the_others_and_tells_the_log_no_text() -> None:
    worker = Worker(seam=Trouble("jobs.claim", RuntimeError("canary"), times=1))
    worker.add(a_job(id=a_job_id(1)))
    worker.add(a_job(id=a_job_id(2)))

    assert worker.run() == ["jobs-message-1"]

    first, second = worker.log.lines
    assert first["level"] == "ERROR"
    assert first["error_type"] == "RuntimeError"
    assert first["job_id"] == a_job_id(1)
    assert second["outcome"] == "completed"
    assert "canary" not in worker.log.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("canary", id="not JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("[" * 100_000, id="deeper than anyone reads"),
        pytest.param('{"schema":"2","tenant_id":"t","job_id":"j"}', id="of newer code"),
        pytest.param('{"schema":"1","tenant_id":"canary"}', id="without a job"),
        pytest.param('{"schema":"1","tenant_id":"canary","job_id":7}', id="with a number"),
    ],
)
def test_a_message_that_cannot_be_read_is_reported_and_stays_for_the_dead_letters(
    body: str,
) -> None:
    worker = Worker()
    worker.queue.send_text(body)
    worker.add()

    assert worker.run() == ["jobs-message-1"]

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.comes_back_at == NOON + LOOK_AGAIN_AFTER
    assert worker.log.lines[0]["error_type"] == "UnreadableMessageError"
    assert "canary" not in worker.log.text


def test_only_what_must_come_back_is_reported_by_its_message_s_id() -> None:
    worker = Worker(chat_answer(), refusal(429, retry_after="60"), chat_answer())
    for number in range(1, 4):
        worker.jobs.submit(a_job(id=a_job_id(number)))
    bodies = [
        f'{{"schema":"1","tenant_id":"{a_job().tenant_id}","job_id":"{a_job_id(number)}"}}'
        for number in range(1, 4)
    ]

    answer = worker.handle(sqs_event(*bodies), Context(INVOCATION))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert failures(answer) == ["m2"]


def test_a_batch_that_is_done_reports_nothing_and_not_no_answer_at_all() -> None:
    worker = Worker()
    worker.add()

    assert worker.handle(worker.queue.received(), Context(INVOCATION)) == {"batchItemFailures": []}


def test_a_job_that_waits_comes_back_on_time_though_its_batch_takes_longer() -> None:
    """It was hidden only after the slowest job of its batch, ten minutes late at worst."""
    worker = Worker()
    worker.add(a_job(id=a_job_id(1)))
    worker.add(a_job(id=a_job_id(2)))
    answers = iter([refusal(429, retry_after="15"), chat_answer()])

    def script(_: MistralCall) -> Answer:
        answer = next(answers)
        if answer.status == 200:
            worker.clock.wait(timedelta(seconds=40))
        return answer

    worker.mistral.script = script
    assert worker.run() == ["jobs-message-1"]

    assert worker.comes_back_at == NOON + timedelta(seconds=15)


def test_an_outage_of_the_queue_loses_no_message() -> None:
    worker = Worker(refusal(429, retry_after="60"), seam=Trouble("jobs.postpone"))
    worker.add()

    assert worker.run() == ["jobs-message-1"]

    assert worker.comes_back_at is not None
    assert worker.log.named("messages.not_postponed")
