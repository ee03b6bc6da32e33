"""From an event and an endpoint to the delivery that is between them."""

from datetime import datetime

from relay.domain.delivery import Delivery, delivery_id
from relay.domain.event import Event
from relay.domain.ids import JobId
from relay.domain.webhook_endpoint import WebhookEndpoint


def delivery_of(event: Event, endpoint: WebhookEndpoint, at: datetime) -> Delivery:
    """Return the delivery of an event to an endpoint, due at once.

    It carries the event's data where that is of no job: a job's is read when it is sent.
    """
    return Delivery(
        id=delivery_id(event.id, endpoint.id, event.occurred_at),
        tenant_id=endpoint.tenant_id,
        target_id=endpoint.id,
        event_id=event.id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        sequence=event.sequence,
        job_id=JobId(event.resource_id) if event.is_of_job else None,
        data=None if event.is_of_job else event.data,
        url=endpoint.url,
        payload=endpoint.payload,
        legacy_signature=endpoint.legacy_signature,
        created_at=at,
        next_attempt_at=at,
        purge_at=event.purge_at,
    )
