"""``POST /v1/deliveries/{id}/redeliver`` and ``POST /v1/events/{id}/redeliver``."""

from http import HTTPStatus

from functions.api.delivery_view import accepted, find_delivery
from functions.api.get_event import find_event
from functions.api.http import Request, Response
from functions.api.making import read_body
from functions.api.once import Once
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery
from relay.domain.endpoint_request import EventRedelivery
from relay.domain.errors import NotFoundError
from relay.domain.event import Event
from relay.domain.event_types import ENDPOINT_TEST
from relay.domain.ids import EndpointId, JobId, TenantId
from relay.domain.webhook_endpoint import WebhookEndpoint

_ROUND = "rnd"


def redeliver_delivery(request: Request, services: Services) -> Response:
    """Send a delivery again, from its first attempt on. One under way is answered as it is."""
    once = Once(request, services)
    delivery = find_delivery(request, services)
    at = services.clock.now()
    if _is_done(delivery, once) or delivery.is_in_hands(at):
        return accepted(delivery, once, request, services)
    endpoint = _endpoint_of(delivery, services)
    _check(endpoint, delivery.event_type)
    _check_job(delivery.tenant_id, delivery.job_id, services)
    again = services.webhooks.redeliver.again(
        delivery, round_id=once.by_new_id(_ROUND), payload_of=endpoint, at=at
    )
    return accepted(again, once, request, services)


def redeliver_event(request: Request, services: Services) -> Response:
    """Send an event to any endpoint of the caller's, whatever that has chosen or got before."""
    asked, raw = read_body(EventRedelivery, request, services)
    once = Once(request, services, raw)
    event = find_event(request, services)
    try:
        endpoint = services.webhooks.endpoints.get(event.tenant_id, EndpointId(asked.endpoint_id))
    except NotFoundError as error:
        raise Problem.not_found("webhook endpoint") from error
    done = _made_before(event, endpoint, once, services)
    if done is not None:
        return accepted(done, once, request, services)
    _check(endpoint, event.type)
    _check_job(event.tenant_id, JobId(event.resource_id) if event.is_of_job else None, services)
    delivery = services.webhooks.redeliver.event(
        event, endpoint, round_id=once.by_new_id(_ROUND), at=services.clock.now()
    )
    return accepted(delivery, once, request, services)


def _made_before(
    event: Event, endpoint: WebhookEndpoint, once: Once, services: Services
) -> Delivery | None:
    """Return what an earlier request under the same key came to, if it came to something."""
    if once.earlier is None:
        return None
    delivery_id = delivery_of(event, endpoint, services.clock.now()).id
    found = services.webhooks.deliveries.find([(endpoint.id, delivery_id)])
    delivery = found.rows.get(delivery_id)
    return delivery if delivery is not None and _is_done(delivery, once) else None


def _is_done(delivery: Delivery, once: Once) -> bool:
    """Tell whether the round that a key stands for, or a later one, has begun."""
    begun, asked_for = delivery.round_id, once.earlier
    return begun is not None and asked_for is not None and begun >= asked_for


def _endpoint_of(delivery: Delivery, services: Services) -> WebhookEndpoint | None:
    if delivery.endpoint_id is None:
        return None
    try:
        return services.webhooks.endpoints.get(delivery.tenant_id, delivery.endpoint_id)
    except NotFoundError as error:
        raise Problem.of(
            HTTPStatus.CONFLICT,
            "endpoint_gone",
            "The webhook endpoint has been deleted. Redeliver the event to another one:"
            f" POST /v1/events/{delivery.event_id}/redeliver.",
        ) from error


def _check(endpoint: WebhookEndpoint | None, event_type: str) -> None:
    """Refuse what an endpoint would not be sent. A test is sent to a disabled one too."""
    if endpoint is not None and not endpoint.is_enabled and event_type != ENDPOINT_TEST:
        raise endpoint_disabled()


def endpoint_disabled() -> Problem:
    """Return the refusal of what a disabled endpoint would not be sent."""
    return Problem.of(
        HTTPStatus.CONFLICT,
        "endpoint_disabled",
        "The webhook endpoint is disabled. Enable it first.",
    )


def _check_job(tenant_id: TenantId, job_id: JobId | None, services: Services) -> None:
    if job_id is None:
        return
    try:
        services.jobs.get(tenant_id, job_id, at=services.clock.now())
    except NotFoundError as error:
        raise Problem.of(
            HTTPStatus.CONFLICT,
            "job_deleted",
            "The job that this tells of has been deleted, so there is nothing left to send.",
        ) from error
