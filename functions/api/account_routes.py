"""The routes of keys, tenants and senders."""

from http import HTTPStatus

from functions.api.api_keys import (
    LIST_PARAMETERS,
    TENANT_PARAMETER,
    ApiKeyListView,
    NewApiKeyView,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
from functions.api.pages import PAGE_PARAMETERS
from functions.api.route import OF_ANY_KEY, Route
from functions.api.senders import (
    SenderListView,
    SenderView,
    list_senders,
    map_sender,
    unmap_sender,
)
from functions.api.tenants import TenantListView, TenantView, create_tenant, list_tenants
from relay.domain.account_request import KeyRequest, SenderRequest, TenantRequest
from relay.domain.api_key import Scope

_OF_MAKING = (
    HTTPStatus.BAD_REQUEST,
    *OF_ANY_KEY,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_OF_LISTING = (*OF_ANY_KEY, HTTPStatus.UNPROCESSABLE_ENTITY)

ACCOUNT_ROUTES = (
    Route(
        method="GET",
        path="/v1/api_keys",
        act=list_api_keys,
        scope=Scope.ADMIN,
        summary="List API keys, the newest first",
        answer=ApiKeyListView,
        statuses={HTTPStatus.OK: "A page of keys, without the keys themselves"},
        problems=(*_OF_LISTING, HTTPStatus.NOT_FOUND),
        parameters=LIST_PARAMETERS,
    ),
    Route(
        method="POST",
        path="/v1/api_keys",
        act=create_api_key,
        scope=Scope.ADMIN,
        summary="Make an API key, which is shown this once",
        body=KeyRequest,
        answer=NewApiKeyView,
        statuses={
            HTTPStatus.CREATED: "The key",
            HTTPStatus.OK: "The key that was made before under the same key, without itself",
        },
        problems=_OF_MAKING,
        takes_key=True,
    ),
    Route(
        method="DELETE",
        path="/v1/api_keys/{key_id}",
        act=revoke_api_key,
        scope=Scope.ADMIN,
        summary="Revoke an API key",
        answer=None,
        statuses={HTTPStatus.NO_CONTENT: "The key is refused, within a minute"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        parameters=TENANT_PARAMETER,
    ),
    Route(
        method="GET",
        path="/v1/tenants",
        act=list_tenants,
        scope=Scope.ADMIN,
        is_operators=True,
        summary="List tenants, the newest first",
        answer=TenantListView,
        statuses={HTTPStatus.OK: "A page of tenants"},
        problems=_OF_LISTING,
        parameters=PAGE_PARAMETERS,
    ),
    Route(
        method="POST",
        path="/v1/tenants",
        act=create_tenant,
        scope=Scope.ADMIN,
        is_operators=True,
        summary="Make a tenant",
        body=TenantRequest,
        answer=TenantView,
        statuses={
            HTTPStatus.CREATED: "The tenant",
            HTTPStatus.OK: "The tenant that was made before under the same key",
        },
        problems=_OF_MAKING,
        takes_key=True,
    ),
    Route(
        method="GET",
        path="/v1/senders",
        act=list_senders,
        scope=Scope.ADMIN,
        is_operators=True,
        summary="List who may send to the submissions queue, and for whom",
        answer=SenderListView,
        statuses={HTTPStatus.OK: "A page of senders"},
        problems=_OF_LISTING,
        parameters=PAGE_PARAMETERS,
    ),
    Route(
        method="POST",
        path="/v1/senders",
        act=map_sender,
        scope=Scope.ADMIN,
        is_operators=True,
        summary="Let an AWS identity send for a tenant",
        body=SenderRequest,
        answer=SenderView,
        statuses={
            HTTPStatus.CREATED: "The sender",
            HTTPStatus.OK: "The sender, who sends for this tenant already",
        },
        problems=_OF_MAKING,
        takes_key=True,
    ),
    Route(
        method="DELETE",
        path="/v1/senders/{sender_id}",
        act=unmap_sender,
        scope=Scope.ADMIN,
        is_operators=True,
        summary="Let an AWS identity send for nobody",
        answer=None,
        statuses={HTTPStatus.NO_CONTENT: "The sender is nobody's"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
    ),
)
