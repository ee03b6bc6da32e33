"""``/v1/senders``: who may send to the submissions queue, and for whom; the operator's to say."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Literal, TypedDict

from functions.api.http import Request, Response
from functions.api.making import Making, make_once, read_body
from functions.api.pages import page_asked, page_response
from functions.api.problems import Problem
from functions.api.services import Services
from functions.api.tenants import tenant_of
from relay.domain.account_request import SENDER_PATTERN, SenderRequest
from relay.domain.errors import NotFoundError
from relay.domain.moments import to_iso
from relay.domain.sender import Sender


class SenderView(TypedDict):
    """An AWS identity and the tenant that it sends for."""

    id: str
    object: Literal["sender"]
    tenant_id: str
    created_at: str


class SenderListView(TypedDict):
    """A page of a list."""

    object: Literal["list"]
    data: list[SenderView]
    has_more: bool
    next_cursor: str | None


def list_senders(request: Request, services: Services) -> Response:
    """Answer with a page of senders."""
    asked = page_asked(request)
    senders = services.accounts.senders.page(before=asked.before, limit=asked.rows)
    return page_response(senders, asked, lambda sender: sender.id, _view)


def map_sender(request: Request, services: Services) -> Response:
    """Let an AWS identity send for a tenant; 200 where it does so already."""
    asked, raw = read_body(SenderRequest, request, services)
    tenant_id = tenant_of(asked.tenant_id, request, services)

    def make(_: str, at: datetime) -> SenderView:
        sender = Sender(id=asked.sender_id, tenant_id=tenant_id, created_at=at)
        services.accounts.senders.create(sender)
        return _view(sender)

    def made(_: str) -> SenderView | None:
        try:
            sender = services.accounts.senders.get(asked.sender_id)
        except NotFoundError:
            return None
        return _view(sender) if sender.tenant_id == tenant_id else None

    making = Making(prefix="snd", make=make, made=made, exists=_already_mapped, is_removable=True)
    return make_once(request, raw, making, services)


def unmap_sender(request: Request, services: Services) -> Response:
    """Let an AWS identity send for nobody. Done twice it is done."""
    sender_id = request.path_parameter("sender_id")
    if not re.fullmatch(SENDER_PATTERN, sender_id):
        raise Problem.not_found("sender")
    services.accounts.senders.remove(sender_id)
    return Response(status=HTTPStatus.NO_CONTENT)


def _view(sender: Sender) -> SenderView:
    return SenderView(
        id=sender.id,
        object="sender",
        tenant_id=sender.tenant_id,
        created_at=to_iso(sender.created_at),
    )


def _already_mapped() -> Problem:
    return Problem.of(
        HTTPStatus.CONFLICT,
        "sender_already_mapped",
        "This sender sends for another tenant. Remove it first if that is to change.",
    )
