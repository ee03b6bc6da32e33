"""A job: one call to Mistral, made durable, and the only ways in which it may change.

Each change makes a new ``Job``; the store writes it under one condition. ``version`` grows with
each change and orders the job's events. ``fence`` is the fencing token: it grows with each claim,
and whoever writes under an older one has lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from relay.domain.backoff import IN_PLACE_BUDGET
from relay.domain.content import Content, Place
from relay.domain.endpoints import Endpoint
from relay.domain.ids import JobId, TenantId
from relay.domain.job_error import ErrorCode, JobError, UpstreamError
from relay.domain.money import Money
from relay.domain.usage import Usage

DEADLINE_DEFAULT = timedelta(hours=24)
DEADLINE_MAX = timedelta(days=7)
ATTEMPTS_DEFAULT = 5
ATTEMPTS_MAX = 20
TIMEOUT_DEFAULT = timedelta(seconds=60)
TIMEOUT_MAX = timedelta(seconds=600)
LEASE_MARGIN = IN_PLACE_BUDGET + timedelta(seconds=30)
"""What a lease lasts beyond one attempt: waits in place, recording, and clocks that differ."""


class JobStatus(StrEnum):
    """Where a job is. The last four are final and never change."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    REQUIRES_ACTION = "requires_action"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED}
)


class StatusReason(StrEnum):
    """Why a job waits."""

    RATE_LIMITED = "rate_limited"
    RETRYING = "retrying"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    INVALID_API_KEY = "invalid_api_key"
    INSUFFICIENT_CREDITS = "insufficient_credits"


