"""``/v1/api_keys``: a tenant's keys, for its ``admin`` keys, and for the operator's."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal, TypedDict

from functions.api.http import QueryParameter, Request, Response
from functions.api.making import Making, make_once, read_body
from functions.api.pages import PAGE_PARAMETERS, page_asked, page_response
from functions.api.problems import Problem
from functions.api.services import Services
from functions.api.tenants import tenant_of
from relay.domain.account_request import KeyRequest
from relay.domain.api_key import RANDOM_BYTES, ApiKey, hash_of, last_four_of, new_key
from relay.domain.errors import NotFoundError
from relay.domain.ids import is_id
from relay.domain.moments import to_iso

TENANT_PARAMETER = {
    "tenant_id": QueryParameter("Whose keys: another tenant's for the operator's keys only")
}
LIST_PARAMETERS = TENANT_PARAMETER | PAGE_PARAMETERS


class ApiKeyView(TypedDict):
    """What is kept of a key."""

    id: str
    object: Literal["api_key"]
    tenant_id: str
    name: str
    scopes: list[str]
    last_four: str
    created_at: str
    revoked_at: str | None


class NewApiKeyView(ApiKeyView):
    """A new key. ``key`` is the key itself, shown this once; null where it was made before."""

    key: str | None


class ApiKeyListView(TypedDict):
    """A page of a list."""

    object: Literal["list"]
    data: list[ApiKeyView]
    has_more: bool
    next_cursor: str | None


def list_api_keys(request: Request, services: Services) -> Response:
    """Answer with a page of keys, revoked ones included, the newest first."""
    asked = page_asked(request, list(TENANT_PARAMETER))
    tenant_id = tenant_of(request.query("tenant_id"), request, services)
    keys = services.accounts.keys.page(tenant_id, before=asked.before, limit=asked.rows)
    return page_response(keys, asked, lambda key: key.id, _view)


def create_api_key(request: Request, services: Services) -> Response:
    """Make a key and show it. Under an ``Idempotency-Key`` it is the same key, shown once."""
    asked, raw = read_body(KeyRequest, request, services)
    tenant_id = tenant_of(asked.tenant_id, request, services)

    def make(identifier: str, at: datetime) -> NewApiKeyView:
        secret = new_key(services.accounts.dice.randomness(RANDOM_BYTES))
        key = ApiKey(
            id=identifier,
            hash=hash_of(secret),
            last_four=last_four_of(secret),
            tenant_id=tenant_id,
            scopes=frozenset(asked.scopes),
            created_at=at,
            name=asked.name,
        )
        services.accounts.keys.create(key)
        return NewApiKeyView(**_view(key), key=secret)

    def made(identifier: str) -> NewApiKeyView | None:
        try:
            key = services.accounts.keys.find(tenant_id, identifier)
        except NotFoundError:
            return None
        return NewApiKeyView(**_view(key), key=None)

    return make_once(request, raw, Making(prefix="key", make=make, made=made), services)


def revoke_api_key(request: Request, services: Services) -> Response:
    """Let a key be of no more use, within the minute that the gateway remembers it."""
    key_id = request.path_parameter("key_id")
    tenant_id = tenant_of(request.query("tenant_id"), request, services)
    if not is_id(key_id, "key"):
        raise Problem.not_found("key")
    try:
        key = services.accounts.keys.find(tenant_id, key_id)
        if key.id == request.caller().key_id:
            raise Problem.of(
                HTTPStatus.CONFLICT,
                "key_in_use",
                "A key cannot revoke itself, so that nobody locks themselves out."
                " Use another admin key.",
            )
        services.accounts.keys.revoke(key, at=services.clock.now())
    except NotFoundError as error:
        raise Problem.not_found("key") from error
    return Response(status=HTTPStatus.NO_CONTENT)


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        object="api_key",
        tenant_id=key.tenant_id,
        name=key.name,
        scopes=sorted(key.scopes),
        last_four=key.last_four,
        created_at=to_iso(key.created_at),
        revoked_at=to_iso(key.revoked_at) if key.revoked_at else None,
    )
