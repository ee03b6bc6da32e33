"""Nothing crosses tenants: another's id is just as one that nobody has."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from functions.api.event_routes import EVENT_ROUTES
from functions.api.routes import ROUTES
from functions.api.webhook_routes import WEBHOOK_ROUTES
from relay.domain.content import result_key
from relay.domain.job import LEASE_MARGIN, Job
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, a_job, completed
from tests.unit.functions.api_on_fakes import Api, HttpAnswer
from tests.unit.functions.sample_events import http_event

UNKNOWN = a_job().id[:-1] + "Z"
KEY = {"idempotency-key": "order-4711"}


@dataclass(frozen=True, slots=True)
class Case:
    """What a route does for the owner of a job, so that a refusal of others means something."""

    owner_gets: int
    is_ended: bool = True


ROUTES_WITH_AN_ID = {
    "GET /v1/jobs/{job_id}": Case(200),
    "DELETE /v1/jobs/{job_id}": Case(204),
    "POST /v1/jobs/{job_id}/cancel": Case(200, is_ended=False),
    "POST /v1/jobs/{job_id}/rerun": Case(202),
}

OF_WEBHOOKS = {route.key for route in (*WEBHOOK_ROUTES, *EVENT_ROUTES) if "{" in route.path}


def api_for(case: Case) -> Api:
    """Return an API with one job of our own tenant's, and its content."""
    api = Api()
    job = a_job(tenant_id=TENANT)
    if case.is_ended:
        claimed = job.claimed(NOON, LEASE_MARGIN)
        job = completed(claimed, result=api.contents.put(claimed, result_key(1), b'{"a":1}'))
    api.jobs.submit(job)
    return api


def state_of(api: Api) -> tuple[list[Job], Mapping[str, bytes], int, int]:
    messages, hints = api.queue.messages, api.wheel.all()
    return api.jobs.all(), api.contents.of(a_job().id), len(messages), len(hints)


def test_the_matrix_below_knows_every_route_that_takes_an_id() -> None:
    of_accounts = {"DELETE /v1/api_keys/{key_id}", "DELETE /v1/senders/{sender_id}"}
    # Those of accounts are held by test_api_accounts_isolation, those of webhooks by
    # test_api_webhooks_isolation.
    known = ROUTES_WITH_AN_ID.keys() | of_accounts | OF_WEBHOOKS

    assert {route.key for route in ROUTES if "{" in route.path} == known


@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_to_its_owner_a_job_is_there(route: str) -> None:
    case = ROUTES_WITH_AN_ID[route]

    assert api_for(case).ask(route, a_job().id).status == case.owner_gets


@pytest.mark.parametrize("headers", [{}, KEY], ids=["", "under a key"])
@pytest.mark.parametrize("scopes", ["jobs:read jobs:write", "admin"])
@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_to_another_tenant_a_job_is_not_there_and_stays_as_it_is(
    route: str, scopes: str, headers: dict[str, str]
) -> None:
    api = api_for(ROUTES_WITH_AN_ID[route])
    before = state_of(api)
    as_other: dict[str, Any] = {"tenant_id": OTHER_TENANT, "scopes": scopes, "headers": headers}

    theirs = api.ask(route, a_job().id, **as_other)
    nobodys = api.ask(route, UNKNOWN, **as_other)
    malformed = api.ask(route, "job_x", **as_other)

    assert theirs.status == 404
    assert theirs == nobodys == malformed
    assert TENANT not in theirs.text
    assert state_of(api) == before


@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_a_key_of_the_owner_s_says_nothing_to_another_tenant(route: str) -> None:
    api = api_for(ROUTES_WITH_AN_ID[route])
    api.ask(route, a_job().id, headers=KEY)
    before = state_of(api)

    theirs = api.ask(route, a_job().id, headers=KEY, tenant_id=OTHER_TENANT)

    assert theirs.status == 404
    assert state_of(api) == before


@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_who_asks_is_never_taken_from_the_request_itself(route: str) -> None:
    api = api_for(ROUTES_WITH_AN_ID[route])
    event = http_event(
        route,
        path=route.partition(" ")[2].replace("{job_id}", a_job().id),
        path_parameters={"job_id": a_job().id, "tenant_id": TENANT},
        headers={"tenant_id": TENANT, "x-tenant-id": TENANT},
        body=json.dumps({"tenant_id": TENANT}),
        tenant_id=OTHER_TENANT,
    )
    event["queryStringParameters"] = {"tenant_id": TENANT}

    assert api.handle(event).status == 404


OF_WEBHOOKS_WITHOUT_AN_ID = {
    "GET /v1/webhook_endpoints",
    "POST /v1/webhook_endpoints",
    "GET /v1/webhook_secret",
    "POST /v1/webhook_secret/rotate",
    "GET /v1/events",
    "GET /v1/deliveries",
}
ROUTES_WITHOUT_AN_ID = {route.key for route in ROUTES if "{" not in route.path and route.scope}


def test_what_is_said_of_routes_without_an_id_is_said_of_all_of_them() -> None:
    """Each is tested where it is described: lists, submissions under a key, and secrets."""
    of_jobs = {"POST /v1/jobs", "GET /v1/jobs"}
    of_accounts = {
        f"{method} /v1/{things}"
        for method in ("GET", "POST")
        for things in ("api_keys", "tenants", "senders")
    }

    assert of_jobs | of_accounts | OF_WEBHOOKS_WITHOUT_AN_ID == ROUTES_WITHOUT_AN_ID


def test_another_tenant_s_list_is_as_if_there_were_no_job() -> None:
    api = api_for(Case(200))

    theirs = api.list(OTHER_TENANT)

    assert theirs == Api().list(OTHER_TENANT)
    assert [job["id"] for job in api.list().json["data"]] == [a_job().id]


def answers_of_all_routes(api: Api) -> list[HttpAnswer]:
    return [api.ask(route, a_job().id, tenant_id=OTHER_TENANT) for route in ROUTES_WITH_AN_ID]


def test_a_deleted_job_of_another_tenant_s_is_just_as_little_there() -> None:
    api = api_for(Case(204))
    before = answers_of_all_routes(api)

    api.delete(a_job().id)

    assert answers_of_all_routes(api) == before
