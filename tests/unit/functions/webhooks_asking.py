"""What is asked of the routes of webhook endpoints, events and deliveries."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from relay.domain.content import result_key
from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.ids import TenantId
from relay.domain.job import LEASE_MARGIN, Job
from relay.domain.webhook_endpoint import WebhookEndpoint
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_job, an_endpoint, an_event, completed
from tests.unit.functions.api_on_fakes import JSON, Api, HttpAnswer
from tests.unit.functions.sample_events import ALL_SCOPES, http_event

KEY = {"idempotency-key": "once-4711"}
URL = "https://example.com/hooks"


def ask(  # noqa: PLR0913 - a request has as many parts
    api: Api,
    route: str,
    identifier: str = "",
    *,
    body: object = None,
    tenant_id: TenantId = TENANT,
    scopes: str = ALL_SCOPES,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str | int] | None = None,
) -> HttpAnswer:
    path = route.partition(" ")[2]
    parameter = re.search(r"\{(\w+)\}", path)
    event = http_event(
        route,
        path=path.replace(parameter[0], identifier) if parameter else path,
        path_parameters={parameter[1]: identifier} if parameter else None,
        headers=JSON | dict(headers or {}),
        body=None if body is None else json.dumps(body),
        tenant_id=tenant_id,
        scopes=scopes,
    )
    if query:
        event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    return api.handle(event)


def register(api: Api, **asked: Any) -> dict[str, Any]:
    """Register an endpoint, and return it with its secret."""
    answer = ask(api, "POST /v1/webhook_endpoints", body={"url": URL} | asked)
    assert answer.status == 201, answer.text
    endpoint: dict[str, Any] = answer.json
    return endpoint


def a_finished_job(api: Api) -> Job:
    """Keep a job that has ended at noon and a second, with its answer."""
    claimed = a_job().claimed(NOON, LEASE_MARGIN)
    job = completed(claimed, result=api.contents.put(claimed, result_key(1), b'{"a":1}'))
    api.jobs.submit(job)
    return job


def a_told_event(api: Api, **changes: Any) -> Event:
    """Keep the event of a job's end, and its job."""
    event = replace(an_event(a_finished_job(api)), **changes)
    api.events.put([event])
    return event


def a_kept_endpoint(api: Api, **changes: Any) -> WebhookEndpoint:
    endpoint = an_endpoint(**changes)
    api.endpoints.create(endpoint)
    return endpoint


def a_failed_delivery(api: Api, **changes: Any) -> Delivery:
    """Keep what an endpoint did not get of a job's end, together with job, event and endpoint."""
    event, endpoint = a_told_event(api), a_kept_endpoint(api)
    delivery = delivery_of(event, endpoint, NOON).given_up(NOON, "server answered 500")
    api.deliveries.create(replace(delivery, **changes))
    return replace(delivery, **changes)


def is_replay(answer: HttpAnswer) -> bool:
    return answer.headers.get("idempotent-replayed") == "true"
