"""Nothing of webhooks crosses tenants: another's id is just as one that nobody has."""

from dataclasses import dataclass
from typing import Any

import pytest

from functions.api.event_routes import EVENT_ROUTES
from functions.api.webhook_routes import WEBHOOK_ROUTES
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, an_endpoint, an_endpoint_id
from tests.unit.functions.api_on_fakes import Api
from tests.unit.functions.webhooks_asking import KEY, URL, a_failed_delivery, ask

ENDPOINT = an_endpoint().id
DELIVERY = a_failed_delivery(Api()).id
EVENT = a_failed_delivery(Api()).event_id


@dataclass(frozen=True, slots=True)
class Case:
    """What a route does for the owner, so that a refusal of others means something."""

    identifier: str
    owner_gets: int
    body: object = None

    @property
    def unknown(self) -> str:
        """An id of this kind that nobody has."""
        return self.identifier[:-1] + "Z"


_OF_ENDPOINT = "/v1/webhook_endpoints/{endpoint_id}"
ROUTES_WITH_AN_ID = {
    f"GET {_OF_ENDPOINT}": Case(ENDPOINT, 200),
    f"PATCH {_OF_ENDPOINT}": Case(ENDPOINT, 200, {"description": "mine"}),
    f"DELETE {_OF_ENDPOINT}": Case(ENDPOINT, 204),
    f"POST {_OF_ENDPOINT}/rotate_secret": Case(ENDPOINT, 200),
    f"POST {_OF_ENDPOINT}/test": Case(ENDPOINT, 202),
    f"POST {_OF_ENDPOINT}/enable": Case(ENDPOINT, 200),
    f"POST {_OF_ENDPOINT}/recover": Case(ENDPOINT, 202, {"since": "2026-11-21T11:00:00Z"}),
    "GET /v1/events/{event_id}": Case(EVENT, 200),
    "POST /v1/events/{event_id}/redeliver": Case(EVENT, 202, {"endpoint_id": ENDPOINT}),
    "GET /v1/deliveries/{delivery_id}": Case(DELIVERY, 200),
    "POST /v1/deliveries/{delivery_id}/redeliver": Case(DELIVERY, 202),
}


def api_with_everything() -> Api:
    api = Api()
    a_failed_delivery(api)
    return api


def state_of(api: Api) -> tuple[object, ...]:
    stores = (api.endpoints, api.deliveries, api.events, api.recoveries, api.wheel)
    return (*(list(store.all()) for store in stores), len(api.deliveries_queue.messages))


def test_the_matrix_knows_every_route_that_takes_an_id() -> None:
    routes = (*WEBHOOK_ROUTES, *EVENT_ROUTES)

    assert {it.key for it in routes if "{" in it.path} == ROUTES_WITH_AN_ID.keys()


@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_to_its_owner_it_is_there(route: str) -> None:
    case = ROUTES_WITH_AN_ID[route]

    answer = ask(api_with_everything(), route, case.identifier, body=case.body)

    assert answer.status == case.owner_gets


@pytest.mark.parametrize("headers", [{}, KEY], ids=["", "under a key"])
@pytest.mark.parametrize("scopes", ["webhooks:read webhooks:write", "admin"])
@pytest.mark.parametrize("route", ROUTES_WITH_AN_ID)
def test_to_another_tenant_it_is_not_there_and_stays_as_it_is(
    route: str, scopes: str, headers: dict[str, str]
) -> None:
    api, case = api_with_everything(), ROUTES_WITH_AN_ID[route]
    ask(api, route, case.unknown, body=case.body, headers=headers)
    before = state_of(api)
    more: dict[str, Any] = {
        "tenant_id": OTHER_TENANT,
        "scopes": scopes,
        "headers": headers,
        "body": case.body,
    }

    theirs, nobodys, malformed = (
        ask(api, route, it, **more) for it in (case.identifier, case.unknown, "x_1")
    )

    assert theirs.status == 404
    assert theirs == nobodys == malformed
    assert TENANT not in theirs.text
    assert state_of(api) == before


def test_an_event_of_one_s_own_does_not_go_to_another_tenant_s_endpoint() -> None:
    api = api_with_everything()
    theirs = an_endpoint(id=an_endpoint_id(2), tenant_id=OTHER_TENANT)
    api.endpoints.create(theirs)
    before = state_of(api)

    answer = ask(
        api, "POST /v1/events/{event_id}/redeliver", EVENT, body={"endpoint_id": theirs.id}
    )

    assert answer.status == 404
    assert state_of(api) == before


@pytest.mark.parametrize(
    "route", ["GET /v1/webhook_endpoints", "GET /v1/events", "GET /v1/deliveries"]
)
def test_another_tenant_s_lists_are_as_if_there_were_nothing(route: str) -> None:
    api = api_with_everything()
    api.clock.at = NOON.replace(minute=5)

    theirs = ask(api, route, tenant_id=OTHER_TENANT)

    assert theirs == ask(Api(), route, tenant_id=OTHER_TENANT)
    assert len(ask(api, route).json["data"]) == 1


def test_endpoints_of_other_tenants_count_towards_nobody_else_s_limit() -> None:
    api = Api()
    for number in range(1, 101):
        api.endpoints.create(an_endpoint(id=an_endpoint_id(number), tenant_id=OTHER_TENANT))

    assert ask(api, "POST /v1/webhook_endpoints", body={"url": URL}).status == 201


def test_a_key_of_the_owner_s_says_nothing_to_another_tenant() -> None:
    api = api_with_everything()
    route, body = f"POST {_OF_ENDPOINT}/recover", {"since": to_iso(NOON.replace(hour=11))}
    ask(api, route, ENDPOINT, body=body, headers=KEY)

    theirs = ask(api, route, ENDPOINT, body=body, headers=KEY, tenant_id=OTHER_TENANT)

    assert theirs.status == 404
