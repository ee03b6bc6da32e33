import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.job import Callback, Job, JobStatus, StatusReason, Submission
from relay.domain.job_error import UpstreamError
from relay.domain.job_view import RESULT_BYTES_MAX, event_view, full_view, thin_view
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, a_completed_job, a_job
from tests.fakes.mistral import chat_answer

API = "https://api.example.com"
RESULT = chat_answer("Hello to you").body
CONTRACT_KEYS = [
    "id", "object", "status", "status_reason", "endpoint", "model", "model_used", "lane",
    "stream", "created_at", "started_at", "finished_at", "next_attempt_at", "deadline",
    "purge_at", "attempts", "attempts_max", "output_text", "tool_calls", "result", "result_url",
    "error", "usage", "cost", "required_action", "metadata", "callback_url", "rerun_of",
    "batch_id", "submission", "urls",
]  # fmt: skip


def view(job: Job, **more: Any) -> dict[str, Any]:
    """Return the full view as a client reads it."""
    shown: dict[str, Any] = json.loads(json.dumps(full_view(job, api_url=API, **more)))
    return shown


def result_of(size: int) -> bytes:
    """Return an answer that is just so many bytes long."""
    empty = chat_answer("").body
    answer = chat_answer("a" * (size - len(empty))).body
    assert len(answer) == size
    return answer


@pytest.mark.parametrize("job", [a_job(), a_completed_job()])
def test_a_job_has_the_contracts_fields_in_its_order(job: Job) -> None:
    assert list(view(job)) == CONTRACT_KEYS


def test_a_new_job_is_shown_as_the_contract_shows_it() -> None:
    job = a_job(
        metadata={"order": "4711"},
        callback=Callback(url="https://example.com/hooks"),
        submission=Submission(source="sqs", message_id="m-1", idempotency_key="k-1"),
    )

    shown = view(job)

    assert shown == dict.fromkeys(CONTRACT_KEYS) | {
        "id": job.id,
        "object": "job",
        "status": "queued",
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "lane": "live",
        "stream": False,
        "created_at": "2026-11-21T12:00:00.000Z",
        "deadline": "2026-11-22T12:00:00.000Z",
        "purge_at": "2026-12-21T12:00:00.000Z",
        "attempts": 0,
        "attempts_max": 5,
        "metadata": {"order": "4711"},
        "callback_url": "https://example.com/hooks",
        "submission": {"source": "sqs", "message_id": "m-1", "idempotency_key": "k-1"},
        "urls": {
            "self": f"{API}/v1/jobs/{job.id}",
            "cancel": f"{API}/v1/jobs/{job.id}/cancel",
            "stream": None,
        },
    }


def test_a_completed_job_is_shown_with_its_answer() -> None:
    shown = view(a_completed_job(), result=RESULT)

    assert shown["result"] == json.loads(RESULT)
    assert shown["output_text"] == "Hello to you"
    assert shown["model_used"] == "mistral-small-2603"
    assert shown["usage"] == {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    assert shown["cost"] == {"currency": "USD", "amount": "0.0000039"}
    assert shown["started_at"] == "2026-11-21T12:00:00.000Z"
    assert shown["finished_at"] == "2026-11-21T12:00:01.000Z"


def test_a_job_that_waits_says_why_and_until_when() -> None:
    job = (
        a_job()
        .claimed(NOON, LEASE_MARGIN)
        .released(
            NOON,
            ready_at=NOON + timedelta(seconds=5),
            reason=StatusReason.RATE_LIMITED,
            error=SOME_ERROR,
            attempts=0,
        )
    )

    shown = view(job)

    assert (shown["status"], shown["status_reason"]) == ("queued", "rate_limited")
    assert shown["next_attempt_at"] == "2026-11-21T12:00:05.000Z"
    assert shown["error"] is None


def test_a_failed_job_says_what_the_contract_says_of_errors() -> None:
    upstream = UpstreamError(status=500, code="1000", request_id="r-1")
    error = replace(SOME_ERROR, reason="attempts_exhausted", upstream=upstream)
    job = a_job().claimed(NOON, LEASE_MARGIN).failed(NOON, error=error, attempts=1)

    assert view(job)["error"] == {
        "code": "service_unavailable",
        "reason": "attempts_exhausted",
        "message": "Mistral could not serve the request.",
        "hint": "Submit it again later.",
        "retryable": True,
        "attempts": 1,
        "upstream": {"status": 500, "code": "1000", "request_id": "r-1"},
    }


def test_only_the_parts_of_a_usage_that_apply_are_shown() -> None:
    job = a_completed_job()

    assert view(replace(job, usage=Usage(pages_processed=3)))["usage"] == {"pages_processed": 3}
    assert view(replace(job, usage=None, cost=None))["usage"] is None


def test_a_result_of_64_kib_is_shown_and_a_larger_one_is_linked_to() -> None:
    link = "https://bucket.invalid/1"

    small = view(a_completed_job(), result=result_of(RESULT_BYTES_MAX))
    large = view(a_completed_job(), result=result_of(RESULT_BYTES_MAX + 1), result_url=link)

    assert small["result"] is not None
    assert (large["result"], large["output_text"], large["tool_calls"]) == (None, None, None)
    assert large["result_url"] == link


def test_a_result_that_is_no_object_is_shown_as_it_came() -> None:
    shown = view(a_completed_job(), result=b"[1]")

    assert (shown["result"], shown["output_text"]) == ([1], None)


def test_an_event_carries_the_job_with_its_own_address_only() -> None:
    job = a_completed_job()

    shown = event_view(job, api_url=API, result=RESULT)

    assert shown["urls"] == {"self": f"{API}/v1/jobs/{job.id}"}
    assert shown["result_url"] is None
    assert shown["result"] == json.loads(RESULT)
    assert "result_omitted" not in shown


@pytest.mark.parametrize("result", [None, result_of(RESULT_BYTES_MAX + 1)])
def test_an_event_says_that_it_leaves_a_large_result_out(result: bytes | None) -> None:
    shown = event_view(a_completed_job(), api_url=API, result=result)

    assert shown["result"] is None
    assert shown["result_omitted"] is True


def test_an_event_of_a_job_without_a_result_omits_nothing() -> None:
    assert "result_omitted" not in event_view(a_job(), api_url=API, result=None)


def test_a_thin_view_holds_ids_status_submission_and_metadata_and_no_content() -> None:
    job = a_completed_job(metadata={"order": "4711"})

    assert thin_view(job) == {
        "id": job.id,
        "object": "job",
        "tenant_id": job.tenant_id,
        "status": JobStatus.COMPLETED,
        "status_reason": None,
        "rerun_of": None,
        "batch_id": None,
        "submission": {"source": "http", "message_id": None, "idempotency_key": None},
        "metadata": {"order": "4711"},
    }
