"""``/v1/api_keys``: a tenant's keys."""

from datetime import timedelta

import pytest

from functions.authorizer.handler import make_handler
from relay.domain.api_key import hash_of
from relay.domain.event import OPERATOR
from relay.domain.idempotency import (
    ACCEPTING_TIME,
    IdempotencyKey,
    fingerprint_of,
    reservation,
)
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.fakes.log import ReadableLog
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.accounts_asking import (
    api_with_tenants,
    as_operator,
    ask,
    make_key,
)
from tests.unit.functions.api_on_fakes import Api
from tests.unit.functions.sample_events import sample

CREATE = "POST /v1/api_keys"
LIST = "GET /v1/api_keys"
REVOKE = "DELETE /v1/api_keys/{key_id}"
KEY = {"idempotency-key": "of-ci"}
RESERVED = reservation(
    IdempotencyKey(
        tenant_id=TENANT, route="POST /v1/api_keys", key="of-ci", fingerprint=fingerprint_of(b"{}")
    ),
    an_api_key().id,
    NOON,
)
"""What is left of a request that stopped before it made the key."""


def who_is(api: Api, key: str) -> dict[str, str]:
    """Return what the authorizer says of a key."""
    event = sample("authorizer_request")
    event["headers"]["authorization"] = f"Bearer {key}"
    context: dict[str, str] = make_handler(api.keys, ReadableLog())(event, None)["context"]
    return context


def test_a_new_key_is_shown_and_works_at_once() -> None:
    api = Api()

    answer = ask(api, CREATE, body={"name": "CI", "scopes": ["jobs:read", "webhooks:read"]})

    key = answer.json
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    assert (key["name"], key["tenant_id"], key["revoked_at"]) == ("CI", TENANT, None)
    assert key["created_at"] == to_iso(NOON)
    assert key["key"].endswith(key["last_four"])
    assert who_is(api, key["key"]) == {
        "tenant_id": TENANT,
        "key_id": key["id"],
        "scopes": "jobs:read webhooks:read",
    }


def test_only_its_hash_is_kept_and_nothing_of_it_is_logged() -> None:
    api = Api()

    key = make_key(api)["key"]

    assert key not in repr(api.keys.page(TENANT, before=None, limit=9))
    assert api.keys.get(hash_of(key)).tenant_id == TENANT
    assert key not in api.log.text
    assert api.log.lines[-1].get("job_id") is None


def test_a_key_may_submit_and_read_unless_more_or_less_is_said() -> None:
    assert make_key(Api())["scopes"] == ["jobs:read", "jobs:write"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["jobs:eat"]}, "#/scopes/0"),
        ({"name": "x" * 101}, "#/name"),
        ({"hash": "x"}, "#/hash"),
        ({"tenant_id": ""}, "#/tenant_id"),
    ],
)
def test_what_cannot_be_a_key_is_422_and_makes_none(body: object, pointer: str) -> None:
    api = Api()

    answer = ask(api, CREATE, body=body)

    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert api.keys.page(TENANT, before=None, limit=9) == []


def test_what_is_no_json_is_400() -> None:
    assert ask(Api(), CREATE).status == 400


@pytest.mark.parametrize("scopes", ["jobs:read jobs:write webhooks:read webhooks:write"])
@pytest.mark.parametrize("route", [CREATE, LIST, REVOKE])
def test_only_an_admin_key_manages_keys(route: str, scopes: str) -> None:
    answer = ask(Api(), route, body={}, scopes=scopes)

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")


class TestLists:
    def test_keys_are_listed_the_newest_first_and_without_themselves(self) -> None:
        api = Api()
        made = []
        for number in range(5):
            api.clock.at = NOON + timedelta(seconds=number)
            made.append(make_key(api, body={"name": str(number)}))

        first = ask(api, LIST, query={"limit": "3"}).json
        rest = ask(api, LIST, query={"limit": "3", "cursor": first["next_cursor"]}).json

        assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
        assert [key["name"] for key in first["data"] + rest["data"]] == list("43210")
        assert "key" not in first["data"][0]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ({"limit": "0"}, "#/query/limit"),
            ({"limit": "101"}, "#/query/limit"),
            ({"cursor": "%"}, "#/query/cursor"),
            ({"cursor": "eA" * 200}, "#/query/cursor"),
            ({"name": "CI"}, "#/query/name"),
        ],
    )
    def test_a_parameter_that_cannot_be_is_422(self, query: dict[str, str], pointer: str) -> None:
        answer = ask(Api(), LIST, query=query)

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]


