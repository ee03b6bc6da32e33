"""What is done with a webhook endpoint: enabling, testing, recovering, and rotating its secret."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal, TypedDict

from functions.api.delivery_view import accepted
from functions.api.http import Request, Response
from functions.api.making import read_body
from functions.api.once import Once
from functions.api.problems import Problem
from functions.api.redelivering import endpoint_disabled
from functions.api.rotating import Rotating, rotate_once
from functions.api.services import Services
from functions.api.webhook_endpoints import (
    WebhookEndpointView,
    change_endpoint,
    endpoint_view,
    find_endpoint,
    secret_of,
)
from relay.domain.body_rules import FieldError
from relay.domain.delivering import delivery_of
from relay.domain.endpoint_request import RecoveryRequest
from relay.domain.event import endpoint_test
from relay.domain.ids import EventId, made_at
from relay.domain.moments import cut_to_milliseconds, to_iso
from relay.domain.recovery import Recovery, recovery_of
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.wheel import HintKind, wake, watch

LEEWAY = timedelta(minutes=5)
"""How much further back a recovery may reach than events are kept: clocks differ."""


class RotatedWebhookEndpointView(WebhookEndpointView):
    """An endpoint with its new secret; the one before signs along until ``previous_until``."""

    secret: str
    previous_until: str | None


class RecoveryView(TypedDict):
    """A recovery. ``redelivered`` counts the events that it has sent so far."""

    id: str
    object: Literal["recovery"]
    endpoint_id: str
    since: str
    until: str
    status: Literal["in_progress", "completed"]
    redelivered: int
    created_at: str
    finished_at: str | None


def enable_webhook_endpoint(request: Request, services: Services) -> Response:
    """Let an endpoint be sent events again, with a clean slate. Done twice it is done."""
    once = Once(request, services)
    endpoint = change_endpoint(
        request, services, lambda before: before if before.is_enabled else before.enabled()
    )
    once.by(endpoint.id)
    return Response(body=endpoint_view(endpoint), headers=once.headers)


def rotate_endpoint_secret(request: Request, services: Services) -> Response:
    """Let a new secret sign, and the old one along with it for a day."""
    once = Once(request, services)
    rotating: Rotating[WebhookEndpoint] = Rotating(
        read=lambda: find_endpoint(request, services),
        version=lambda endpoint: endpoint.secrets.current,
        save=services.webhooks.endpoints.save,
    )
    endpoint = rotate_once(rotating, once, services)
    until = endpoint.secrets.previous_until(services.clock.now())
    view = RotatedWebhookEndpointView(
        **endpoint_view(endpoint),
        secret=secret_of(endpoint, services),
        previous_until=to_iso(until) if until else None,
    )
    return Response(body=view, headers=once.headers)


def send_test_event(request: Request, services: Services) -> Response:
    """Send an endpoint an event of its own, once. It goes to a disabled one too."""
    once = Once(request, services)
    endpoint = find_endpoint(request, services)
    event_id = EventId(once.by_new_id("evt"))
    event = endpoint_test(endpoint, event_id, made_at(event_id))
    made = delivery_of(event, endpoint, services.clock.now())
    found = services.webhooks.deliveries.find([(endpoint.id, made.id)] if once.earlier else [])
    delivery = found.rows.get(made.id)
    if delivery is None:
        services.webhooks.events.put([event])
        delivery = services.webhooks.redeliver.event(
            event,
            endpoint,
            round_id=event_id.replace("evt_", "rnd_", 1),
            at=services.clock.now(),
        )
    return accepted(delivery, once, request, services)


def recover_webhook_endpoint(request: Request, services: Services) -> Response:
    """Send an endpoint again what it failed to get, or missed. The wheel gets it going."""
    asked, raw = read_body(RecoveryRequest, request, services)
    once = Once(request, services, raw)
    endpoint = find_endpoint(request, services)
    recovery = _made_before(endpoint, once, services)
    if recovery is None:
        if not endpoint.is_enabled:
            raise endpoint_disabled()
        recovery = _recovery(endpoint, asked, once, services)
    return Response(status=HTTPStatus.ACCEPTED, body=_recovery_view(recovery), headers=once.headers)


def _made_before(endpoint: WebhookEndpoint, once: Once, services: Services) -> Recovery | None:
    if once.earlier is None:
        return None
    found = services.webhooks.recoveries.find([(endpoint.id, once.earlier)])
    return found.rows.get(once.earlier)


def _recovery(
    endpoint: WebhookEndpoint, asked: RecoveryRequest, once: Once, services: Services
) -> Recovery:
    """Write what gets a recovery going, then the recovery."""
    at = services.clock.now()
    until = min(asked.until or at, at)
    _check_span(asked.since, until, at=at, retention=services.webhooks.retention)
    identifier = once.by_new_id("rec")
    recovery = recovery_of(
        endpoint.id,
        endpoint.tenant_id,
        identifier=identifier,
        since=cut_to_milliseconds(asked.since),
        until=cut_to_milliseconds(until),
        at=at,
    )
    services.webhooks.wheel.put(
        [
            watch(HintKind.RECOVERY, endpoint.id, identifier, at),
            wake(HintKind.RECOVERY, endpoint.id, identifier, due=at, now=at),
        ]
    )
    services.webhooks.recoveries.create(recovery)
    return recovery


def _check_span(since: datetime, until: datetime, *, at: datetime, retention: timedelta) -> None:
    """Refuse a time in which nothing can have happened that is still there.

    Raises:
        Problem: 422.
    """
    fault = None
    if since >= until:
        fault = "must lie before until, and before now"
    if since < at - retention - LEEWAY:
        fault = f"must lie {retention // timedelta(days=1)} days back at most, as events do"
    if fault:
        detail = "There is nothing to recover in this time. Correct what errors names."
        raise Problem.invalid(detail, [FieldError("#/since", fault)])


def _recovery_view(recovery: Recovery) -> RecoveryView:
    finished_at = recovery.finished_at
    return RecoveryView(
        id=recovery.id,
        object="recovery",
        endpoint_id=recovery.endpoint_id,
        since=to_iso(recovery.since),
        until=to_iso(recovery.until),
        status="in_progress" if finished_at is None else "completed",
        redelivered=recovery.redelivered,
        created_at=to_iso(recovery.created_at),
        finished_at=to_iso(finished_at) if finished_at else None,
    )
