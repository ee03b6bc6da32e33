"""The webhook secret, and what answers without a key."""

import base64
from pathlib import Path

from openapi_spec_validator import validate

import functions.api
from functions.api.routes import ROUTES
from relay import __version__
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.unit.functions.api_on_fakes import MASTER_SECRET, Api


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
