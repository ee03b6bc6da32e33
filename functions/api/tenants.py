"""``/v1/tenants``, for the operator's ``admin`` keys; and whom a request may act for."""

from datetime import datetime
from typing import Literal, TypedDict

from functions.api.http import Request, Response
from functions.api.making import Making, make_once, read_body
from functions.api.pages import page_asked, page_response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.account_request import TenantRequest
from relay.domain.errors import NotFoundError
from relay.domain.event import OPERATOR
from relay.domain.ids import TenantId, is_id
from relay.domain.moments import to_iso
from relay.domain.tenant import Tenant


class TenantView(TypedDict):
    """A tenant. The name is for people only."""

    id: str
    object: Literal["tenant"]
    name: str
    created_at: str


class TenantListView(TypedDict):
    """A page of a list."""

    object: Literal["list"]
    data: list[TenantView]
    has_more: bool
    next_cursor: str | None


def list_tenants(request: Request, services: Services) -> Response:
    """Answer with a page of tenants, the newest first. The operator is not among them."""
    asked = page_asked(request)
    tenants = services.accounts.tenants.page(before=asked.before, limit=asked.rows)
    return page_response(tenants, asked, lambda tenant: tenant.id, _view)


def create_tenant(request: Request, services: Services) -> Response:
    """Make a tenant, which has no key yet: that is made by ``POST /v1/api_keys``."""
    asked, raw = read_body(TenantRequest, request, services)

    def make(identifier: str, at: datetime) -> TenantView:
        tenant = Tenant(id=TenantId(identifier), name=asked.name, created_at=at)
        services.accounts.tenants.create(tenant)
        return _view(tenant)

    def made(identifier: str) -> TenantView | None:
        try:
            return _view(services.accounts.tenants.get(TenantId(identifier)))
        except NotFoundError:
            return None

    return make_once(request, raw, Making(prefix="ten", make=make, made=made), services)


def tenant_of(named: str | None, request: Request, services: Services) -> TenantId:
    """Return whom a request acts for: the caller, or whom the operator names.

    Raises:
        Problem: 404; the caller may not act for that tenant, or there is none.
    """
    own = request.caller().tenant_id
    if not named or named == own:
        return own
    if own != OPERATOR or not is_id(named, "ten"):
        raise Problem.not_found("tenant")
    try:
        return services.accounts.tenants.get(TenantId(named)).id
    except NotFoundError as error:
        raise Problem.not_found("tenant") from error


def _view(tenant: Tenant) -> TenantView:
    return TenantView(
        id=tenant.id,
        object="tenant",
        name=tenant.name,
        created_at=to_iso(tenant.created_at),
    )
