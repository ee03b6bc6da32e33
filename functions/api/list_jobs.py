"""``GET /v1/jobs``: a tenant's jobs, the newest first."""

from typing import Literal, TypedDict

from functions.api.http import QueryParameter, Request, Response
from functions.api.pages import PAGE_PARAMETERS, examined, limit_of
from functions.api.query import MOMENT, Query, moment_of, word_of, words, words_of
from functions.api.services import Services
from relay.domain.endpoints import Endpoint
from relay.domain.errors import NotFoundError
from relay.domain.idempotency import message_key_hash
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job, JobStatus
from relay.domain.job_list import (
    LIMIT_DEFAULT,
    JobFilter,
    Lane,
    cursor_after,
    first_id_at,
    read_cursor,
)
from relay.domain.job_view import JobView, full_view

PARAMETERS = {
    "status": QueryParameter(
        "Only jobs of these statuses, separated by commas",
        {"type": "array", "items": words(JobStatus)},
    ),
    "endpoint": QueryParameter("Only jobs of this endpoint", words(Endpoint)),
    "model": QueryParameter("Only jobs that asked for this model, or were answered by it"),
    "lane": QueryParameter("Only jobs of this lane", words(Lane)),
    "batch_id": QueryParameter("Only jobs of this batch"),
    "message_id": QueryParameter("Only the job that this message of a producer became"),
    "created_after": QueryParameter("Only jobs made at or after this moment", MOMENT),
    "created_before": QueryParameter("Only jobs made before this moment", MOMENT),
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

    def is_asked_for(job: Job) -> bool:
        return job.deleted_at is None and job.purge_at > at and asked.filter.matches(job)

    jobs, last = examined(newest_first, asked.limit, is_asked_for)
    return jobs, last.id if last else None


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
        query = Query(request, PARAMETERS)
        statuses = query.read("status", lambda text: words_of(JobStatus, text), ())
        self.filter = JobFilter(
            statuses=statuses,
            endpoint=query.read("endpoint", lambda text: word_of(Endpoint, text), None),
            model=request.query("model") or None,
            lane=query.read("lane", lambda text: word_of(Lane, text), None),
            batch_id=request.query("batch_id") or None,
        )
        self.message_id = request.query("message_id")
        self.limit = query.read("limit", limit_of, LIMIT_DEFAULT)
        cursor = query.read("cursor", read_cursor, None)
        created_before = query.read("created_before", _first_id, None)
        self.before = min((it for it in (cursor, created_before) if it), default=None)
        self.since = query.read("created_after", _first_id, None)
        query.check()

    def includes(self, job: Job) -> bool:
        """Tell whether a job that was found by itself would be in the list."""
        is_late_enough = self.since is None or job.id >= self.since
        is_early_enough = self.before is None or job.id < self.before
        return is_late_enough and is_early_enough and self.filter.matches(job)


def _first_id(text: str) -> str:
    return first_id_at(moment_of(text))
