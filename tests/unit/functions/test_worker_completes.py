"""A job that Mistral answers well."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from relay.domain.answer import Answer
from relay.domain.content import REQUEST_KEY, result_key
from relay.domain.endpoints import Endpoint
from relay.domain.job import JobStatus
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import BODY, a_job, a_job_id
from tests.fakes.mistral import chat_answer
from tests.unit.functions.sample_events import sample
from tests.unit.functions.worker_on_fakes import INVOCATION, Context, Worker


def good(**body: object) -> Answer:
    return Answer(status=200, headers={}, body=json.dumps(body).encode())


def test_mistral_is_sent_the_request_just_as_it_was_kept() -> None:
    worker = Worker()
    worker.add(a_job(timeout=timedelta(seconds=17)))

    worker.run()

    (call,) = worker.mistral.calls
    assert call.path == "/v1/chat/completions"
    assert call.body == BODY
    assert call.time_limit == timedelta(seconds=17)


def test_the_answer_is_kept_byte_for_byte_and_the_message_goes() -> None:
    answer = chat_answer("Grüße 🌍")
    worker = Worker(answer)
    worker.add()

    assert worker.run() == []

    job = worker.job
    assert job.status is JobStatus.COMPLETED
    assert job.result is not None
    assert job.result.key == result_key(1)
    assert worker.contents.get(job, job.result) == answer.body
    assert worker.comes_back_at is None


def test_usage_and_cost_are_those_of_the_answer() -> None:
    worker = Worker(
        chat_answer(model="mistral-small-2603", prompt_tokens=1000, completion_tokens=7)
    )
    worker.add()

    worker.run()

    job = worker.job
    assert job.model_used == "mistral-small-2603"
    assert job.usage == Usage(prompt_tokens=1000, completion_tokens=7, total_tokens=1007)
    assert job.cost == Money(Decimal("0.0001542"))  # 1,000 at 0.15 and 7 at 0.60 per million


def test_the_cost_of_a_model_without_a_known_price_is_null() -> None:
    worker = Worker(chat_answer(model="mistral-of-tomorrow"))
    worker.add()

    worker.run()

    assert worker.job.cost is None
    assert worker.job.usage is not None


def test_an_answer_that_counts_nothing_leaves_usage_and_cost_null() -> None:
    worker = Worker(good(choices=[{"message": {"content": "x"}}]))
    worker.add()

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.usage is None
    assert worker.job.cost is None
    assert worker.job.model_used == "mistral-small-latest"


@pytest.mark.parametrize(
    ("annotates_pages", "amount"), [(False, "0.012"), (True, "0.015")], ids=["plain", "annotated"]
)
def test_pages_cost_more_with_annotations(*, annotates_pages: bool, amount: str) -> None:
    worker = Worker(good(pages=[], model="mistral-ocr-latest", usage_info={"pages_processed": 3}))
    worker.add(a_job(endpoint=Endpoint.OCR, annotates_pages=annotates_pages))

    worker.run()

    assert worker.job.cost == Money(Decimal(amount))


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        (Endpoint.EMBEDDINGS, good(data=[{"embedding": [0.1]}])),
        (Endpoint.FIM_COMPLETIONS, good(choices=[{"message": {"content": "x"}}])),
        (Endpoint.MODERATIONS, good(results=[{}])),
        (Endpoint.CHAT_MODERATIONS, good(results=[{}])),
        (Endpoint.CLASSIFICATIONS, good(results=[{}])),
        (Endpoint.CHAT_CLASSIFICATIONS, good(results=[{}])),
        (Endpoint.OCR, good(pages=[{}])),
        (Endpoint.AGENTS_COMPLETIONS, good(choices=[{"message": {"content": "x"}}])),
    ],
)
def test_every_endpoint_is_called_at_its_own_path(endpoint: Endpoint, answer: Answer) -> None:
    worker = Worker(answer)
    worker.add(a_job(endpoint=endpoint))

    worker.run()

    assert worker.mistral.calls[0].path == endpoint
    assert worker.job.status is JobStatus.COMPLETED


def test_times_and_attempts_say_what_happened() -> None:
    worker = Worker(takes=timedelta(seconds=3))
    worker.add()
    worker.clock.wait(timedelta(seconds=1))

    worker.run()

    job = worker.job
    assert job.started_at == NOON + timedelta(seconds=1)
    assert job.finished_at == NOON + timedelta(seconds=4)
    assert job.attempts == 1
    assert job.fence == 1
    assert job.error is None
    assert job.lease_until is None


def test_a_large_request_is_read_from_where_it_lies() -> None:
    worker = Worker()
    job = a_job()
    worker.add(a_job(request=worker.contents.put(job, REQUEST_KEY, BODY)))

    worker.run()

    assert worker.mistral.calls[0].body == BODY
    assert worker.job.status is JobStatus.COMPLETED


def test_the_sample_event_runs_the_jobs_it_names() -> None:
    worker = Worker()
    worker.jobs.submit(a_job())
    worker.jobs.submit(a_job(id=a_job_id(2)))

    answer = worker.handle(sample("worker_jobs"), Context(INVOCATION))

    assert answer == {"batchItemFailures": []}
    assert {job.status for job in worker.jobs.all()} == {JobStatus.COMPLETED}


def test_one_wide_line_says_what_became_of_the_job_and_nothing_of_its_content() -> None:
    worker = Worker(chat_answer("canary-answer"))
    job = worker.add(a_job(metadata={"order": "canary-metadata"}))

    worker.run()

    (line,) = worker.log.lines
    assert line["message"] == "job.attempted"
    assert line["outcome"] == "completed"
    assert line["status"] == "completed"
    assert line["job_id"] == job.id
    assert line["tenant_id"] == job.tenant_id
    assert line["attempts"] == 1
    assert line["tokens"] == 14
    assert "canary" not in worker.log.text
    assert "Hello" not in worker.log.text