class TestRevoking:
    def test_a_revoked_key_is_refused_and_stays_in_the_list(self) -> None:
        api = Api()
        key = make_key(api)

        answer = ask(api, REVOKE, identifier=key["id"])

        assert answer.status == 204
        assert who_is(api, key["key"]) == {}
        (listed,) = ask(api, LIST).json["data"]
        assert (listed["id"], listed["revoked_at"]) == (key["id"], to_iso(NOON))

    def test_done_twice_it_is_done_and_the_first_moment_counts(self) -> None:
        api = Api()
        key = make_key(api)
        ask(api, REVOKE, identifier=key["id"])
        api.clock.at += timedelta(hours=1)

        assert ask(api, REVOKE, identifier=key["id"]).status == 204

        assert ask(api, LIST).json["data"][0]["revoked_at"] == to_iso(NOON)

    def test_a_key_cannot_revoke_itself(self) -> None:
        """So the last admin key of a tenant stays, and nobody is locked out."""
        api = Api()
        ours = an_api_key(id="key_" + "0" * 26)
        api.keys.create(ours)
        event_key = {"tenant_id": TENANT, "key_id": ours.id, "scopes": "admin"}

        event = sample("api_submit_job")
        event |= {"routeKey": REVOKE, "pathParameters": {"key_id": ours.id}}
        event["requestContext"]["authorizer"] = {"lambda": event_key}
        answer = api.handle(event)

        assert (answer.status, answer.problem["code"]) == (409, "key_in_use")
        assert api.keys.get(ours.hash).revoked_at is None

    @pytest.mark.parametrize("route", [CREATE, REVOKE, "POST /v1/tenants", "POST /v1/senders"])
    def test_a_revoked_key_that_the_gateway_remembers_makes_itself_no_new_one(
        self, route: str
    ) -> None:
        api = Api()
        ours = an_api_key(id="key_" + "0" * 26, tenant_id=OPERATOR)
        api.keys.create(ours)
        api.keys.revoke(ours, at=NOON)

        event = sample("api_submit_job")
        event |= {"routeKey": route, "pathParameters": {"key_id": an_api_key().id}, "body": "{}"}
        event["requestContext"]["authorizer"] = {
            "lambda": {"tenant_id": OPERATOR, "key_id": ours.id, "scopes": "admin"}
        }
        answer = api.handle(event)

        assert (answer.status, answer.problem["code"]) == (401, "unauthorized")
        assert [key.id for key in api.keys.page(OPERATOR, before=None, limit=9)] == [ours.id]

    @pytest.mark.parametrize("key_id", ["key_x", an_api_key().id, "job_" + "0" * 26])
    def test_a_key_that_is_not_there_is_404(self, key_id: str) -> None:
        assert ask(Api(), REVOKE, identifier=key_id).status == 404


