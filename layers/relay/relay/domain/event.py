"""Events: what a change of a row means to those outside.

An event's id follows from its resource, version and type, so that it is the same however often
the change is read from the table's stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relay.domain.circuit import Circuit
from relay.domain.event_types import (
    ENDPOINT_DISABLED,
    ENDPOINT_TEST,
    JOB_CANCELLED,
    JOB_COMPLETED,
    JOB_EXPIRED,
    JOB_FAILED,
    JOB_REQUIRES_ACTION,
    JOB_STARTED,
    SUBMISSION_REJECTED,
    UPSTREAM_BLOCKED,
    is_of_job,
)
from relay.domain.ids import EventId, TenantId, derived_ulid
from relay.domain.job import Job, JobStatus, Submission
from relay.domain.job_view import submission_view, thin_view
from relay.domain.moments import to_iso, to_milliseconds
from relay.domain.money import Money
from relay.domain.usage import Usage
from relay.domain.webhook_endpoint import WebhookEndpoint

EVENT_SOURCE = "mistral-relay"
API_VERSION = "v1"

_TYPES: Mapping[JobStatus, str] = {
    JobStatus.COMPLETED: JOB_COMPLETED,
    JobStatus.FAILED: JOB_FAILED,
    JobStatus.CANCELLED: JOB_CANCELLED,
    JobStatus.EXPIRED: JOB_EXPIRED,
    JobStatus.REQUIRES_ACTION: JOB_REQUIRES_ACTION,
}

OPERATOR = TenantId("operator")
"""Whose the events are that concern the deployment as a whole."""
EVENTS_KEPT = timedelta(days=30)
"""Of events that concern no job."""
_MISTRAL = "mistral"


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

    @property
    def is_of_job(self) -> bool:
        """Whether ``resource_id`` names a job."""
        return is_of_job(self.type)


def event_of(before: Job | None, after: Job) -> Event | None:
    """Return the event that a change of a job's row makes, ``None`` where it makes none."""
    kind = _type_of(before, after)
    if kind is None:
        return None
    after = job_as_of(after, kind, after.version)
    return Event(
        id=_event_id(after.changed_at, after.id, str(after.version), kind),
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
    if after.deleted_at is not None:
        return None  # there is nothing left to tell of
    is_new = before is None or before.version < after.version
    if not is_new and before is not None and before.told_again == after.told_again:
        return None  # a write that changed no state
    if after.status is JobStatus.IN_PROGRESS:
        is_first = after.fence == 1
        return JOB_STARTED if after.notify_started and is_first else None
    return _TYPES.get(after.status)


def event_of_circuit(before: Circuit | None, after: Circuit) -> Event | None:
    """Return the event that a change of the circuit makes: its opening, and nothing else."""
    is_new = before is None or before.version < after.version
    if after.reason is None or after.changed_at is None or not is_new:
        return None
    at = after.changed_at
    return Event(
        id=_event_id(at, _MISTRAL, str(after.version), UPSTREAM_BLOCKED),
        type=UPSTREAM_BLOCKED,
        tenant_id=OPERATOR,
        resource_id=_MISTRAL,
        occurred_at=at,
        sequence=after.version,
        purge_at=at.replace(microsecond=0) + EVENTS_KEPT,
        data={
            "id": _MISTRAL,
            "object": "upstream",
            "tenant_id": OPERATOR,
            "status": "blocked",
            "status_reason": after.reason,
        },
    )


def submission_rejected(
    tenant_id: TenantId, submission: Submission, *, reason: str, at: datetime, purge_at: datetime
) -> Event:
    """Return the event that tells a producer what became of a message that is no job.

    ``at`` is when the message was sent, so that however often it is received this is one event,
    and one that is redriven and refused again is the next of the same resource.
    """
    message_id = submission.message_id or ""
    return Event(
        id=_event_id(at, message_id, SUBMISSION_REJECTED),
        type=SUBMISSION_REJECTED,
        tenant_id=tenant_id,
        resource_id=message_id,
        occurred_at=at,
        sequence=to_milliseconds(at),
        purge_at=purge_at,
        data={
            "id": message_id,
            "object": "submission",
            "tenant_id": tenant_id,
            "status": "rejected",
            "reason": reason,
            "submission": submission_view(submission),
        },
    )


def endpoint_disabled(endpoint: WebhookEndpoint, at: datetime) -> Event:
    """Return the event that tells a tenant that an endpoint gets no more events."""
    return Event(
        id=_event_id(at, endpoint.id, str(endpoint.version), ENDPOINT_DISABLED),
        type=ENDPOINT_DISABLED,
        tenant_id=endpoint.tenant_id,
        resource_id=endpoint.id,
        occurred_at=at,
        sequence=endpoint.version,
        purge_at=at.replace(microsecond=0) + EVENTS_KEPT,
        data={
            "id": endpoint.id,
            "object": "webhook_endpoint",
            "tenant_id": endpoint.tenant_id,
            "status": endpoint.status,
            "disabled_reason": endpoint.disabled_reason,
            "failing_since": to_iso(endpoint.failing_since) if endpoint.failing_since else None,
            "metadata": dict(endpoint.metadata),
        },
    )


def endpoint_test(endpoint: WebhookEndpoint, event_id: EventId, at: datetime) -> Event:
    """Return the event that a test of an endpoint sends there, and nowhere else."""
    return Event(
        id=event_id,
        type=ENDPOINT_TEST,
        tenant_id=endpoint.tenant_id,
        resource_id=endpoint.id,
        occurred_at=at,
        sequence=to_milliseconds(at),
        purge_at=at.replace(microsecond=0) + EVENTS_KEPT,
        data={
            "id": endpoint.id,
            "object": "webhook_endpoint",
            "tenant_id": endpoint.tenant_id,
            "status": endpoint.status,
            "metadata": dict(endpoint.metadata),
        },
    )


def _event_id(at: datetime, *parts: str) -> EventId:
    return EventId("evt_" + derived_ulid(at, *parts))


def job_as_of(job: Job, event_type: str, sequence: int) -> Job:
    """Return a job as it was when an event of it happened.

    A job's end is final, so only its start has to be wound back to; and what a cancelled job's
    call turned out to cost is not known yet when its end is told.
    """
    if event_type == JOB_CANCELLED:
        return replace(job, usage=None, cost=None)
    if event_type != JOB_STARTED:
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


def envelope(
    event_id: EventId,
    event_type: str,
    *,
    occurred_at: datetime,
    sequence: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the JSON object that subscribers get, with the data of their choice."""
    return {
        "id": event_id,
        "type": event_type,
        "timestamp": to_iso(occurred_at),
        "api_version": API_VERSION,
        "sequence": sequence,
        "data": dict(data),
    }


def thin_envelope(event: Event) -> dict[str, Any]:
    """Return an event as the bus carries it."""
    return envelope(
        event.id,
        event.type,
        occurred_at=event.occurred_at,
        sequence=event.sequence,
        data=event.data,
    )
