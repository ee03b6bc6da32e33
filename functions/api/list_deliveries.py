"""``GET /v1/deliveries``: a tenant's deliveries, those of the newest events first."""

from datetime import timedelta
from typing import Literal, TypedDict

from functions.api.delivery_view import DeliveryView, listed_view
from functions.api.http import QueryParameter, Request, Response
from functions.api.pages import PAGE_PARAMETERS, examined, limit_of
from functions.api.query import EPOCH, MOMENT, Query, id_of, moment_of, pattern_of, words, words_of
from functions.api.services import Services
from relay.domain.cursor import from_cursor, to_cursor
from relay.domain.delivery import Delivery, DeliveryStatus
from relay.domain.event_types import ALL, is_chosen
from relay.domain.ids import first_id, made_at
from relay.domain.job_list import LIMIT_DEFAULT

PARAMETERS = {
    "endpoint_id": QueryParameter("Only deliveries to this endpoint"),
    "event_id": QueryParameter("Only deliveries of this event"),
    "event_type": QueryParameter(
        "Only deliveries of events of this type, or of one kind as `job.*`"
    ),
    "status": QueryParameter(
        "Only deliveries of these statuses, separated by commas",
        {"type": "array", "items": words(DeliveryStatus)},
    ),
    "created_after": QueryParameter(
        "Only deliveries made at or after this moment. Those of events that had happened an hour"
        " before it come only with `endpoint_id` or `event_id`",
        MOMENT,
    ),
} | PAGE_PARAMETERS

MADE_WITHIN = timedelta(hours=1)
"""How long after its event a delivery is taken to be made, where all of a tenant's are listed.

Ids carry the event's time, so that what was made later stands among the older ones.
"""
_DELIVERY = "dlv"
_MILLISECOND = timedelta(milliseconds=1)


class DeliveryListView(TypedDict):
    """A page of deliveries. A filtered page may be short and yet not the last."""

    object: Literal["list"]
    data: list[DeliveryView]
    has_more: bool
    next_cursor: str | None


def list_deliveries(request: Request, services: Services) -> Response:
    """Answer with a page."""
    asked = _Asked(request)
    at = services.clock.now()
    newest_first = services.webhooks.deliveries.newest_first(
        request.caller().tenant_id,
        target_id=asked.endpoint_id,
        before=asked.before,
        since=asked.since,
    )

    def is_asked_for(delivery: Delivery) -> bool:
        return delivery.purge_at > at and asked.matches(delivery)

    page, last = examined(newest_first, asked.limit, is_asked_for)
    return Response(
        body=DeliveryListView(
            object="list",
            data=[listed_view(delivery) for delivery in page],
            has_more=last is not None,
            next_cursor=to_cursor(last.id) if last else None,
        )
    )


class _Asked:
    """What a client asks for, checked.

    Raises:
        Problem: 422; a parameter cannot be right.
    """

    def __init__(self, request: Request) -> None:
        query = Query(request, PARAMETERS)
        self.endpoint_id = query.read("endpoint_id", lambda text: id_of("we", text), None)
        self.event_id = query.read("event_id", _event_id, None)
        self.pattern = query.read("event_type", pattern_of, ALL)
        self.statuses = query.read(
            "status", lambda text: words_of(DeliveryStatus, text), frozenset(DeliveryStatus)
        )
        self.created_after = query.read("created_after", moment_of, None)
        self.limit = query.read("limit", limit_of, LIMIT_DEFAULT)
        cursor = query.read("cursor", lambda text: id_of(_DELIVERY, from_cursor(text)), None)
        query.check()
        self.before = min((it for it in (cursor, self._end) if it), default=None)
        self.since = self._begin

    @property
    def _begin(self) -> str | None:
        if self.event_id is not None:
            return first_id(_DELIVERY, made_at(self.event_id))
        if self.created_after is None or self.endpoint_id is not None:
            return None
        return first_id(_DELIVERY, max(self.created_after - MADE_WITHIN, EPOCH))

    @property
    def _end(self) -> str | None:
        """Deliveries of one event have ids of its millisecond."""
        if self.event_id is None:
            return None
        return first_id(_DELIVERY, made_at(self.event_id) + _MILLISECOND)

    def matches(self, delivery: Delivery) -> bool:
        """Tell whether a delivery is asked for."""
        return (
            self.event_id in (None, delivery.event_id)
            and is_chosen(delivery.event_type, [self.pattern])
            and delivery.status in self.statuses
            and (self.created_after is None or delivery.created_at >= self.created_after)
        )


def _event_id(text: str) -> str:
    event_id = id_of("evt", text)
    try:
        made_at(event_id)
    except OverflowError as error:
        raise ValueError("is later than anything can happen") from error
    return event_id
