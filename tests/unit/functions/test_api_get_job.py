"""``GET /v1/jobs/{id}``: what a job looks like along its life."""

import json
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.content import Content, result_key
from relay.domain.job import Job, StatusReason
from relay.domain.job_view import RESULT_BYTES_MAX
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, a_job, completed
from tests.unit.functions.api_on_fakes import Api


def chat_answer(text: str = "Hello", **extra: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "tool_calls": None}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **extra}


def ended_with(api: Api, answer: bytes) -> Job:
    """Keep a job that this answer of Mistral's has completed."""
    claimed = a_job().claimed(NOON, LEASE_MARGIN)
    result: Content = api.contents.put(claimed, result_key(claimed.fence), answer)
    job = completed(claimed, result=result)
    api.jobs.submit(job)
    return job


def answer_of(size_bytes: int) -> bytes:
    frame = len(json.dumps(chat_answer("")))
    return json.dumps(chat_answer("x" * (size_bytes - frame))).encode()


def test_a_completed_job_carries_mistral_s_answer_as_it_came() -> None:
    api = Api()
    answer = chat_answer("Grüße 🌍", unheard_of={"a": [1, None, 0.1]})
    job = ended_with(api, json.dumps(answer).encode())

    view = api.get(job.id).json

    assert view["status"] == "completed"
    assert view["result"] == answer
    assert view["output_text"] == "Grüße 🌍"
    assert view["tool_calls"] is None
    assert view["result_url"] is None
    assert view["error"] is None
    assert view["model_used"] == "mistral-small-2603"
    assert view["usage"] == {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    assert view["cost"] == {"currency": "USD", "amount": "0.0000039"}
    assert view["attempts"] == 1
    assert view["started_at"] == "2026-11-21T12:00:00.000Z"
    assert view["finished_at"] == "2026-11-21T12:00:01.000Z"


def test_the_first_choice_s_tool_calls_are_picked_out() -> None:
    api = Api()
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    job = ended_with(api, json.dumps({"choices": [{"message": message}]}).encode())

    view = api.get(job.id).json

    assert view["tool_calls"] == calls
    assert view["output_text"] == ""


@pytest.mark.parametrize("answer", [b'{"data":[]}', b'{"pages":[{"index":0}]}', b"[]", b"17"])
def test_an_answer_without_choices_has_no_text(answer: bytes) -> None:
    api = Api()
    job = ended_with(api, answer)

    view = api.get(job.id).json

    assert view["result"] == json.loads(answer)
    assert view["output_text"] is None
    assert view["tool_calls"] is None


def test_a_result_of_exactly_64_kib_is_in_the_job() -> None:
    api = Api()
    answer = answer_of(RESULT_BYTES_MAX)
    assert len(answer) == RESULT_BYTES_MAX
    job = ended_with(api, answer)

    view = api.get(job.id).json

    assert view["result"] == json.loads(answer)
    assert view["output_text"]
    assert view["result_url"] is None


def test_a_result_of_one_byte_more_is_a_link_good_for_15_minutes() -> None:
    api = Api()
    job = ended_with(api, answer_of(RESULT_BYTES_MAX + 1))

    view = api.get(job.id).json

    assert view["result"] is None
    assert view["output_text"] is None
    assert view["tool_calls"] is None
    assert view["result_url"].endswith("/res#1?lifetime=900")
    assert job.id in view["result_url"]
    assert view["usage"]


def test_the_link_reaches_no_log() -> None:
    api = Api()
    job = ended_with(api, answer_of(RESULT_BYTES_MAX + 1))

    api.get(job.id)

    assert "bucket.invalid" not in api.log.text


def test_a_result_that_is_gone_means_that_the_job_s_time_is_over() -> None:
    api = Api()
    job = ended_with(api, b"{}")
    assert job.result is not None
    api.contents.lose(job, job.result)

    assert api.get(job.id).status == 404


def test_a_job_at_work_says_since_when() -> None:
    api = Api()
    job = a_job().claimed(NOON + timedelta(seconds=2), LEASE_MARGIN)
    api.jobs.submit(job)

    view = api.get(job.id).json

    assert view["status"] == "in_progress"
    assert view["started_at"] == "2026-11-21T12:00:02.000Z"
    assert view["attempts"] == 1
    assert view["finished_at"] is None


def test_a_job_that_waits_says_why_and_until_when() -> None:
    api = Api()
    job = (
        a_job()
        .claimed(NOON, LEASE_MARGIN)
        .released(
            NOON,
            ready_at=NOON + timedelta(minutes=2),
            reason=StatusReason.UPSTREAM_UNAVAILABLE,
            error=SOME_ERROR,
            attempts=1,
        )
    )
    api.jobs.submit(job)

    view = api.get(job.id).json

    assert view["status"] == "queued"
    assert view["status_reason"] == "upstream_unavailable"
    assert view["next_attempt_at"] == "2026-11-21T12:02:00.000Z"
    assert view["error"] is None  # it has not ended, so nothing has gone wrong with it
    assert view["result"] is None


def test_a_failed_job_has_an_error_of_the_contract_s_shape() -> None:
    api = Api()
    job = a_job().claimed(NOON, LEASE_MARGIN).failed(NOON, error=SOME_ERROR, attempts=1)
    api.jobs.submit(job)

    view = api.get(job.id).json

    assert view["status"] == "failed"
    assert view["error"] == {
        "code": "service_unavailable",
        "reason": None,
        "message": "Mistral could not serve the request.",
        "hint": "Submit it again later.",
        "retryable": True,
        "attempts": 1,
        "upstream": {"status": None, "code": None, "request_id": None},
    }


def test_an_expired_job_says_so() -> None:
    api = Api()
    job = a_job().expired(NOON)
    api.jobs.submit(job)

    view = api.get(job.id).json

    assert view["status"] == "expired"
    assert view["error"]["reason"] == "deadline_exceeded"


def test_a_job_is_read_as_often_as_one_likes() -> None:
    api = Api()
    job = ended_with(api, json.dumps(chat_answer()).encode())

    assert api.get(job.id).json == api.get(job.id).json
