"""A delivery: one event on its way to one webhook, attempt by attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal

from relay.domain.backoff import WEBHOOK_SPAN_MAX, webhook_wait
from relay.domain.event_types import ENDPOINT_TEST
from relay.domain.ids import DeliveryId, EndpointId, EventId, JobId, TenantId, derived_ulid
from relay.domain.webhook_exchange import WebhookAnswer

DELIVERY_LEASE = timedelta(seconds=30)
"""Twice what an attempt may take: see the sender's time-out."""
ATTEMPTS_KEPT = 40
"""The newest, of four rounds: a row holds 400 KB, and an attempt takes up to four of them."""
_ENDPOINT_PREFIX = "we_"


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
    """A delivery as its row keeps it.

    ``target_id`` is the endpoint that it goes to, or the job whose callback it is. It goes round by
    round: a redelivery is a new round, which begins at ``opened_at`` and has the whole schedule.
    """

    id: DeliveryId
    tenant_id: TenantId
    target_id: str
    event_id: EventId
    event_type: str
    occurred_at: datetime
    sequence: int
    job_id: JobId | None
    """The job that it tells of, ``None`` where it tells of something else."""
    data: Mapping[str, Any] | None = None
    """What it tells, where that is not of a job."""
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
    opened_at: datetime | None = None
    """When the present round began, where it is not the first."""
    round_id: str | None = None
    """What the present round is known by, where it was asked for: it sorts by time."""
    attempts_before: int = 0
    """How many attempts were made in earlier rounds."""
    turn_at: datetime | None = None
    """The turn that it waits for at an endpoint that is paced."""

    def __post_init__(self) -> None:
        """Refuse a state that no sequence of changes leads to."""
        if (self.status is DeliveryStatus.PENDING) != (self.finished_at is None):
            raise ValueError(f"{self.id}: {self.status} with finished_at {self.finished_at}")

    @property
    def endpoint_id(self) -> EndpointId | None:
        """The endpoint that it goes to, ``None`` where that is a job's callback."""
        is_endpoint = self.target_id.startswith(_ENDPOINT_PREFIX)
        return EndpointId(self.target_id) if is_endpoint else None

    @property
    def ends_at(self) -> datetime:
        """When the present round ends at the latest, attempted or not."""
        return (self.opened_at or self.created_at) + WEBHOOK_SPAN_MAX

    @property
    def _attempts_made(self) -> int:
        return self.attempts[-1].number if self.attempts else 0

    def claimed(self, at: datetime, lease: timedelta) -> "Delivery":
        """Return the delivery held by one deliverer until the lease ends."""
        return replace(self, fence=self.fence + 1, lease_until=at + lease)

    def attempted(self, answer: WebhookAnswer, *, at: datetime, chance: float) -> "Delivery":
        """Return the delivery after an attempt that ended at ``at``.

        ``chance`` is uniform in [0, 1) and spreads the wait, where there is one.
        """
        outcome, reason = judge(answer)
        number = self._attempts_made + 1
        is_once = self.event_type == ENDPOINT_TEST
        failures = number - self.attempts_before
        can_wait = outcome == "retry" and not is_once and at < self.ends_at
        wait = webhook_wait(failures, chance=chance) if can_wait else None
        if outcome == "retry" and wait is None:
            outcome = "gave_up"
        attempt = DeliveryAttempt(
            number=number,
            at=at - answer.duration,
            duration=answer.duration,
            status_code=answer.status_code,
            outcome=outcome,
            reason=reason,
            response_head=answer.response_head,
        )
        done: dict[str, Any] = {
            "attempts": self._with(attempt),
            "lease_until": None,
            "turn_at": None,
        }
        if wait is not None:
            # A receiver that asks for more time gets it; one that asks for less does not hurry us.
            wait = max(wait, answer.retry_after or wait)
            return replace(self, **done, next_attempt_at=min(at + wait, self.ends_at))
        final = DeliveryStatus.DELIVERED if outcome == "delivered" else DeliveryStatus.EXHAUSTED
        return replace(self, **done, status=final, finished_at=at)

    def held(self, until: datetime, *, turn_at: datetime | None) -> "Delivery":
        """Return the delivery unattempted, waiting for its turn, or for its end if it has none."""
        return replace(self, lease_until=None, next_attempt_at=until, turn_at=turn_at)

    def given_up(self, at: datetime, reason: str) -> "Delivery":
        """Return the delivery at the end of a round in which it got no turn."""
        attempt = DeliveryAttempt(
            number=self._attempts_made + 1,
            at=at,
            duration=timedelta(0),
            status_code=None,
            outcome="gave_up",
            reason=reason,
            response_head="",
        )
        return replace(
            self,
            attempts=self._with(attempt),
            status=DeliveryStatus.EXHAUSTED,
            lease_until=None,
            turn_at=None,
            finished_at=at,
        )

    def reopened(
        self, at: datetime, *, round_id: str, payload: Literal["full", "thin"], legacy: bool
    ) -> "Delivery":
        """Return the delivery at the beginning of a new round, due at once."""
        return replace(
            self,
            status=DeliveryStatus.PENDING,
            fence=self.fence + 1,
            lease_until=None,
            finished_at=None,
            next_attempt_at=at,
            opened_at=at,
            round_id=round_id,
            attempts_before=self._attempts_made,
            turn_at=None,
            payload=payload,
            legacy_signature=legacy,
            purge_at=max(self.purge_at, at.replace(microsecond=0) + WEBHOOK_SPAN_MAX),
        )

    def is_in_hands(self, at: datetime) -> bool:
        """Tell whether an attempt is under way."""
        return self.lease_until is not None and self.lease_until >= at

    def _with(self, attempt: DeliveryAttempt) -> tuple[DeliveryAttempt, ...]:
        return (*self.attempts, attempt)[-ATTEMPTS_KEPT:]

    def cancelled(self, at: datetime) -> "Delivery":
        """Return the delivery given up because whom or what it was to tell of is gone."""
        return replace(
            self,
            status=DeliveryStatus.CANCELLED,
            lease_until=None,
            turn_at=None,
            finished_at=at,
        )

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
