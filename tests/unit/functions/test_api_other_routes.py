"""The webhook secret, and what answers without a key."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from openapi_spec_validator import validate

import functions.api
from functions.api.routes import ROUTES
from relay import __version__
from tests.fakes.examples import OTHER_TENANT, TENANT, a_job
from tests.unit.functions.api_on_fakes import MASTER_SECRET, Api, HttpAnswer
from tests.unit.functions.sample_events import http_event


def test_the_webhook_secret_is_one_that_standard_webhooks_takes() -> None:
    answer = Api().ask("GET /v1/webhook_secret")

    assert answer.status == 200
    assert answer.json.keys() == {"secret", "previous_until"}
    assert answer.json["previous_until"] is None
    scheme, _, key = answer.json["secret"].partition("_")
    assert scheme == "whsec"
    assert len(base64.b64decode(key, validate=True)) == 32


def test_the_webhook_secret_is_kept_by_nobody_on_the_way() -> None:
    assert Api().ask("GET /v1/webhook_secret").headers["cache-control"] == "no-store"


def test_the_webhook_secret_is_the_same_at_each_read() -> None:
    api = Api()

    first = api.ask("GET /v1/webhook_secret").json
    second = Api().ask("GET /v1/webhook_secret").json

    assert first == api.ask("GET /v1/webhook_secret").json == second


def test_each_tenant_has_a_webhook_secret_of_its_own() -> None:
    api = Api()

    ours = api.ask("GET /v1/webhook_secret", tenant_id=TENANT).json["secret"]
    others = api.ask("GET /v1/webhook_secret", tenant_id=OTHER_TENANT).json["secret"]

    assert ours != others


def test_no_webhook_secret_reaches_the_log() -> None:
    api = Api()

    secret = api.ask("GET /v1/webhook_secret").json["secret"]

    assert secret not in api.log.text
    assert MASTER_SECRET not in api.log.text


def test_a_sign_of_life_needs_no_key() -> None:
    answer = Api().ask("GET /v1/health", tenant_id=None)

    assert answer.status == 200
    assert answer.json == {"status": "ok", "version": __version__}


def test_the_description_needs_no_key_and_may_be_kept_for_a_while() -> None:
    answer = Api().ask("GET /openapi.json", tenant_id=None)

    assert answer.status == 200
    assert answer.json["openapi"].startswith("3.1")
    assert "max-age" in answer.headers["cache-control"]


def test_the_description_is_the_file_beside_the_code_byte_for_byte() -> None:
    file = Path(functions.api.__path__[0]) / "openapi.json"

    assert Api().ask("GET /openapi.json").text == file.read_text("utf-8")


def test_the_description_is_a_valid_one() -> None:
    validate(Api().ask("GET /openapi.json").json)


def test_the_description_names_just_the_routes_that_there_are() -> None:
    paths = Api().ask("GET /openapi.json").json["paths"]

    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert described == {route.key for route in ROUTES}


ROUTES_WITH_AN_ID: dict[str, Callable[[Api, str], HttpAnswer]] = {
    "GET /v1/jobs/{job_id}": lambda api, job_id: api.get(job_id, tenant_id=OTHER_TENANT),
}


def test_the_matrix_below_knows_every_route_that_takes_an_id() -> None:
    assert {route.key for route in ROUTES if "{" in route.path} == ROUTES_WITH_AN_ID.keys()


@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_to_another_tenant_a_job_is_not_there_and_stays_as_it_is(route: str) -> None:
    api = Api()
    api.jobs.submit(a_job(tenant_id=TENANT))
    before = api.jobs.all()
    unknown = a_job().id[:-1] + "Z"

    theirs = ROUTES_WITH_AN_ID[route](api, a_job().id)
    nobodys = ROUTES_WITH_AN_ID[route](api, unknown)

    assert theirs.status == nobodys.status == 404
    assert theirs.headers == nobodys.headers
    assert theirs.problem == nobodys.problem
    assert TENANT not in theirs.text
    assert api.jobs.all() == before


def test_an_admin_of_another_tenant_is_just_another_tenant() -> None:
    api = Api()
    api.jobs.submit(a_job(tenant_id=TENANT))

    assert api.get(a_job().id, tenant_id=OTHER_TENANT, scopes="admin").status == 404


def test_who_asks_is_never_taken_from_the_request_itself() -> None:
    api = Api()
    api.jobs.submit(a_job(tenant_id=TENANT))
    event = http_event(
        "GET /v1/jobs/{job_id}",
        path=f"/v1/jobs/{a_job().id}",
        path_parameters={"job_id": a_job().id, "tenant_id": TENANT},
        headers={"tenant_id": TENANT, "x-tenant-id": TENANT},
        body=json.dumps({"tenant_id": TENANT}),
        tenant_id=OTHER_TENANT,
    )
    event["queryStringParameters"] = {"tenant_id": TENANT}

    assert api.handle(event).status == 404
