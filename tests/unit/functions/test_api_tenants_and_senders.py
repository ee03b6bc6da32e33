"""``/v1/tenants`` and ``/v1/senders``: the operator's."""

from datetime import timedelta

import pytest

from relay.domain.event import OPERATOR
from relay.domain.idempotency import ACCEPTING_TIME
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.fakes.trouble import Trouble
from tests.unit.functions.accounts_asking import api_with_tenants, as_operator, ask
from tests.unit.functions.api_on_fakes import Api

ROUTES = {
    "GET /v1/tenants",
    "POST /v1/tenants",
    "GET /v1/senders",
    "POST /v1/senders",
    "DELETE /v1/senders/{sender_id}",
}
MAP = "POST /v1/senders"
UNMAP = "DELETE /v1/senders/{sender_id}"
KEY = {"idempotency-key": "first"}
SENDER = {"sender_id": "AROAEXAMPLE", "tenant_id": TENANT}


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_a_tenants_admin_key_is_not_the_operators(route: str) -> None:
    answer = ask(Api(), route, body={}, identifier="AROAEXAMPLE")

    assert (answer.status, answer.problem["code"]) == (403, "operator_only")


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_the_operators_keys_that_are_no_admins_may_not_either(route: str) -> None:
    answer = as_operator(Api(), route, body={}, scopes="jobs:read jobs:write")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_nobody_is_nobody(route: str) -> None:
    assert ask(Api(), route, tenant_id=None).status == 401


class TestTenants:
    def test_a_tenant_is_made_and_listed_the_newest_first(self) -> None:
        api = Api()
        first = as_operator(api, "POST /v1/tenants", body={"name": "Aperture"})
        api.clock.at += timedelta(seconds=1)
        second = as_operator(api, "POST /v1/tenants", body={"name": "Black Mesa"})

        listed = as_operator(api, "GET /v1/tenants").json["data"]

        assert (first.status, second.status) == (201, 201)
        assert first.json["id"].startswith("ten_")
        assert listed == [second.json, first.json]

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 101}, {"name": 1}])
    def test_what_cannot_be_a_tenant_is_422(self, body: object) -> None:
        assert as_operator(Api(), "POST /v1/tenants", body=body).status == 422

    def test_the_same_request_under_a_key_makes_one_tenant(self) -> None:
        api = Api()
        first = as_operator(api, "POST /v1/tenants", body={"name": "Aperture"}, headers=KEY)

        second = as_operator(api, "POST /v1/tenants", body={"name": "Aperture"}, headers=KEY)

        assert (second.status, second.json) == (200, first.json)
        assert second.headers["idempotent-replayed"] == "true"
        assert len(as_operator(api, "GET /v1/tenants").json["data"]) == 1

    def test_a_tenant_that_was_not_made_in_an_outage_is_made_under_the_same_key(self) -> None:
        api = Api(Trouble("tenants.create", times=1))
        first = as_operator(api, "POST /v1/tenants", body={"name": "Aperture"}, headers=KEY)
        api.clock.at += ACCEPTING_TIME

        second = as_operator(api, "POST /v1/tenants", body={"name": "Aperture"}, headers=KEY)

        assert (first.status, second.status) == (503, 201)


class TestSenders:
    def test_a_sender_is_mapped_listed_and_removed(self) -> None:
        api = api_with_tenants()

        mapped = as_operator(api, MAP, body=SENDER)
        listed = as_operator(api, "GET /v1/senders").json["data"]
        removed = as_operator(api, UNMAP, identifier="AROAEXAMPLE")

        assert (mapped.status, mapped.json["id"]) == (201, "AROAEXAMPLE")
        assert listed == [mapped.json]
        assert removed.status == 204
        assert as_operator(api, "GET /v1/senders").json["data"] == []

    def test_a_sender_may_send_for_the_operator(self) -> None:
        body = SENDER | {"tenant_id": OPERATOR}

        assert as_operator(Api(), MAP, body=body).json["tenant_id"] == OPERATOR

    def test_mapped_once_more_to_the_same_tenant_it_is_mapped(self) -> None:
        api = api_with_tenants()
        first = as_operator(api, MAP, body=SENDER)
        api.clock.at = NOON + timedelta(hours=1)

        second = as_operator(api, MAP, body=SENDER)

        assert (second.status, second.json) == (200, first.json)

    def test_a_sender_of_one_tenant_is_not_given_to_another(self) -> None:
        api = api_with_tenants()
        as_operator(api, MAP, body=SENDER)

        answer = as_operator(api, MAP, body=SENDER | {"tenant_id": OTHER_TENANT})

        assert (answer.status, answer.problem["code"]) == (409, "sender_already_mapped")
        assert api.senders.get("AROAEXAMPLE").tenant_id == TENANT

    def test_a_tenant_that_is_not_there_is_404(self) -> None:
        assert as_operator(Api(), MAP, body=SENDER).status == 404

    @pytest.mark.parametrize("sender_id", ["AROAEXAMPLE:session", "", "a b", "x" * 129])
    def test_what_cannot_be_an_identity_is_422(self, sender_id: str) -> None:
        """A session least of all: SQS names a new one each time."""
        answer = as_operator(api_with_tenants(), MAP, body=SENDER | {"sender_id": sender_id})

        assert answer.status == 422

    @pytest.mark.parametrize("sender_id", ["AROAEXAMPLE", "AIDA"])
    def test_a_sender_that_is_nobodys_is_removed_all_the_same(self, sender_id: str) -> None:
        assert as_operator(Api(), UNMAP, identifier=sender_id).status == 204

    def test_what_cannot_be_an_identity_cannot_be_removed(self) -> None:
        assert as_operator(Api(), UNMAP, identifier="a:b").status == 404

    def test_the_same_request_under_a_key_is_the_same_mapping(self) -> None:
        api = api_with_tenants()
        first = as_operator(api, MAP, body=SENDER, headers=KEY)

        second = as_operator(api, MAP, body=SENDER, headers=KEY)

        assert (second.status, second.json) == (200, first.json)
        assert second.headers["idempotent-replayed"] == "true"

    def test_a_mapping_that_failed_may_be_tried_again_at_once(self) -> None:
        api = api_with_tenants(Api(Trouble("senders.create", times=1)))
        first = as_operator(api, MAP, body=SENDER, headers=KEY)

        second = as_operator(api, MAP, body=SENDER, headers=KEY)

        assert (first.status, second.status) == (503, 201)

    def test_a_late_repetition_does_not_bring_back_what_was_removed(self) -> None:
        api = api_with_tenants()
        as_operator(api, MAP, body=SENDER, headers=KEY)
        as_operator(api, UNMAP, identifier="AROAEXAMPLE")
        api.clock.at += ACCEPTING_TIME

        answer = as_operator(api, MAP, body=SENDER, headers=KEY)

        assert answer.status == 404
        assert as_operator(api, "GET /v1/senders").json["data"] == []
