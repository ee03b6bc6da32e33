"""``GET /v1/events``: what happened to a tenant, the oldest first, and what happens next."""

import re
from datetime import timedelta
from typing import Any, Literal, TypedDict

from functions.api.get_job import TIME_TO_ANSWER
from functions.api.http import WAIT_MAX, QueryParameter, Request, Response
from functions.api.pages import PAGE_PARAMETERS, limit_of
from functions.api.query import MOMENT, Query, moment_of, pattern_of
from functions.api.services import Services
from relay.domain.event import Event, thin_envelope
from relay.domain.event_list import (
    EventCursor,
    EventPage,
    cursor_from,
    page_of,
    read_event_cursor,
)
from relay.domain.event_types import ALL, is_chosen
from relay.domain.job_list import LIMIT_DEFAULT

PARAMETERS = {
    "type": QueryParameter("Only events of this type, or of one kind as `job.*`"),
    "created_after": QueryParameter("Only events that happened at or after this moment", MOMENT),
    "wait": QueryParameter(
        "How many seconds the answer is held while there are none",
        {
            "type": "integer",
            "minimum": 0,
            "maximum": int(WAIT_MAX.total_seconds()),
            "default": 0,
        },
    ),
    "limit": PAGE_PARAMETERS["limit"],
    "cursor": QueryParameter(
        "Where to go on: next_cursor of the page before, which comes also where there are no more"
        " yet. No event is missed that appears within two minutes, and none comes twice"
    ),
}

_FIRST_PAUSE = timedelta(milliseconds=500)
_PAUSES_GROW_BY = 1.5
_PAUSE_MAX = timedelta(seconds=2)
_WAIT = re.compile("[0-9]{1,6}")


class EventView(TypedDict):
    """An event, as a webhook carries it; in lists ``data`` is thin."""

    id: str
    type: str
    timestamp: str
    api_version: Literal["v1"]
    sequence: int
    data: dict[str, Any]


class EventListView(TypedDict):
    """A page of events. ``next_cursor`` goes on also where there are no more yet."""

    object: Literal["list"]
    data: list[EventView]
    has_more: bool
    next_cursor: str | None


def list_events(request: Request, services: Services) -> Response:
    """Answer with a page, or once there is something to answer with."""
    asked = _Asked(request)
    page = _page_when_there(asked, request, services)
    goes_on = page.events or page.has_more or asked.goes_on
    return Response(
        body={
            "object": "list",
            "data": [thin_envelope(event) for event in page.events],
            "has_more": page.has_more,
            "next_cursor": page.cursor.text if goes_on else None,
        }
    )


def _page_when_there(asked: "_Asked", request: Request, services: Services) -> EventPage:
    """Return the first page that holds something, or the last one before patience ends.

    Each look asks each of the tenant's shards once, so looks come further apart.
    """
    clock = services.clock
    until = min(clock.now() + asked.wait, request.answer_by - TIME_TO_ANSWER)
    page = _page(asked.cursor, asked, request, services)
    pause = _FIRST_PAUSE
    while not page.events and not page.has_more and (left := until - clock.now()) > timedelta(0):
        clock.wait(min(pause, left))
        pause = min(pause * _PAUSES_GROW_BY, _PAUSE_MAX)
        page = _page(page.cursor, asked, request, services)
    return page


def _page(cursor: EventCursor, asked: "_Asked", request: Request, services: Services) -> EventPage:
    at = services.clock.now()
    tenant_id = request.caller().tenant_id
    events = services.webhooks.events.oldest_first(tenant_id, after=cursor.position, at=at)
    return page_of(events, cursor, limit=asked.limit, at=at, wants=asked.wants)


class _Asked:
    """What a client asks for, checked.

    Raises:
        Problem: 422; a parameter cannot be right.
    """

    def __init__(self, request: Request) -> None:
        query = Query(request, PARAMETERS)
        self.pattern = query.read("type", pattern_of, ALL)
        self.wait = query.read("wait", _wait_of, timedelta(0))
        self.limit = query.read("limit", limit_of, LIMIT_DEFAULT)
        since = query.read("created_after", moment_of, None)
        given = query.read("cursor", read_event_cursor, None)
        query.check()
        self.goes_on = given is not None
        self.cursor = cursor_from(since) if given is None else given.from_moment(since)

    def wants(self, event: Event) -> bool:
        return is_chosen(event.type, [self.pattern])


def _wait_of(text: str) -> timedelta:
    if not _WAIT.fullmatch(text):
        raise ValueError("must be a whole number of seconds")
    return min(timedelta(seconds=int(text)), WAIT_MAX)
