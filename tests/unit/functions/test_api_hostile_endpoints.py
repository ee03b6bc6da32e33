"""No address that must not be dialled gets into an endpoint, be it new or changed."""

import json
from pathlib import Path

import pytest

from tests.unit.functions.api_on_fakes import Api
from tests.unit.functions.webhooks_asking import URL, a_kept_endpoint, ask

CORPUS = json.loads((Path(__file__).parents[2] / "data" / "hostile_urls.json").read_text())
OF_THE_DEPLOYMENT = "our own name"
"""Which name that is, a deployment's settings say; these tests' own has another."""
REFUSED = {400, 422}
"""400 is for half a character, which is no JSON."""
HOSTILE = [url for url, why in CORPUS["deny"] if not why.startswith(OF_THE_DEPLOYMENT)]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_target_is_not_registered(url: str) -> None:
    api = Api()

    answer = ask(api, "POST /v1/webhook_endpoints", body={"url": url})

    assert answer.status in REFUSED
    assert answer.status != 422 or answer.problem["errors"][0]["pointer"] == "#/url"
    assert api.endpoints.all() == []


@pytest.mark.parametrize("url", HOSTILE)
def test_an_endpoint_is_not_moved_to_a_hostile_target(url: str) -> None:
    api = Api()
    endpoint = a_kept_endpoint(api)

    route = "PATCH /v1/webhook_endpoints/{endpoint_id}"
    answer = ask(api, route, endpoint.id, body={"url": url})

    assert answer.status in REFUSED
    assert [kept.url for kept in api.endpoints.all()] == [endpoint.url] == [URL]
