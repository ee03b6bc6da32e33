"""The routes of events and of their deliveries."""

from http import HTTPStatus

from functions.api import list_deliveries as deliveries
from functions.api import list_events as events
from functions.api.delivery_view import DeliveryView, get_delivery
from functions.api.get_event import get_event
from functions.api.redelivering import redeliver_delivery, redeliver_event
from functions.api.route import OF_ANY_KEY, Route
from functions.api.webhook_routes import OF_A_BODY, OF_AN_ACT
from relay.domain.api_key import Scope
from relay.domain.endpoint_request import EventRedelivery

_ON_ITS_WAY = {HTTPStatus.ACCEPTED: "The delivery that is on its way"}
_LOCATION = "Where the delivery is read"

EVENT_ROUTES = (
    Route(
        method="GET",
        path="/v1/events",
        act=events.list_events,
        scope=Scope.WEBHOOKS_READ,
        summary="List events, the oldest first, or wait for the next",
        answer=events.EventListView,
        statuses={HTTPStatus.OK: "A page of events, with ids and status only"},
        problems=(*OF_ANY_KEY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=events.PARAMETERS,
    ),
    Route(
        method="GET",
        path="/v1/events/{event_id}",
        act=get_event,
        scope=Scope.WEBHOOKS_READ,
        summary="Read an event as a full webhook carries it",
        answer=events.EventView,
        statuses={HTTPStatus.OK: "The event; of a deleted job with ids and status only"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
    ),
    Route(
        method="POST",
        path="/v1/events/{event_id}/redeliver",
        act=redeliver_event,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Send an event to any endpoint, under the same webhook-id",
        body=EventRedelivery,
        answer=DeliveryView,
        statuses=_ON_ITS_WAY,
        location=_LOCATION,
        problems=(*OF_ANY_KEY, *OF_A_BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        takes_key=True,
    ),
    Route(
        method="GET",
        path="/v1/deliveries",
        act=deliveries.list_deliveries,
        scope=Scope.WEBHOOKS_READ,
        summary="List deliveries, those of the newest events first",
        answer=deliveries.DeliveryListView,
        statuses={HTTPStatus.OK: "A page of deliveries, with every attempt"},
        problems=(*OF_ANY_KEY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=deliveries.PARAMETERS,
    ),
    Route(
        method="GET",
        path="/v1/deliveries/{delivery_id}",
        act=get_delivery,
        scope=Scope.WEBHOOKS_READ,
        summary="Read a delivery with every attempt",
        answer=DeliveryView,
        statuses={HTTPStatus.OK: "The delivery"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
    ),
    Route(
        method="POST",
        path="/v1/deliveries/{delivery_id}/redeliver",
        act=redeliver_delivery,
        scope=Scope.WEBHOOKS_WRITE,
        summary="Send a delivery again, under the same webhook-id",
        answer=DeliveryView,
        statuses=_ON_ITS_WAY,
        location=_LOCATION,
        problems=OF_AN_ACT,
        takes_key=True,
    ),
)
