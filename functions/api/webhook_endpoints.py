"""``/v1/webhook_endpoints``: where a tenant is told of its events."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal, TypedDict

from functions.api.http import Request, Response
from functions.api.making import Making, make_once, read_body
from functions.api.once import RACES_MAX, Once
from functions.api.pages import page_asked, page_response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.body_rules import FieldError
from relay.domain.endpoint_request import EndpointChange, EndpointRequest, check_endpoint
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.ids import EndpointId, TenantId, is_id, made_at
from relay.domain.moments import to_iso
from relay.domain.signing import endpoint_secret
from relay.domain.webhook_endpoint import (
    ENDPOINTS_MAX,
    DisabledReason,
    EndpointStatus,
    WebhookEndpoint,
)


class WebhookEndpointView(TypedDict):
    """A webhook endpoint, without its secret."""

    id: str
    object: Literal["webhook_endpoint"]
    url: str
    event_types: list[str]
    payload: Literal["full", "thin"]
    legacy_signature: bool
    status: EndpointStatus
    disabled_reason: DisabledReason | None
    description: str
    metadata: dict[str, str]
    created_at: str


class NewWebhookEndpointView(WebhookEndpointView):
    """A new endpoint, and the secret that its requests are signed with."""

    secret: str


class WebhookEndpointListView(TypedDict):
    """A page of a list."""

    object: Literal["list"]
    data: list[WebhookEndpointView]
    has_more: bool
    next_cursor: str | None


def list_webhook_endpoints(request: Request, services: Services) -> Response:
    """Answer with a page of endpoints, the newest first."""
    asked = page_asked(request)
    found = services.webhooks.endpoints.of_tenant(request.caller().tenant_id)
    rows = [it for it in found if asked.before is None or it.id < asked.before]
    return page_response(rows, asked, lambda endpoint: endpoint.id, endpoint_view)


def get_webhook_endpoint(request: Request, services: Services) -> Response:
    """Answer with an endpoint."""
    return Response(body=endpoint_view(find_endpoint(request, services)))


def create_webhook_endpoint(request: Request, services: Services) -> Response:
    """Register an endpoint. Under an ``Idempotency-Key`` it is the same one, its secret too."""
    asked, raw = read_body(EndpointRequest, request, services)
    _refuse(check_endpoint(asked.url, asked.event_types, services.egress_policy))
    new = _New(asked, request.caller().tenant_id, services)
    is_again = Once(request, services, raw).earlier is not None
    if not is_again and new.is_one_too_many():
        raise Problem.of(
            HTTPStatus.CONFLICT,
            "endpoint_limit_reached",
            f"There are {ENDPOINTS_MAX} webhook endpoints already, which is the most."
            " Delete one, or let one take more types of events.",
        )
    making = Making(prefix="we", make=new.make, made=new.made, is_removable=True)
    return make_once(request, raw, making, services)


@dataclass(frozen=True, slots=True)
class _New:
    """An endpoint that is about to be made."""

    asked: EndpointRequest
    tenant_id: TenantId
    services: Services

    def is_one_too_many(self) -> bool:
        return len(self.services.webhooks.endpoints.of_tenant(self.tenant_id)) >= ENDPOINTS_MAX

    def make(self, identifier: str, _: datetime) -> NewWebhookEndpointView:
        endpoint = WebhookEndpoint(
            id=EndpointId(identifier),
            tenant_id=self.tenant_id,
            url=self.asked.url,
            event_types=_distinct(self.asked.event_types),
            payload=self.asked.payload,
            legacy_signature=self.asked.legacy_signature,
            description=self.asked.description,
            metadata=self.asked.metadata,
            created_at=made_at(identifier),
        )
        self.services.webhooks.endpoints.create(endpoint)
        return self._view(endpoint)

    def made(self, identifier: str) -> NewWebhookEndpointView | None:
        endpoints = self.services.webhooks.endpoints
        try:
            return self._view(endpoints.get(self.tenant_id, EndpointId(identifier)))
        except NotFoundError:
            return None

    def _view(self, endpoint: WebhookEndpoint) -> NewWebhookEndpointView:
        secret = secret_of(endpoint, self.services)
        return NewWebhookEndpointView(**endpoint_view(endpoint), secret=secret)


def update_webhook_endpoint(request: Request, services: Services) -> Response:
    """Change an endpoint."""
    asked, _ = read_body(EndpointChange, request, services)
    _refuse(check_endpoint(asked.url, asked.event_types, services.egress_policy))
    endpoint = change_endpoint(request, services, lambda before: _changed(before, asked))
    return Response(body=endpoint_view(endpoint))


def delete_webhook_endpoint(request: Request, services: Services) -> Response:
    """Remove an endpoint for good. What is on its way there is cancelled when its turn comes."""
    tenant_id, endpoint_id = request.caller().tenant_id, _id_in(request)
    try:
        services.webhooks.endpoints.remove(tenant_id, endpoint_id)
    except NotFoundError as error:
        raise Problem.not_found("webhook endpoint") from error
    return Response(status=HTTPStatus.NO_CONTENT)


def find_endpoint(request: Request, services: Services) -> WebhookEndpoint:
    """Return the caller's endpoint that a path names.

    Raises:
        Problem: 404.
    """
    tenant_id, endpoint_id = request.caller().tenant_id, _id_in(request)
    try:
        return services.webhooks.endpoints.get(tenant_id, endpoint_id)
    except NotFoundError as error:
        raise Problem.not_found("webhook endpoint") from error


def change_endpoint(
    request: Request,
    services: Services,
    change: Callable[[WebhookEndpoint], WebhookEndpoint],
) -> WebhookEndpoint:
    """Return the endpoint that a path names, changed. What is the same object is not written.

    Raises:
        Problem: 404; 503 where it is changed by others all the while.
    """
    for _ in range(RACES_MAX):
        before = find_endpoint(request, services)
        after = change(before)
        if after is before:
            return before
        try:
            services.webhooks.endpoints.save(before, after)
        except LostRaceError:
            continue
        return after
    raise Problem.unavailable()


def endpoint_view(endpoint: WebhookEndpoint) -> WebhookEndpointView:
    """Return an endpoint as its JSON object."""
    return WebhookEndpointView(
        id=endpoint.id,
        object="webhook_endpoint",
        url=endpoint.url,
        event_types=list(endpoint.event_types),
        payload=endpoint.payload,
        legacy_signature=endpoint.legacy_signature,
        status=endpoint.status,
        disabled_reason=endpoint.disabled_reason,
        description=endpoint.description,
        metadata=dict(endpoint.metadata),
        created_at=to_iso(endpoint.created_at),
    )


def secret_of(endpoint: WebhookEndpoint, services: Services) -> str:
    """Return an endpoint's current secret, derived anew: it is kept nowhere."""
    master, version = services.webhook_master_secret.text(), endpoint.secrets.current
    return endpoint_secret(master, endpoint.tenant_id, endpoint.id, version=version).text


def _id_in(request: Request) -> EndpointId:
    endpoint_id = request.path_parameter("endpoint_id")
    if not is_id(endpoint_id, "we"):
        raise Problem.not_found("webhook endpoint")
    return EndpointId(endpoint_id)


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        detail = "This cannot be right. Nothing was changed; correct what errors names."
        raise Problem.invalid(detail, errors)


def _changed(endpoint: WebhookEndpoint, asked: EndpointChange) -> WebhookEndpoint:
    """Return the endpoint as it is asked for, itself where that is how it is."""
    wanted: dict[str, Any] = asked.model_dump(exclude_none=True, exclude={"status"})
    if asked.event_types is not None:
        wanted["event_types"] = _distinct(asked.event_types)
    changes = {name: it for name, it in wanted.items() if getattr(endpoint, name) != it}
    after = endpoint.changed(**changes) if changes else endpoint
    if asked.status is EndpointStatus.DISABLED and endpoint.is_enabled:
        return after.disabled(DisabledReason.MANUAL)
    if asked.status is EndpointStatus.ENABLED and not endpoint.is_enabled:
        return after.enabled()
    return after


def _distinct(patterns: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(patterns))
