"""A delivery as clients see it, and how it is found and answered with."""

from dataclasses import replace
from http import HTTPStatus
from typing import Literal, TypedDict

from functions.api.http import Request, Response
from functions.api.once import Once
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from relay.domain.errors import NotFoundError
from relay.domain.ids import DeliveryId, is_id
from relay.domain.moments import to_iso
from relay.telemetry import in_milliseconds

LISTED_HEAD_CHARACTERS_MAX = 128
"""A hundred deliveries of forty attempts each must fit into what Lambda answers, 6 MB."""


class DeliveryAttemptView(TypedDict):
    """One request that was posted, and what came of it.

    ``status_code`` is null where there was no answer, ``response_head`` is how the answer began.
    """

    number: int
    at: str
    duration_ms: int
    status_code: int | None
    outcome: Literal["delivered", "retry", "gave_up"]
    reason: str
    response_head: str


class DeliveryView(TypedDict):
    """An event on its way to an endpoint or, where ``endpoint_id`` is null, a job's callback."""

    id: str
    object: Literal["delivery"]
    event_id: str
    event_type: str
    endpoint_id: str | None
    url: str
    status: DeliveryStatus
    next_attempt_at: str | None
    created_at: str
    finished_at: str | None
    attempts: list[DeliveryAttemptView]


def get_delivery(request: Request, services: Services) -> Response:
    """Answer with a delivery and its attempts."""
    return Response(body=delivery_view(find_delivery(request, services)))


def find_delivery(request: Request, services: Services) -> Delivery:
    """Return the caller's delivery that a path names.

    Raises:
        Problem: 404.
    """
    delivery_id = request.path_parameter("delivery_id")
    if not is_id(delivery_id, "dlv"):
        raise Problem.not_found("delivery")
    tenant_id = request.caller().tenant_id
    try:
        delivery = services.webhooks.deliveries.get(tenant_id, DeliveryId(delivery_id))
    except NotFoundError as error:
        raise Problem.not_found("delivery") from error
    if delivery.purge_at <= services.clock.now():
        raise Problem.not_found("delivery")
    return delivery


def accepted(delivery: Delivery, once: Once, request: Request, services: Services) -> Response:
    """Answer 202 with a delivery that is on its way."""
    address = f"{services.api_url(request)}/v1/deliveries/{delivery.id}"
    return Response(
        status=HTTPStatus.ACCEPTED,
        body=delivery_view(delivery),
        headers={"location": address, **once.headers},
    )


def listed_view(delivery: Delivery) -> DeliveryView:
    """Return a delivery as a list shows it: with less of each answer, so that any page fits."""
    attempts = [
        replace(it, response_head=it.response_head[:LISTED_HEAD_CHARACTERS_MAX])
        for it in delivery.attempts
    ]
    return delivery_view(replace(delivery, attempts=tuple(attempts)))


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Return a delivery as its JSON object."""
    is_pending = delivery.status is DeliveryStatus.PENDING
    finished_at = delivery.finished_at
    return DeliveryView(
        id=delivery.id,
        object="delivery",
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        endpoint_id=delivery.endpoint_id,
        url=delivery.url,
        status=delivery.status,
        next_attempt_at=to_iso(delivery.next_attempt_at) if is_pending else None,
        created_at=to_iso(delivery.created_at),
        finished_at=to_iso(finished_at) if finished_at else None,
        attempts=[_attempt_view(attempt) for attempt in delivery.attempts],
    )


def _attempt_view(attempt: DeliveryAttempt) -> DeliveryAttemptView:
    return DeliveryAttemptView(
        number=attempt.number,
        at=to_iso(attempt.at),
        duration_ms=in_milliseconds(attempt.duration),
        status_code=attempt.status_code,
        outcome=attempt.outcome,
        reason=attempt.reason,
        response_head=attempt.response_head,
    )
