"""What is asked of the routes of keys, tenants and senders."""

import json
from collections.abc import Mapping
from typing import Any

from relay.domain.event import OPERATOR
from relay.domain.ids import TenantId
from relay.domain.tenant import Tenant
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.unit.functions.api_on_fakes import JSON, Api, HttpAnswer
from tests.unit.functions.sample_events import http_event

ADMIN = "admin"


def api_with_tenants(api: Api | None = None) -> Api:
    """Return an API that knows two tenants."""
    api = api or Api()
    for tenant_id in (TENANT, OTHER_TENANT):
        api.tenants.create(Tenant(id=tenant_id, name="Aperture", created_at=NOON))
    return api


def ask(  # noqa: PLR0913 - a request has as many parts
    api: Api,
    route: str,
    *,
    body: object = None,
    identifier: str = "",
    tenant_id: TenantId | None = TENANT,
    scopes: str = ADMIN,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> HttpAnswer:
    _, _, path = route.partition(" ")
    start, brace, parameter = path.partition("{")
    event = http_event(
        route,
        path=start + identifier,
        path_parameters={parameter.rstrip("}"): identifier} if brace else None,
        headers=JSON | dict(headers or {}),
        body=None if body is None else json.dumps(body),
        tenant_id=tenant_id,
        scopes=scopes,
    )
    if query:
        event["queryStringParameters"] = dict(query)
    return api.handle(event)


def as_operator(api: Api, route: str, **more: Any) -> HttpAnswer:
    return ask(api, route, tenant_id=OPERATOR, **more)


def make_key(api: Api, **more: Any) -> dict[str, Any]:
    answer = ask(api, "POST /v1/api_keys", body=more.pop("body", {}), **more)
    assert answer.status == 201
    key: dict[str, Any] = answer.json
    return key