class TestUnderAnIdempotencyKey:
    def test_the_second_request_gets_the_same_key_and_not_a_sight_of_it(self) -> None:
        api = Api()
        first = ask(api, CREATE, body={}, headers=KEY)

        second = ask(api, CREATE, body={}, headers=KEY)

        assert (first.status, second.status) == (201, 200)
        assert second.headers["idempotent-replayed"] == "true"
        assert second.json == first.json | {"key": None}
        assert len(api.keys.page(TENANT, before=None, limit=9)) == 1

    def test_another_request_is_422(self) -> None:
        api = Api()
        ask(api, CREATE, body={}, headers=KEY)

        answer = ask(api, CREATE, body={"name": "CI"}, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")

    def test_after_a_crash_whoever_comes_waits_and_then_makes_it(self) -> None:
        api = Api(Trouble("keys.create", Crash(), times=1))
        with pytest.raises(Crash):
            ask(api, CREATE, body={}, headers=KEY)

        waits = ask(api, CREATE, body={}, headers=KEY)
        api.clock.at += ACCEPTING_TIME
        made = ask(api, CREATE, body={}, headers=KEY)

        assert (waits.status, waits.problem["code"]) == (409, "still_being_accepted")
        assert made.status == 201
        assert who_is(api, made.json["key"])["key_id"] == made.json["id"]
        assert len(api.keys.page(TENANT, before=None, limit=9)) == 1

    def test_a_key_that_nobody_was_shown_is_listed_and_can_be_revoked(self) -> None:
        api = Api(Trouble("keys.create", is_after=True, times=1))
        lost = ask(api, CREATE, body={}, headers=KEY)

        again = ask(api, CREATE, body={}, headers=KEY)

        assert (lost.status, again.status, again.json["key"]) == (503, 200, None)
        assert ask(api, REVOKE, identifier=again.json["id"]).status == 204

    @pytest.mark.parametrize(
        ("later", "status"),
        [(timedelta(seconds=1), 409), (timedelta(), 200)],
        ids=["a second apart", "at the same moment"],
    )
    def test_of_two_who_take_over_one_makes_the_key(self, later: timedelta, status: int) -> None:
        rival = Meanwhile("idempotency.take_over")
        api = Api(rival)
        api.idempotency.reserve(RESERVED, at=NOON)
        api.clock.at += ACCEPTING_TIME

        def make_it_first() -> None:
            api.clock.at += later
            ask(api, CREATE, body={}, headers=KEY)

        rival.act = make_it_first
        answer = ask(api, CREATE, body={}, headers=KEY)

        assert answer.status == status
        assert '"key":"mrl_live' not in answer.text
        assert len(api.keys.page(TENANT, before=None, limit=9)) == 1


class TestForTheOperator:
    def test_the_operator_makes_lists_and_revokes_a_tenants_keys(self) -> None:
        api = api_with_tenants()
        of_theirs = {"tenant_id": TENANT}

        key = as_operator(api, CREATE, body={"tenant_id": TENANT, "scopes": ["admin"]}).json
        listed = as_operator(api, LIST, query=of_theirs).json["data"]
        revoked = as_operator(api, REVOKE, identifier=key["id"], query=of_theirs)

        assert key["tenant_id"] == TENANT
        assert [one["id"] for one in listed] == [key["id"]]
        assert revoked.status == 204
        assert who_is(api, key["key"]) == {}

    def test_without_a_tenant_it_is_the_operators_own_keys(self) -> None:
        api = api_with_tenants()

        assert as_operator(api, CREATE, body={}).json["tenant_id"] == OPERATOR

    @pytest.mark.parametrize("tenant_id", ["ten_x", "ten_" + "0" * 26, "local"])
    def test_a_tenant_that_is_not_there_is_404(self, tenant_id: str) -> None:
        api = api_with_tenants()

        answer = as_operator(api, CREATE, body={"tenant_id": tenant_id})

        assert answer.status == 404

    def test_the_same_request_for_another_tenant_is_another_request(self) -> None:
        api = api_with_tenants()
        as_operator(api, CREATE, body={"tenant_id": TENANT}, headers=KEY)

        answer = as_operator(api, CREATE, body={"tenant_id": OTHER_TENANT}, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("call", ["keys.create", "keys.page", "keys.find", "keys.revoke"])
def test_an_outage_is_503(call: str) -> None:
    api = Api(Trouble(call))
    key_id = an_api_key().id
    api_key_is_there = call == "keys.revoke"
    if api_key_is_there:
        api.keys.create(an_api_key())

    answers = {
        "keys.create": lambda: ask(api, CREATE, body={}),
        "keys.page": lambda: ask(api, LIST),
        "keys.find": lambda: ask(api, REVOKE, identifier=key_id),
        "keys.revoke": lambda: ask(api, REVOKE, identifier=key_id),
    }

    assert answers[call]().status == 503
