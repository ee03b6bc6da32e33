"""A job as its row and back. ``schema`` is the row's version: code at N reads rows of N - 1."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from relay.aws.values import Item, from_item, known, to_item
from relay.domain.content import Content, Place
from relay.domain.endpoints import Endpoint
from relay.domain.ids import JobId, TenantId, shard_of
from relay.domain.job import Callback, Job, JobStatus, StatusReason, Submission
from relay.domain.job_error import ErrorCode, JobError, UpstreamError
from relay.domain.moments import (
    from_milliseconds,
    from_seconds,
    moment,
    stamp,
    to_milliseconds,
    to_seconds,
)
from relay.domain.money import Money
from relay.domain.usage import Usage

SCHEMA = 1
PREFIX = "J#"
_MILLISECOND = timedelta(milliseconds=1)


def key_of(tenant_id: TenantId, job_id: JobId) -> Item:
    """Return the key of a job's row: its tenant's shard, and its id."""
    return to_item({"pk": f"{PREFIX}{tenant_id}#{shard_of(job_id)}", "sk": job_id})


def to_row(job: Job) -> Item:
    """Return a job's row. Moments are milliseconds since 1970, ``ttl`` is seconds."""
    return key_of(job.tenant_id, job.id) | to_item(
        {
            "schema": SCHEMA,
            "status": job.status,
            "status_reason": job.status_reason,
            "version": job.version,
            "fence": job.fence,
            "endpoint": job.endpoint,
            "model": job.model,
            "model_used": job.model_used,
            "created_at": to_milliseconds(job.created_at),
            "changed_at": to_milliseconds(job.changed_at),
            "deadline": to_milliseconds(job.deadline),
            "ttl": to_seconds(job.purge_at),
            "started_at": stamp(job.started_at),
            "finished_at": stamp(job.finished_at),
            "lease_until": stamp(job.lease_until),
            "ready_at": stamp(job.ready_at),
            "attempts": job.attempts,
            "attempts_max": job.attempts_max,
            "timeout_ms": job.timeout // _MILLISECOND,
            "request": _content_map(job.request),
            "result": _content_map(job.result),
            "error": _error_map(job.error),
            "last_error": _error_map(job.last_error),
            "usage": asdict(job.usage) if job.usage else None,
            "cost": job.cost.text if job.cost else None,
            "callback": asdict(job.callback) if job.callback else None,
            "notify_started": job.notify_started or None,
            "demands_tool_call": job.demands_tool_call or None,
            "annotates_pages": job.annotates_pages or None,
            "metadata": dict(job.metadata) or None,
            "submission": asdict(job.submission),
            "fallback_models": list(job.fallback_models) or None,
            "rerun_of": job.rerun_of,
            "told_again": job.told_again or None,
            "deleted_at": stamp(job.deleted_at),
        }
    )


def from_row(item: Item) -> Job:
    """Read a job's row."""
    row = from_item(item)
    _, tenant_id, _ = row["pk"].split("#")
    cost, callback, usage = row.get("cost"), row.get("callback"), row.get("usage")
    reason = row.get("status_reason")
    return Job(
        id=JobId(row["sk"]),
        tenant_id=TenantId(tenant_id),
        endpoint=Endpoint(row["endpoint"]),
        model=row.get("model"),
        model_used=row.get("model_used"),
        status=JobStatus(row["status"]),
        status_reason=StatusReason(reason) if reason else None,
        version=row["version"],
        fence=row["fence"],
        created_at=from_milliseconds(row["created_at"]),
        changed_at=from_milliseconds(row["changed_at"]),
        deadline=from_milliseconds(row["deadline"]),
        purge_at=from_seconds(row["ttl"]),
        started_at=moment(row.get("started_at")),
        finished_at=moment(row.get("finished_at")),
        lease_until=moment(row.get("lease_until")),
        ready_at=moment(row.get("ready_at")),
        attempts=row["attempts"],
        attempts_max=row["attempts_max"],
        timeout=row["timeout_ms"] * _MILLISECOND,
        request=_content(row["request"]),
        result=_content(row["result"]) if "result" in row else None,
        error=_error(row.get("error")),
        last_error=_error(row.get("last_error")),
        usage=Usage(**known(Usage, usage)) if usage is not None else None,
        cost=Money(Decimal(cost)) if cost is not None else None,
        callback=Callback(**known(Callback, callback)) if callback else None,
        notify_started=row.get("notify_started", False),
        demands_tool_call=row.get("demands_tool_call", False),
        annotates_pages=row.get("annotates_pages", False),
        metadata=MappingProxyType(row.get("metadata", {})),
        submission=Submission(**known(Submission, row["submission"])),
        fallback_models=tuple(row.get("fallback_models", ())),
        rerun_of=JobId(row["rerun_of"]) if "rerun_of" in row else None,
        told_again=row.get("told_again", 0),
        deleted_at=moment(row.get("deleted_at")),
    )


def _content_map(content: Content | None) -> dict[str, Any] | None:
    if content is None:
        return None
    return {
        "place": content.place,
        "key": content.key,
        "bytes": content.size_bytes,
        "inline": content.inline,
    }


def _content(fields: Mapping[str, Any]) -> Content:
    return Content(
        place=Place(fields["place"]),
        key=fields["key"],
        size_bytes=fields["bytes"],
        inline=fields.get("inline"),
    )


def _error_map(error: JobError | None) -> dict[str, Any] | None:
    return asdict(error) if error else None


def _error(fields: Mapping[str, Any] | None) -> JobError | None:
    if fields is None:
        return None
    upstream = UpstreamError(**known(UpstreamError, fields.get("upstream", {})))
    rest = known(JobError, fields)
    return JobError(**{**rest, "code": ErrorCode(fields["code"]), "upstream": upstream})
