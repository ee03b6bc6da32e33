"""Each row of the contract's table of errors."""

import json
from dataclasses import dataclass

import pytest

from relay.domain.answer import Answer
from relay.domain.errors import MistralCallError
from relay.domain.job import JobStatus
from relay.domain.job_error import ErrorCode
from tests.fakes.examples import a_job
from tests.fakes.mistral import chat_answer, refusal
from tests.unit.functions.worker_on_fakes import Worker


def answer(status: int, body: object, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=raw)


FAILS_AT_ONCE = [
    pytest.param(refusal(400), "invalid_request", id="400"),
    pytest.param(
        answer(422, {"detail": [{"loc": ["body", "n"], "msg": "too small", "input": "canary"}]}),
        "invalid_request",
        id="422",
    ),
    pytest.param(
        refusal(400, "This model's maximum context length is 32768 tokens"),
        "context_length_exceeded",
        id="a prompt that is too long",
    ),
    pytest.param(refusal(404), "model_not_found", id="404"),
    pytest.param(
        answer(400, {"type": "invalid_model", "message": "Invalid model: x"}),
        "model_not_found",
        id="400 invalid_model",
    ),
    pytest.param(refusal(403), "forbidden", id="403"),
    pytest.param(
        answer(429, {}, x_ratelimit_limit_req_minute="0"), "plan_excludes_model", id="429 of 0"
    ),
]


@pytest.mark.parametrize(("refused", "code"), FAILS_AT_ONCE)
def test_what_no_further_attempt_can_mend_fails_at_once(refused: Answer, code: str) -> None:
    worker = Worker(refused)
    worker.add()

    assert worker.run() == []

    job = worker.job
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == code
    assert job.error.reason is None
    assert not job.error.retryable
    assert job.error.attempts == job.attempts == 1
    assert job.error.message
    assert job.error.hint
    assert job.error.upstream.status == refused.status
    assert len(worker.mistral.calls) == 1
    assert "canary" not in job.error.message


@dataclass(frozen=True)
class Row:
    came: Answer | Exception
    code: str
    status_reason: str


def lost(code: ErrorCode) -> MistralCallError:
    return MistralCallError(code, "canary: the words of some library")


CHARGED = [
    pytest.param(Row(refusal(500), "service_unavailable", "upstream_unavailable"), id="500"),
    pytest.param(Row(refusal(503), "service_unavailable", "upstream_unavailable"), id="503"),
    pytest.param(
        Row(answer(502, b"<html>"), "service_unavailable", "upstream_unavailable"), id="html"
    ),
    pytest.param(Row(refusal(408), "timeout", "retrying"), id="408"),
    pytest.param(Row(lost(ErrorCode.TIMEOUT), "timeout", "retrying"), id="our time limit"),
    pytest.param(
        Row(lost(ErrorCode.CONNECTION_FAILED), "connection_failed", "upstream_unavailable"),
        id="the network",
    ),
    pytest.param(
        Row(lost(ErrorCode.INVALID_RESPONSE), "invalid_response", "retrying"), id="not decodable"
    ),
    pytest.param(Row(answer(200, b"{"), "invalid_response", "retrying"), id="half an object"),
    pytest.param(Row(answer(200, b""), "invalid_response", "retrying"), id="nothing"),
    pytest.param(Row(answer(200, []), "invalid_response", "retrying"), id="a list"),
    pytest.param(Row(answer(200, {}), "invalid_response", "retrying"), id="no choices"),
    pytest.param(
        Row(answer(200, {"choices": []}), "invalid_response", "retrying"), id="not one choice"
    ),
    pytest.param(
        Row(answer(200, {"choices": None}), "invalid_response", "retrying"), id="choices of null"
    ),
    pytest.param(Row(answer(200, b'{"choices":[NaN]}'), "invalid_response", "retrying"), id="NaN"),
    pytest.param(Row(answer(204, b""), "invalid_response", "retrying"), id="204"),
    pytest.param(Row(answer(302, b""), "invalid_response", "retrying"), id="302"),
]


@pytest.mark.parametrize("row", CHARGED)
def test_what_may_pass_is_tried_again_and_charged(row: Row) -> None:
    worker = Worker(row.came, chat_answer())
    worker.add()

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 2
    assert worker.job.error is None
    assert worker.job.last_error is None


