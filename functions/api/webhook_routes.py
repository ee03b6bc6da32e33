"""The routes of webhook endpoints and of the secrets that sign."""

from http import HTTPStatus

from functions.api.delivery_view import DeliveryView
from functions.api.endpoint_acts import (
    RecoveryView,
    RotatedWebhookEndpointView,
    enable_webhook_endpoint,
    recover_webhook_endpoint,
    rotate_endpoint_secret,
    send_test_event,
)
from functions.api.pages import PAGE_PARAMETERS
from functions.api.route import OF_ANY_KEY, Route
from functions.api.webhook_endpoints import (
    NewWebhookEndpointView,
    WebhookEndpointListView,
    WebhookEndpointView,
    create_webhook_endpoint,
    delete_webhook_endpoint,
    get_webhook_endpoint,
    list_webhook_endpoints,
    update_webhook_endpoint,
)
from functions.api.webhook_secret import (
    WebhookSecretView,
    get_webhook_secret,
    rotate_webhook_secret,
)
from relay.domain.api_key import Scope
from relay.domain.endpoint_request import EndpointChange, EndpointRequest, RecoveryRequest

OF_A_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""What a route that takes a body may refuse it with."""
OF_AN_ACT = (
    *OF_ANY_KEY,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""What a route that does something to what there is may refuse with."""

_ENDPOINT = "/v1/webhook_endpoints/{endpoint_id}"

WEBHOOK_ROUTES = (
    Route(
        method="GET",
        path="/v1/webhook_endpoints",
        act=list_webhook_endpoints,
        scope=Scope.WEBHOOKS_READ,
        summary="List webhook endpoints, the newest first",
        answer=WebhookEndpointListView,
        statuses={HTTPStatus.OK: "A page of endpoints, without their secrets"},
        problems=(*OF_ANY_KEY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=PAGE_PARAMETERS,
    ),
    Route(
        method="POST",
        path="/v1/webhook_endpoints",
        act=create_webhook_endpoint,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Register a webhook endpoint, whose secret is shown here",
        body=EndpointRequest,
        answer=NewWebhookEndpointView,
        statuses={
            HTTPStatus.CREATED: "The endpoint and its secret",
            HTTPStatus.OK: "The endpoint that was registered before under the same key",
        },
        problems=(*OF_ANY_KEY, *OF_A_BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        takes_key=True,
    ),
    Route(
        method="GET",
        path=_ENDPOINT,
        act=get_webhook_endpoint,
        scope=Scope.WEBHOOKS_READ,
        summary="Read a webhook endpoint",
        answer=WebhookEndpointView,
        statuses={HTTPStatus.OK: "The endpoint, without its secret"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
    ),
    Route(
        method="PATCH",
        path=_ENDPOINT,
        act=update_webhook_endpoint,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Change a webhook endpoint, or disable it",
        body=EndpointChange,
        answer=WebhookEndpointView,
        statuses={HTTPStatus.OK: "The endpoint as it is now"},
        problems=(*OF_ANY_KEY, *OF_A_BODY, HTTPStatus.NOT_FOUND),
    ),
    Route(
        method="DELETE",
        path=_ENDPOINT,
        act=delete_webhook_endpoint,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Delete a webhook endpoint for good",
        answer=None,
        statuses={HTTPStatus.NO_CONTENT: "Nothing more is sent there"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
    ),
    Route(
        method="POST",
        path=f"{_ENDPOINT}/rotate_secret",
        act=rotate_endpoint_secret,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Give an endpoint a new secret; the old one signs along for a day",
        answer=RotatedWebhookEndpointView,
        statuses={HTTPStatus.OK: "The endpoint and its new secret"},
        problems=OF_AN_ACT,
        takes_key=True,
    ),
    Route(
        method="POST",
        path=f"{_ENDPOINT}/test",
        act=send_test_event,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Send an endpoint the event endpoint.test, once",
        answer=DeliveryView,
        statuses={HTTPStatus.ACCEPTED: "The delivery that is on its way"},
        location="Where the delivery is read",
        problems=OF_AN_ACT,
        takes_key=True,
    ),
    Route(
        method="POST",
        path=f"{_ENDPOINT}/enable",
        act=enable_webhook_endpoint,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Let an endpoint be sent events again",
        answer=WebhookEndpointView,
        statuses={HTTPStatus.OK: "The enabled endpoint"},
        problems=OF_AN_ACT,
        takes_key=True,
    ),
    Route(
        method="POST",
        path=f"{_ENDPOINT}/recover",
        act=recover_webhook_endpoint,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Send an endpoint again what it failed to get, or missed while disabled",
        body=RecoveryRequest,
        answer=RecoveryView,
        statuses={HTTPStatus.ACCEPTED: "The recovery, which begins within two minutes"},
        problems=(*OF_ANY_KEY, *OF_A_BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        takes_key=True,
    ),
    Route(
        method="GET",
        path="/v1/webhook_secret",
        act=get_webhook_secret,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Read the secret that signs what is posted to callback URLs",
        answer=WebhookSecretView,
        statuses={HTTPStatus.OK: "The secret"},
        problems=OF_ANY_KEY,
    ),
    Route(
        method="POST",
        path="/v1/webhook_secret/rotate",
        act=rotate_webhook_secret,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Let a new secret sign callbacks; the old one signs along for a day",
        answer=WebhookSecretView,
        statuses={HTTPStatus.OK: "The new secret"},
        problems=(*OF_ANY_KEY, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
        takes_key=True,
    ),
)
