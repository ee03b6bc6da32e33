"""From one event to a delivery for each webhook that it must reach."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery, delivery_id
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.event import Event
from relay.domain.ids import EventId, JobId, TenantId
from relay.domain.job import Job
from relay.domain.messages import delivery_message
from relay.domain.moments import from_iso
from relay.domain.wheel import HintKind, watch
from relay.ports import Clock, DeliveryStore, EndpointStore, JobStore, Queue, Sending, Wheel


def told_event(told: Mapping[str, Any], *, retention: timedelta) -> Event:
    """Read the envelope that the bus carried."""
    data, occurred_at = told["data"], from_iso(told["timestamp"])
    return Event(
        id=EventId(told["id"]),
        type=told["type"],
        tenant_id=TenantId(data["tenant_id"]),
        resource_id=data["id"],
        occurred_at=occurred_at,
        sequence=told["sequence"],
        purge_at=occurred_at.replace(microsecond=0) + retention,
        data=data,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """Makes deliveries. A delivery's id follows from event and target, so twice makes one."""

    jobs: JobStore
    endpoints: EndpointStore
    deliveries: DeliveryStore
    wheel: Wheel
    queue: Queue
    clock: Clock

    def __call__(self, event: Event) -> list[Delivery]:
        """Return the deliveries that the event makes.

        Messages are sent even where a delivery was there before: whoever made it may have
        stopped in between, and a message too many does nothing.
        """
        at = self.clock.now()
        try:
            made = list(self._deliveries_of(event, at))
        except NotFoundError:
            return []  # the job is deleted since: there is nothing left to tell
        if not made:
            return []
        self.wheel.put([watch(HintKind.DELIVERY, it.target_id, it.id, at) for it in made])
        for delivery in made:
            with suppress(AlreadyExistsError):
                self.deliveries.create(delivery)
        self.queue.send_all(
            [Sending(message=delivery_message(it), group=it.tenant_id) for it in made]
        )
        return made

    def _deliveries_of(self, event: Event, at: datetime) -> Iterator[Delivery]:
        if event.is_of_job:
            job = self.jobs.get(event.tenant_id, JobId(event.resource_id), at=at)
            event = replace(event, purge_at=job.purge_at)
            if job.callback is not None:
                yield _to_callback(event, job, at)
        for endpoint in self.endpoints.of_tenant(event.tenant_id):
            if endpoint.wants(event.type):
                yield delivery_of(event, endpoint, at)


def _to_callback(event: Event, job: Job, at: datetime) -> Delivery:
    assert job.callback is not None, "the caller has looked"
    return Delivery(
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