@pytest.mark.parametrize("row", CHARGED)
def test_what_does_not_pass_fails_when_the_attempts_are_exhausted(row: Row) -> None:
    worker = Worker(row.came)
    worker.add(a_job(attempts_max=3))

    worker.run_to_the_end()

    job = worker.job
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == row.code
    assert job.error.reason == "attempts_exhausted"
    assert job.error.retryable
    assert job.error.attempts == job.attempts == 3
    assert len(worker.mistral.calls) == 3
    assert "canary" not in job.error.message
    assert "canary" not in worker.log.text


@pytest.mark.parametrize("row", CHARGED)
def test_a_job_that_waits_out_of_an_invocation_says_why(row: Row) -> None:
    worker = Worker(row.came)
    worker.add(a_job(attempts_max=20))

    while worker.job.status is not JobStatus.QUEUED or worker.job.status_reason is None:
        worker.run()

    job = worker.job
    assert job.status_reason == row.status_reason
    assert job.last_error is not None
    assert job.last_error.code == row.code
    assert job.last_error.attempts == job.attempts == len(worker.mistral.calls)
    assert job.ready_at is not None
    assert job.ready_at > worker.clock.at
    assert worker.comes_back_at is not None
    assert worker.comes_back_at >= job.ready_at


@pytest.mark.parametrize(
    ("refused", "code", "reason"),
    [
        (refusal(401), "invalid_api_key", "invalid_api_key"),
        (refusal(402), "insufficient_credits", "insufficient_credits"),
        (refusal(429), "rate_limit_exceeded", "rate_limited"),
    ],
)
def test_what_is_not_the_job_s_fault_is_no_attempt(refused: Answer, code: str, reason: str) -> None:
    worker = Worker(refused)
    worker.add(a_job(attempts_max=1))

    for _ in range(30):
        worker.run_next()

        assert worker.job.status is JobStatus.QUEUED
        assert worker.job.status_reason == reason
        assert worker.job.attempts == 0
        assert worker.job.last_error is not None
        assert worker.job.last_error.code == code
    assert len(worker.mistral.calls) >= 30


def test_a_job_that_was_not_charged_completes_once_mistral_takes_it() -> None:
    worker = Worker(refusal(429), refusal(401), refusal(402), chat_answer())
    worker.add(a_job(attempts_max=1))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 1


def test_an_answer_that_no_attempt_could_take_fails_at_once_and_says_why() -> None:
    too_large = "Mistral's answer is larger than 16 MiB."
    worker = Worker(MistralCallError(ErrorCode.INVALID_RESPONSE, too_large, is_final=True))
    worker.add()

    assert worker.run() == []

    error = worker.job.error
    assert error is not None
    assert (error.code, error.message) == (ErrorCode.INVALID_RESPONSE, too_large)
    assert (error.reason, error.retryable) == (None, False)
    assert len(worker.mistral.calls) == 1


def test_an_answer_without_the_tool_call_that_was_demanded_is_an_attempt() -> None:
    worker = Worker(chat_answer("no call"))
    worker.add(a_job(demands_tool_call=True, attempts_max=2))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.FAILED
    assert worker.job.error is not None
    assert worker.job.error.code is ErrorCode.TOOL_CALL_MISSING
    assert worker.job.error.reason == "attempts_exhausted"
    assert len(worker.mistral.calls) == 2


def test_an_answer_without_a_tool_call_is_good_where_none_was_demanded() -> None:
    worker = Worker(chat_answer("no call"))
    worker.add()

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED


def test_what_mistral_said_is_kept_with_its_ids() -> None:
    refused = answer(
        400,
        {"object": "error", "message": "no such thing", "code": 1500},
        mistral_correlation_id="abc",
    )
    worker = Worker(refused)
    worker.add()

    worker.run()

    error = worker.job.error
    assert error is not None
    assert error.message == "no such thing"
    assert error.upstream.code == "1500"
    assert error.upstream.request_id == "abc"
    (line,) = worker.log.lines
    assert line["error_code"] == "invalid_request"
    assert "no such thing" not in worker.log.text
