"""A job as its JSON object: the one place where the public shape is written down."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, TypedDict, cast

from relay.domain.answer import first_tool_calls, output_text
from relay.domain.endpoints import Endpoint
from relay.domain.job import Job, JobStatus, StatusReason, Submission
from relay.domain.job_error import JobError
from relay.domain.moments import to_iso
from relay.domain.money import Money
from relay.domain.usage import Usage

RESULT_BYTES_MAX = 64 * 1024
"""The largest result that a job object or an event carries itself."""


class MoneyView(TypedDict):
    """An exact amount: ``amount`` is a decimal number as text."""

    currency: str
    amount: str


class UsageView(TypedDict, total=False):
    """What Mistral counted, the parts that apply."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int
    pages_processed: int


class UpstreamErrorView(TypedDict):
    """What Mistral itself said."""

    status: int | None
    code: str | None
    request_id: str | None


class ErrorView(TypedDict):
    """Why a job ended without an answer."""

    code: str
    reason: str | None
    message: str
    hint: str
    retryable: bool
    attempts: int
    upstream: UpstreamErrorView


class SubmissionView(TypedDict):
    """How the job came in."""

    source: str
    message_id: str | None
    idempotency_key: str | None


class UrlsView(TypedDict):
    """Where to go from here; ``null`` where this version has nothing to go to."""

    self: str
    cancel: str | None
    stream: str | None


class JobView(TypedDict):
    """A job. Times are ISO 8601 in UTC."""

    id: str
    object: Literal["job"]
    status: JobStatus
    status_reason: StatusReason | None
    endpoint: Endpoint
    model: str | None
    model_used: str | None
    lane: Literal["live"]
    stream: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    next_attempt_at: str | None
    deadline: str
    purge_at: str
    attempts: int
    attempts_max: int
    output_text: str | None
    tool_calls: list[Any] | None
    result: Any
    result_url: str | None
    error: ErrorView | None
    usage: UsageView | None
    cost: MoneyView | None
    required_action: None
    metadata: dict[str, str]
    callback_url: str | None
    rerun_of: str | None
    batch_id: str | None
    submission: SubmissionView
    urls: UrlsView


def full_view(
    job: Job, *, api_url: str, result: bytes | None = None, result_url: str | None = None
) -> JobView:
    """Return the whole job.

    ``result`` is Mistral's answer as it came; it is left out above 64 KiB, where ``result_url``
    takes its place.
    """
    answer = json.loads(result) if result is not None and len(result) <= RESULT_BYTES_MAX else None
    readable = answer if isinstance(answer, dict) else {}
    address = f"{api_url}/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "object": "job",
        "status": job.status,
        "status_reason": job.status_reason,
        "endpoint": job.endpoint,
        "model": job.model,
        "model_used": job.model_used,
        "lane": "live",
        "stream": False,
        "created_at": to_iso(job.created_at),
        "started_at": _iso_or_none(job.started_at),
        "finished_at": _iso_or_none(job.finished_at),
        "next_attempt_at": _iso_or_none(job.ready_at),
        "deadline": to_iso(job.deadline),
        "purge_at": to_iso(job.purge_at),
        "attempts": job.attempts,
        "attempts_max": job.attempts_max,
        "output_text": output_text(readable),
        "tool_calls": first_tool_calls(readable),
        "result": answer,
        "result_url": result_url,
        "error": error_view(job.error),
        "usage": usage_view(job.usage),
        "cost": money_view(job.cost),
        "required_action": None,
        "metadata": dict(job.metadata),
        "callback_url": job.callback.url if job.callback else None,
        "rerun_of": job.rerun_of,
        "batch_id": None,
        "submission": submission_view(job.submission),
        "urls": {"self": address, "cancel": f"{address}/cancel", "stream": None},
    }


def event_view(job: Job, *, api_url: str, result: bytes | None) -> dict[str, Any]:
    """Return the job as a full event carries it: no link that expires, and only its own address.

    A result that is not given along is marked as omitted.
    """
    view: dict[str, Any] = {**full_view(job, api_url=api_url, result=result)}
    view["urls"] = {"self": view["urls"]["self"]}
    if job.result is not None and view["result"] is None:
        view["result_omitted"] = True
    return view


def thin_view(job: Job) -> dict[str, Any]:
    """Return ids, status, submission and metadata: no content, whatever the job is about."""
    return {
        "id": job.id,
        "object": "job",
        "tenant_id": job.tenant_id,
        "status": job.status,
        "status_reason": job.status_reason,
        "rerun_of": job.rerun_of,
        "batch_id": None,
        "submission": submission_view(job.submission),
        "metadata": dict(job.metadata),
    }


def error_view(error: JobError | None) -> ErrorView | None:
    """Return an error as its JSON object."""
    if error is None:
        return None
    upstream = error.upstream
    return {
        "code": error.code,
        "reason": error.reason,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
        "attempts": error.attempts,
        "upstream": {
            "status": upstream.status,
            "code": upstream.code,
            "request_id": upstream.request_id,
        },
    }


def usage_view(usage: Usage | None) -> UsageView | None:
    """Return the parts of a usage that apply."""
    if usage is None:
        return None
    parts = {name: count for name, count in asdict(usage).items() if count is not None}
    return cast("UsageView", parts)


def money_view(money: Money | None) -> MoneyView | None:
    """Return money as the contract writes it."""
    return {"currency": money.currency, "amount": money.text} if money else None


def submission_view(submission: Submission) -> SubmissionView:
    """Return how a job came in as its JSON object."""
    return {
        "source": submission.source,
        "message_id": submission.message_id,
        "idempotency_key": submission.idempotency_key,
    }


def _iso_or_none(moment: datetime | None) -> str | None:
    return to_iso(moment) if moment else None
