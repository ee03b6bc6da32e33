"""Valid jobs, deliveries, endpoints and so on, for tests that care about one thing of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from relay.domain.api_key import ApiKey, Scope, hash_of, new_key
from relay.domain.content import REQUEST_KEY, Content, Place, inline, result_key
from relay.domain.delivery import Delivery, delivery_id
from relay.domain.endpoints import Endpoint
from relay.domain.event import Event, event_of
from relay.domain.ids import DeliveryId, EndpointId, JobId, TenantId, ulid
from relay.domain.job import Job, Submission
from relay.domain.job_error import ErrorCode, JobError
from relay.domain.money import Money
from relay.domain.recovery import Recovery, recovery_of
from relay.domain.usage import Usage
from relay.domain.webhook_endpoint import WebhookEndpoint
from tests.fakes.clock import NOON

TENANT = TenantId("ten_" + ulid(NOON, bytes(10)))
OTHER_TENANT = TenantId("ten_" + ulid(NOON, bytes([1]) * 10))
LEASE_MARGIN = timedelta(seconds=40)
BODY = b'{"model":"mistral-small-latest","messages":[{"role":"user","content":"Hello"}]}'
SOME_ERROR = JobError(
    code=ErrorCode.SERVICE_UNAVAILABLE,
    message="Mistral could not serve the request.",
    hint="Submit it again later.",
    retryable=True,
)


def a_job_id(number: int = 1) -> JobId:
    return JobId("job_" + ulid(NOON, number.to_bytes(10)))


def a_job(**changes: Any) -> Job:
    """Return a job just submitted at noon, with an inline request."""
    job = Job(
        id=a_job_id(),
        tenant_id=TENANT,
        endpoint=Endpoint.CHAT_COMPLETIONS,
        model="mistral-small-latest",
        created_at=NOON,
        changed_at=NOON,
        deadline=NOON + timedelta(hours=24),
        purge_at=NOON + timedelta(days=30),
        submission=Submission(source="http"),
        request=inline(REQUEST_KEY, BODY),
    )
    return replace(job, **changes)


def a_result(fence: int = 1) -> Content:
    return Content(place=Place.ROW, key=result_key(fence), size_bytes=321)


def completed(job: Job, **changes: Any) -> Job:
    """Return a claimed job's end, a second after it last changed."""
    facts: dict[str, Any] = {
        "result": a_result(job.fence),
        "model_used": "mistral-small-2603",
        "usage": Usage(prompt_tokens=10, completion_tokens=4, total_tokens=14),
        "cost": Money(Decimal("0.0000039")),
        "attempts": job.attempts,
    }
    return job.completed(job.changed_at + timedelta(seconds=1), **(facts | changes))


def a_completed_job(**changes: Any) -> Job:
    return completed(a_job(**changes).claimed(NOON, LEASE_MARGIN))


def an_event(job: Job | None = None) -> Event:
    """Return the event of a job's end."""
    event = event_of(None, job or a_completed_job())
    assert event is not None, "only a job that has ended, or whose start is told, makes an event"
    return event


def a_delivery(**changes: Any) -> Delivery:
    """Return a delivery that is due at noon and was never attempted."""
    event = an_event()
    delivery = Delivery(
        id=delivery_id(event.id, event.resource_id, event.occurred_at),
        tenant_id=TENANT,
        target_id=event.resource_id,
        event_id=event.id,
        event_type=event.type,
        occurred_at=event.occurred_at,
        sequence=event.sequence,
        job_id=JobId(event.resource_id),
        url="https://example.com/hooks",
        payload="full",
        legacy_signature=False,
        created_at=NOON,
        next_attempt_at=NOON,
        purge_at=NOON + timedelta(days=30),
    )
    return replace(delivery, **changes)


def an_endpoint_id(number: int = 1) -> EndpointId:
    return EndpointId("we_" + ulid(NOON, number.to_bytes(10)))


def an_endpoint(**changes: Any) -> WebhookEndpoint:
    """Return an endpoint just registered at noon, for all events of jobs."""
    endpoint = WebhookEndpoint(
        id=an_endpoint_id(),
        tenant_id=TENANT,
        url="https://example.com/hooks",
        event_types=("job.*",),
        created_at=NOON,
    )
    return replace(endpoint, **changes)


def a_delivery_to(endpoint: WebhookEndpoint, number: int = 1, **changes: Any) -> Delivery:
    """Return a delivery to an endpoint, with an id that sorts by its number."""
    identifier = DeliveryId("dlv_" + ulid(NOON, number.to_bytes(10)))
    to_it = {"tenant_id": endpoint.tenant_id, "target_id": endpoint.id, "url": endpoint.url}
    return a_delivery(id=identifier, **(to_it | changes))


def a_recovery(**changes: Any) -> Recovery:
    """Return a recovery, begun at noon, of what happened in the hour before."""
    recovery = recovery_of(
        an_endpoint_id(),
        TENANT,
        identifier="rec_" + ulid(NOON, bytes(10)),
        since=NOON - timedelta(hours=1),
        until=NOON,
        at=NOON,
    )
    return replace(recovery, **changes)


def an_api_key(text: str = new_key(bytes(32)), **changes: Any) -> ApiKey:
    key = ApiKey(
        id="key_" + ulid(NOON, bytes(10)),
        hash=hash_of(text),
        last_four=text[-4:],
        tenant_id=TENANT,
        scopes=frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE}),
        created_at=NOON,
    )
    return replace(key, **changes)
