"""From one event to a delivery for each webhook that it must reach."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.domain.delivery import Delivery, delivery_id
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import EventId, JobId, TenantId
from relay.domain.messages import delivery_message
from relay.domain.moments import from_iso
from relay.domain.wheel import HintKind, watch
from relay.ports import Clock, DeliveryStore, JobStore, Queue, Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event as the bus told it, as far as fanning out needs it."""

    id: EventId
    type: str
    tenant_id: TenantId
    job_id: JobId
    occurred_at: datetime
    sequence: int


def told_event(envelope: Mapping[str, Any]) -> ToldEvent:
    """Read the envelope that the bus carried."""
    data = envelope["data"]
    return ToldEvent(
        id=EventId(envelope["id"]),
        type=envelope["type"],
        tenant_id=TenantId(data["tenant_id"]),
        job_id=JobId(data["id"]),
        occurred_at=from_iso(envelope["timestamp"]),
        sequence=envelope["sequence"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """Makes deliveries. A delivery's id follows from event and target, so twice makes one."""

    jobs: JobStore
    deliveries: DeliveryStore
    wheel: Wheel
    queue: Queue
    clock: Clock

    def __call__(self, event: ToldEvent) -> list[Delivery]:
        """Return the deliveries that the event makes.

        The message is sent even where the delivery was there before: whoever made it may have
        stopped in between, and a message too many does nothing.
        """
        at = self.clock.now()
        try:
            job = self.jobs.get(event.tenant_id, event.job_id, at=at)
        except NotFoundError:
            return []  # deleted since: there is nothing left to tell
        if job.callback is None:
            return []
        delivery = Delivery(
            id=delivery_id(event.id, job.id, event.occurred_at),
            tenant_id=job.tenant_id,
            target_id=job.id,
            event_id=event.id,
            event_type=event.type,
            occurred_at=event.occurred_at,
            sequence=event.sequence,
            job_id=job.id,
            url=job.callback.url,
            payload=job.callback.payload,
            legacy_signature=job.callback.legacy_signature,
            created_at=at,
            next_attempt_at=at,
            purge_at=job.purge_at,
        )
        hint = watch(HintKind.DELIVERY, delivery.target_id, delivery.id, at)
        self.wheel.put([hint])
        with suppress(AlreadyExistsError):
            self.deliveries.create(delivery)
        self.queue.send(delivery_message(delivery), group=job.tenant_id)
        return [delivery]
