"""``GET /v1/events/{id}``: an event, as a full webhook carries it."""

from collections.abc import Mapping
from typing import Any

from functions.api.http import Request, Response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import NotFoundError
from relay.domain.event import Event, envelope
from relay.domain.ids import EventId, JobId, is_id
from relay.use_cases.tell_event import EventData, Told


def get_event(request: Request, services: Services) -> Response:
    """Answer with an event. Of a job that is deleted there is left what is no content."""
    event = find_event(request, services)
    return Response(
        body=envelope(
            event.id,
            event.type,
            occurred_at=event.occurred_at,
            sequence=event.sequence,
            data=_data_of(event, request, services),
        )
    )


def find_event(request: Request, services: Services) -> Event:
    """Return the caller's event that a path names.

    Raises:
        Problem: 404.
    """
    event_id = request.path_parameter("event_id")
    if not is_id(event_id, "evt"):
        raise Problem.not_found("event")
    try:
        event = services.webhooks.events.get(request.caller().tenant_id, EventId(event_id))
    except NotFoundError as error:
        raise Problem.not_found("event") from error
    if event.purge_at <= services.clock.now():
        raise Problem.not_found("event")
    return event


def _data_of(event: Event, request: Request, services: Services) -> Mapping[str, Any]:
    if not event.is_of_job:
        return event.data
    tell = EventData(
        jobs=services.jobs, contents=services.contents, api_url=services.api_url(request)
    )
    told = Told(event.tenant_id, event.type, event.sequence, JobId(event.resource_id))
    try:
        return tell(told, payload="full", at=services.clock.now())
    except NotFoundError:
        return event.data