OPERATORS_REASONS = frozenset({StatusReason.INVALID_API_KEY, StatusReason.INSUFFICIENT_CREDITS})
"""Waits that only the operator can end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where the end of one job is told."""

    url: str
    payload: Literal["full", "thin"] = "full"
    legacy_signature: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How a job came in."""

    source: Literal["http", "sqs"]
    message_id: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its row keeps it. Times are aware, UTC and whole milliseconds."""

    id: JobId
    tenant_id: TenantId
    endpoint: Endpoint
    model: str | None
    created_at: datetime
    changed_at: datetime
    deadline: datetime
    purge_at: datetime
    submission: Submission
    request: Content
    status: JobStatus = JobStatus.QUEUED
    status_reason: StatusReason | None = None
    version: int = 1
    fence: int = 0
    attempts: int = 0
    attempts_max: int = ATTEMPTS_DEFAULT
    timeout: timedelta = TIMEOUT_DEFAULT
    lease_until: datetime | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    model_used: str | None = None
    result: Content | None = None
    error: JobError | None = None
    last_error: JobError | None = None
    usage: Usage | None = None
    cost: Money | None = None
    callback: Callback | None = None
    notify_started: bool = False
    demands_tool_call: bool = False
    """Whether an answer without a tool call is no answer."""
    annotates_pages: bool = False
    """Whether pages are read with annotations, which cost more."""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fallback_models: tuple[str, ...] = ()
    """Tried in turn after a failed attempt, the job's own model included."""
    rerun_of: JobId | None = None
    told_again: int = 0
    """How often the last event was asked for anew: a change that is told without a new version."""
    deleted_at: datetime | None = None
    """Set on a tombstone: what is left of a job whose content has been deleted."""

    def __post_init__(self) -> None:
        """Refuse a state that no sequence of changes leads to: it would poison its row."""
        if self.deleted_at is not None and not self.status.is_final:
            raise ValueError(f"{self.id}: {self.status} and deleted")
        if self.status.is_final != (self.finished_at is not None):
            raise ValueError(f"{self.id}: {self.status} with finished_at {self.finished_at}")
        if (self.status is JobStatus.IN_PROGRESS) != (self.lease_until is not None):
            raise ValueError(f"{self.id}: {self.status} with lease_until {self.lease_until}")
        if (self.status is JobStatus.COMPLETED) != (self.result is not None):
            raise ValueError(f"{self.id}: {self.status} and result do not fit together")
        if not 0 <= self.attempts <= self.attempts_max:
            raise ValueError(f"{self.id}: {self.attempts} of {self.attempts_max} attempts")

    def _changed(self, at: datetime, **changes: Any) -> "Job":
        if self.status.is_final:
            raise ValueError(f"{self.id} is {self.status}, which is final")
        always: dict[str, Any] = {
            "version": self.version + 1,
            "changed_at": at,
            "lease_until": None,
            "ready_at": None,
        }
        return replace(self, **(always | {"status_reason": None, "last_error": None} | changes))

    def claimed(self, at: datetime, lease_margin: timedelta) -> "Job":
        """Held by one worker until the lease ends, and charged with one attempt."""
        return self._changed(
            at,
            status=JobStatus.IN_PROGRESS,
            fence=self.fence + 1,
            attempts=self.attempts + 1,
            lease_until=at + self.timeout + lease_margin,
            started_at=self.started_at or at,
            last_error=self.last_error,
        )

    def released(
        self,
        at: datetime,
        *,
        ready_at: datetime,
        reason: StatusReason,
        error: JobError | None,
        attempts: int,
    ) -> "Job":
        """Queued again, not before ``ready_at``, with ``attempts`` charged in all."""
        return self._changed(
            at,
            status=JobStatus.QUEUED,
            status_reason=reason,
            ready_at=ready_at,
            attempts=attempts,
            last_error=error,
        )

    def completed(
        self, at: datetime, *, result: Content, model_used: str | None, usage: Usage | None,
        cost: Money | None, attempts: int,
    ) -> "Job":  # fmt: skip
        """Ended with an answer."""
        return self._changed(
            at,
            status=JobStatus.COMPLETED,
            finished_at=at,
            result=result,
            model_used=model_used,
            usage=usage,
            cost=cost,
            attempts=attempts,
        )

    def failed(self, at: datetime, *, error: JobError, attempts: int) -> "Job":
        """Ended without an answer, for a reason that a further attempt would not change."""
        return self._changed(
            at,
            status=JobStatus.FAILED,
            finished_at=at,
            error=replace(error, attempts=attempts),
            attempts=attempts,
        )

    def expired(self, at: datetime) -> "Job":
        """Ended by its deadline. ``code`` keeps the last cause, where there was one."""
        code = self.last_error.code if self.last_error else ErrorCode.TIMEOUT
        message = self.last_error.message if self.last_error else "It was not run before then."
        error = JobError(
            code=code,
            message=f"The deadline passed. {message}",
            hint="Submit it again, with a later deadline if it has the time.",
            retryable=True,
            reason="deadline_exceeded",
            attempts=self.attempts,
            upstream=self.last_error.upstream if self.last_error else UpstreamError(),
        )
        return self._changed(at, status=JobStatus.EXPIRED, finished_at=at, error=error)

    def spent(self, at: datetime) -> "Job":
        """Ended because every attempt was charged and the last one left no word of itself."""
        error = JobError(
            code=ErrorCode.SERVICE_UNAVAILABLE,
            message="The last attempt ended without a trace.",
            hint="Submit it again; if this goes on, the worker's log says why it stops.",
            retryable=True,
            reason="attempts_exhausted",
        )
        return self.failed(at, error=error, attempts=self.attempts)

    def cancelled(self, at: datetime) -> "Job":
        """Ended by its client. Whoever is at work on it loses the job at its next write."""
        return self._changed(at, status=JobStatus.CANCELLED, finished_at=at)

    def spent_on(self, usage: Usage | None, cost: Money | None) -> "Job":
        """Still cancelled, and with what its call used, which was paid for all the same."""
        if self.status is not JobStatus.CANCELLED or self.usage is not None:
            raise ValueError(f"{self.id} is {self.status} with usage {self.usage}")
        return replace(self, usage=usage, cost=cost)

    def asked_to_tell_again(self) -> "Job":
        """Ended as before, with a change that makes the outbox look at it once more."""
        return replace(self, told_again=self.told_again + 1)

    def deleted(self, at: datetime) -> "Job":
        """Ended as before, without its content: only what totals are made of is left."""
        if not self.status.is_final:
            raise ValueError(f"{self.id} is {self.status}, which is not final")
        return replace(
            self,
            deleted_at=at,
            request=replace(self.request, place=Place.ROW, inline=None),
            error=None,
            callback=None,
            metadata=MappingProxyType({}),
        )

    def model_in_turn(self, failures: int) -> str | None:
        """Return the model of the attempt after so many failed ones."""
        models = (self.model, *self.fallback_models)
        return models[failures % len(models)]

    def is_claimable(self, at: datetime) -> bool:
        """Tell whether a claim would be granted: the rule that every store's claim follows."""
        is_due = self.status is JobStatus.QUEUED and (self.ready_at or at) <= at
        is_abandoned = self.lease_until is not None and self.lease_until < at
        is_over = at >= self.deadline or self.attempts >= self.attempts_max
        return (is_due or is_abandoned) and not is_over

    def next_look(self, at: datetime) -> datetime:
        """Return when a message about a job that could not be claimed should be seen again."""
        return max(self.ready_at or at, self.lease_until or at)
