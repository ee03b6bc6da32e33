"""``GET /v1/jobs``: a tenant's jobs, the newest first."""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Literal, TypedDict

from functions.api.http import QueryParameter, Request, Response
from functions.api.pages import PAGE_PARAMETERS, limit_of, unknown_parameters, unlistable
from functions.api.services import Services
from relay.domain.body_rules import FieldError
from relay.domain.endpoints import Endpoint
from relay.domain.errors import NotFoundError
from relay.domain.idempotency import message_key_hash
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job, JobStatus
from relay.domain.job_list import (
    EXAMINED_MAX,
    LIMIT_DEFAULT,
    JobFilter,
    Lane,
    cursor_after,
    first_id_at,
    read_cursor,
)
from relay.domain.job_view import JobView, full_view

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = {"type": "string", "format": "date-time"}


def _words(words: type[StrEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


PARAMETERS = {
    "status": QueryParameter(
        "Only jobs of these statuses, separated by commas",
        {"type": "array", "items": _words(JobStatus)},
    ),
    "endpoint": QueryParameter("Only jobs of this endpoint", _words(Endpoint)),
    "model": QueryParameter("Only jobs that asked for this model, or were answered by it"),
    "lane": QueryParameter("Only jobs of this lane", _words(Lane)),
    "batch_id": QueryParameter("Only jobs of this batch"),
    "message_id": QueryParameter("Only the job that this message of a producer became"),
    "created_after": QueryParameter("Only jobs made at or after this moment", _MOMENT),
    "created_before": QueryParameter("Only jobs made before this moment", _MOMENT),
} | PAGE_PARAMETERS


class JobListView(TypedDict):
    """A page of jobs, without their results. A filtered page may be short and yet not the last."""

    object: Literal["list"]
    data: list[JobView]
    has_more: bool
    next_cursor: str | None


def list_jobs(request: Request, services: Services) -> Response:
    """Answer with a page."""
    asked = _Asked(request)
    tenant_id = request.caller().tenant_id
    if asked.message_id:
        found = _of_message(tenant_id, asked.message_id, services)
        jobs, last = [job for job in found if asked.includes(job)], None
    else:
        jobs, last = _page(tenant_id, asked, services)
    view = JobListView(
        object="list",
        data=[full_view(job, api_url=services.api_url(request)) for job in jobs],
        has_more=last is not None,
        next_cursor=cursor_after(last) if last is not None else None,
    )
    return Response(body=view)


def _page(
    tenant_id: TenantId, asked: "_Asked", services: Services
) -> tuple[list[Job], JobId | None]:
    """Return the jobs of a page, and the last one looked at where others come after it."""
    at = services.clock.now()
    newest_first = services.jobs.newest_first(tenant_id, before=asked.before, since=asked.since)
    jobs: list[Job] = []
    last: JobId | None = None
    for job in islice(newest_first, EXAMINED_MAX):
        if len(jobs) == asked.limit:
            return jobs, last
        last = job.id
        if job.deleted_at is None and job.purge_at > at and asked.filter.matches(job):
            jobs.append(job)
    return jobs, last if next(newest_first, None) is not None else None


def _of_message(tenant_id: TenantId, message_id: str, services: Services) -> list[Job]:
    at = services.clock.now()
    try:
        held = services.idempotency.get(tenant_id, message_key_hash(message_id), at=at)
        return [services.jobs.get(tenant_id, JobId(held.resource_id), at=at)]
    except NotFoundError:
        return []


class _Asked:
    """What a client asks for, checked.

    Raises:
        Problem: 422; a parameter cannot be right.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._errors = unknown_parameters(request, PARAMETERS)
        statuses = self._read("status", _statuses, ())
        self.filter = JobFilter(
            statuses=statuses,
            endpoint=self._read("endpoint", lambda text: _one_of(Endpoint, text), None),
            model=request.query("model") or None,
            lane=self._read("lane", lambda text: _one_of(Lane, text), None),
            batch_id=request.query("batch_id") or None,
        )
        self.message_id = request.query("message_id")
        self.limit = self._read("limit", limit_of, LIMIT_DEFAULT)
        cursor = self._read("cursor", read_cursor, None)
        created_before = self._read("created_before", _first_id, None)
        self.before = min((it for it in (cursor, created_before) if it), default=None)
        self.since = self._read("created_after", _first_id, None)
        if self._errors:
            raise unlistable(self._errors)

    def includes(self, job: Job) -> bool:
        """Tell whether a job that was found by itself would be in the list."""
        is_late_enough = self.since is None or job.id >= self.since
        is_early_enough = self.before is None or job.id < self.before
        return is_late_enough and is_early_enough and self.filter.matches(job)

    def _read[T, Default](
        self, name: str, read: Callable[[str], T], default: Default
    ) -> T | Default:
        text = self._request.query(name)
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            self._errors.append(FieldError(f"#/query/{name}", str(error)))
            return default


def _statuses(text: str) -> frozenset[JobStatus]:
    return frozenset(_one_of(JobStatus, word.strip()) for word in text.split(","))


def _one_of[Word: StrEnum](words: type[Word], text: str) -> Word:
    try:
        return words(text)
    except ValueError as error:
        raise ValueError(f"must be one of {', '.join(words)}") from error


def _first_id(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return first_id_at(max(moment.astimezone(UTC), _EPOCH))
    except (ValueError, OverflowError):  # unreadable, or out of what a moment can be
        pass
    raise ValueError("must be a moment with its zone, as 2026-11-22T12:00:00Z")
