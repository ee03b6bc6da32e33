"""A delivery: one event on its way to one webhook, attempt by attempt."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal

from relay.domain.backoff import webhook_wait
from relay.domain.ids import DeliveryId, EventId, JobId, TenantId, derived_ulid
from relay.domain.webhook_exchange import WebhookAnswer

DELIVERY_LEASE = timedelta(seconds=30)
"""Twice what an attempt may take: see the sender's time-out."""


class DeliveryStatus(StrEnum):
    """Where a delivery is. All but the first are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """What came of one POST."""

    number: int
    at: datetime
    duration: timedelta
    status_code: int | None
    outcome: Literal["delivered", "retry", "gave_up"]
    reason: str
    response_head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as its row keeps it. ``target_id`` is the job whose callback it is."""

    id: DeliveryId
    tenant_id: TenantId
    target_id: str
    event_id: EventId
    event_type: str
    occurred_at: datetime
    sequence: int
    job_id: JobId
    url: str
    payload: Literal["full", "thin"]
    legacy_signature: bool
    created_at: datetime
    next_attempt_at: datetime
    purge_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    fence: int = 0
    lease_until: datetime | None = None
    finished_at: datetime | None = None
    attempts: tuple[DeliveryAttempt, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a state that no sequence of changes leads to."""
        if (self.status is DeliveryStatus.PENDING) != (self.finished_at is None):
            raise ValueError(f"{self.id}: {self.status} with finished_at {self.finished_at}")

    def claimed(self, at: datetime, lease: timedelta) -> "Delivery":
        """Return the delivery held by one deliverer until the lease ends."""
        return replace(self, fence=self.fence + 1, lease_until=at + lease)

    def attempted(self, answer: WebhookAnswer, *, at: datetime, chance: float) -> "Delivery":
        """Return the delivery after an attempt that ended at ``at``.

        ``chance`` is uniform in [0, 1) and spreads the wait, where there is one.
        """
        outcome, reason = judge(answer)
        failures = len(self.attempts) + 1
        wait = webhook_wait(failures, chance=chance) if outcome == "retry" else None
        if outcome == "retry" and wait is None:
            outcome = "gave_up"
        attempt = DeliveryAttempt(
            number=failures,
            at=at - answer.duration,
            duration=answer.duration,
            status_code=answer.status_code,
            outcome=outcome,
            reason=reason,
            response_head=answer.response_head,
        )
        done: dict[str, Any] = {"attempts": (*self.attempts, attempt), "lease_until": None}
        if wait is not None:
            # A receiver that asks for more time gets it; one that asks for less does not hurry us.
            wait = max(wait, answer.retry_after or wait)
            return replace(self, **done, next_attempt_at=at + wait)
        final = DeliveryStatus.DELIVERED if outcome == "delivered" else DeliveryStatus.EXHAUSTED
        return replace(self, **done, status=final, finished_at=at)

    def cancelled(self, at: datetime) -> "Delivery":
        """Return the delivery given up because what it was to tell is gone."""
        return replace(self, status=DeliveryStatus.CANCELLED, lease_until=None, finished_at=at)

    def next_look(self, at: datetime) -> datetime:
        """Return when a message about a delivery that could not be claimed should be seen again."""
        return max(self.next_attempt_at, self.lease_until or at)


def judge(answer: WebhookAnswer) -> tuple[Literal["delivered", "retry", "gave_up"], str]:
    """Say what a subscriber's answer means, and why."""
    status = answer.status_code
    if status is None:
        return "retry", str(answer.failure)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return "delivered", f"server answered {status}"
    if status == HTTPStatus.GONE:
        return "gave_up", "server answered 410: it wants no more of this"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "retry", f"server answered {status}: redirects are not followed"
    return "retry", f"server answered {status}"


def delivery_id(event_id: EventId, target_id: str, at: datetime) -> DeliveryId:
    """Return the same id however often one event is fanned out to one target."""
    return DeliveryId("dlv_" + derived_ulid(at, event_id, target_id))
