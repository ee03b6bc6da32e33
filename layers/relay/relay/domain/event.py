"""Events: what a change of a row means to those outside.

An event's id follows from its resource, version and type, so that it is the same however often
the change is read from the table's stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from relay.domain.ids import EventId, TenantId, derived_ulid
from relay.domain.job import Job, JobStatus
from relay.domain.job_view import thin_view
from relay.domain.moments import to_iso
from relay.domain.money import Money
from relay.domain.usage import Usage

EVENT_SOURCE = "mistral-relay"
API_VERSION = "v1"

_TYPES: Mapping[JobStatus, str] = {
    JobStatus.COMPLETED: "job.completed",
    JobStatus.FAILED: "job.failed",
    JobStatus.CANCELLED: "job.cancelled",
    JobStatus.EXPIRED: "job.expired",
    JobStatus.REQUIRES_ACTION: "job.requires_action",
}
STARTED = "job.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A thing that happened, as it is told on the bus. ``data`` is the thin snapshot."""

    id: EventId
    type: str
    tenant_id: TenantId
    resource_id: str
    occurred_at: datetime
    sequence: int
    purge_at: datetime
    data: Mapping[str, Any]
    model: str | None = None
    usage: Usage | None = None
    cost: Money | None = None
    """The last three are what hourly totals are made from; they are kept, not told."""


def event_of(before: Job | None, after: Job) -> Event | None:
    """Return the event that a change of a job's row makes, ``None`` where it makes none."""
    kind = _type_of(before, after)
    if kind is None:
        return None
    return Event(
        id=EventId("evt_" + derived_ulid(after.changed_at, after.id, str(after.version), kind)),
        type=kind,
        tenant_id=after.tenant_id,
        resource_id=after.id,
        occurred_at=after.changed_at,
        sequence=after.version,
        purge_at=after.purge_at,
        data=thin_view(after),
        model=after.model_used or after.model,
        usage=after.usage,
        cost=after.cost,
    )


def _type_of(before: Job | None, after: Job) -> str | None:
    if before is not None and before.version >= after.version:
        return None  # a write that changed no state, such as a mark on the row
    if after.status is JobStatus.IN_PROGRESS:
        is_first = after.fence == 1
        return STARTED if after.notify_started and is_first else None
    return _TYPES.get(after.status)


def job_as_of(job: Job, event_type: str, sequence: int) -> Job:
    """Return a job as it was when an event of it happened.

    A job's end is final, so only its start has to be wound back to.
    """
    if event_type != STARTED:
        return job
    started_at = job.started_at or job.created_at
    return replace(
        job,
        status=JobStatus.IN_PROGRESS,
        status_reason=None,
        version=sequence,
        attempts=1,
        changed_at=started_at,
        lease_until=started_at,
        ready_at=None,
        finished_at=None,
        model_used=None,
        result=None,
        error=None,
        last_error=None,
        usage=None,
        cost=None,
    )


def envelope(event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object that subscribers get, with the data of their choice."""
    return {
        "id": event.id,
        "type": event.type,
        "timestamp": to_iso(event.occurred_at),
        "api_version": API_VERSION,
        "sequence": event.sequence,
        "data": dict(data),
    }
