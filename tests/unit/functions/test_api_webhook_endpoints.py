"""``/v1/webhook_endpoints``: registering, listing, changing and deleting."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.event_types import EVENT_TYPES
from relay.domain.idempotency import ACCEPTING_TIME
from relay.domain.moments import to_iso
from relay.domain.signing import endpoint_secret
from relay.domain.webhook_endpoint import ENDPOINTS_MAX, DisabledReason
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_endpoint, an_endpoint_id
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.api_on_fakes import MASTER_SECRET, Api
from tests.unit.functions.webhooks_asking import (
    KEY,
    URL,
    a_kept_endpoint,
    ask,
    is_replay,
    register,
)

CREATE = "POST /v1/webhook_endpoints"
LIST = "GET /v1/webhook_endpoints"
GET = "GET /v1/webhook_endpoints/{endpoint_id}"
PATCH = "PATCH /v1/webhook_endpoints/{endpoint_id}"
DELETE = "DELETE /v1/webhook_endpoints/{endpoint_id}"


class TestRegistering:
    def test_an_endpoint_is_registered_with_the_defaults_and_its_secret_is_shown(self) -> None:
        api = Api()

        answer = ask(api, CREATE, body={"url": URL})

        made = answer.json
        secret = made.pop("secret")
        assert answer.status == 201
        assert answer.headers["cache-control"] == "no-store"
        assert made == {
            "id": api.endpoints.all()[0].id,
            "object": "webhook_endpoint",
            "url": URL,
            "event_types": ["job.*"],
            "payload": "full",
            "legacy_signature": False,
            "status": "enabled",
            "disabled_reason": None,
            "description": "",
            "metadata": {},
            "created_at": to_iso(NOON),
        }
        (endpoint,) = api.endpoints.all()
        assert secret == endpoint_secret(MASTER_SECRET, TENANT, endpoint.id, version=1).text
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32

    def test_all_that_can_be_said_of_an_endpoint_is_kept(self) -> None:
        said = {
            "event_types": ["job.completed", "*", "job.completed"],
            "payload": "thin",
            "legacy_signature": True,
            "description": "Orders",
            "metadata": {"team": "orders"},
        }
        api = Api()

        made = register(api, **said)

        assert (
            ask(api, GET, made["id"]).json.items()
            >= (said | {"event_types": ["job.completed", "*"]}).items()
        )
        assert "secret" not in ask(api, GET, made["id"]).json

    @pytest.mark.parametrize(
        ("asked", "pointer"),
        [
            ({"url": "http://example.com/hooks"}, "#/url"),
            ({"url": "https://127.0.0.1/hooks"}, "#/url"),
            ({"url": "https://169.254.169.254/latest"}, "#/url"),
            ({"url": 1}, "#/url"),
            ({"event_types": []}, "#/event_types"),
            ({"event_types": ["job.*"] * 51}, "#/event_types"),
            ({"event_types": ["job.*", "job"]}, "#/event_types/1"),
            ({"event_types": ["job.done"]}, "#/event_types/0"),
            ({"event_types": ["batches.*"]}, "#/event_types/0"),
            ({"event_types": ["x" * 101]}, "#/event_types/0"),
            ({"payload": "fat"}, "#/payload"),
            ({"legacy_signature": "yes"}, "#/legacy_signature"),
            ({"description": "x" * 501}, "#/description"),
            ({"metadata": {str(n): "" for n in range(17)}}, "#/metadata"),
            ({"metadata": {"a": "x" * 513}}, "#/metadata/a"),
            ({"secret": "whsec_mine"}, "#/secret"),
        ],
    )
    def test_what_cannot_be_an_endpoint_is_422_and_makes_none(
        self, asked: dict[str, Any], pointer: str
    ) -> None:
        api = Api()

        answer = ask(api, CREATE, body={"url": URL} | asked)

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
        assert api.endpoints.all() == []

    def test_a_pattern_that_no_type_matches_is_refused_with_all_types_there_are(self) -> None:
        answer = ask(Api(), CREATE, body={"url": URL, "event_types": ["job.finished"]})

        (error,) = answer.problem["errors"]
        assert all(event_type in error["message"] for event_type in EVENT_TYPES)
        assert "job.finished" not in error["message"]

    def test_what_is_no_json_is_400(self) -> None:
        assert ask(Api(), CREATE).status == 400

    def test_a_tenant_has_so_many_endpoints_and_no_more(self) -> None:
        api = Api()
        for number in range(1, ENDPOINTS_MAX):
            a_kept_endpoint(api, id=an_endpoint_id(number))

        last = ask(api, CREATE, body={"url": URL}, headers=KEY)
        refused = ask(api, CREATE, body={"url": URL})
        again = ask(api, CREATE, body={"url": URL}, headers=KEY)

        assert (refused.status, refused.problem["code"]) == (409, "endpoint_limit_reached")
        assert len(api.endpoints.all()) == ENDPOINTS_MAX
        assert (again.status, again.json) == (200, last.json)

    def test_a_refusal_uses_up_no_key(self) -> None:
        api = Api()
        for number in range(1, ENDPOINTS_MAX + 1):
            a_kept_endpoint(api, id=an_endpoint_id(number))
        ask(api, CREATE, body={"url": URL}, headers=KEY)
        ask(api, DELETE, an_endpoint_id(1))

        assert ask(api, CREATE, body={"url": URL}, headers=KEY).status == 201

    def test_no_secret_reaches_the_log_or_is_kept(self) -> None:
        api = Api()

        made = register(api)

        assert made["secret"] not in api.log.text
        assert MASTER_SECRET not in api.log.text
        assert made["secret"] not in repr(api.endpoints.all())


class TestRegisteringUnderAKey:
    def test_the_same_request_again_is_the_same_endpoint_with_the_same_secret(self) -> None:
        api = Api()
        first = ask(api, CREATE, body={"url": URL}, headers=KEY)

        second = ask(api, CREATE, body={"url": URL}, headers=KEY)

        assert (first.status, second.status) == (201, 200)
        assert second.json == first.json
        assert (is_replay(first), is_replay(second)) == (False, True)
        assert len(api.endpoints.all()) == 1

    def test_another_request_is_422(self) -> None:
        api = Api()
        ask(api, CREATE, body={"url": URL}, headers=KEY)

        answer = ask(api, CREATE, body={"url": f"{URL}/2"}, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")
        assert len(api.endpoints.all()) == 1

    def test_after_a_crash_the_next_try_makes_it(self) -> None:
        api = Api(Trouble("endpoints.create", Crash(), times=1))
        with pytest.raises(Crash):
            ask(api, CREATE, body={"url": URL}, headers=KEY)

        answer = ask(api, CREATE, body={"url": URL}, headers=KEY)

        assert answer.status == 201
        assert len(api.endpoints.all()) == 1

    def test_a_deleted_endpoint_is_not_made_again(self) -> None:
        api = Api()
        made = ask(api, CREATE, body={"url": URL}, headers=KEY).json
        api.clock.at += ACCEPTING_TIME

        ask(api, DELETE, made["id"])
        answer = ask(api, CREATE, body={"url": URL}, headers=KEY)

        assert answer.status == 404
        assert api.endpoints.all() == []

    def test_of_two_at_the_same_moment_one_makes_it_and_both_are_shown_it(self) -> None:
        rival = Meanwhile("endpoints.create")
        api = Api(rival)
        answers = []

        rival.act = lambda: answers.append(ask(api, CREATE, body={"url": URL}, headers=KEY))
        answers.append(ask(api, CREATE, body={"url": URL}, headers=KEY))

        assert answers[0].json == answers[1].json
        assert len(api.endpoints.all()) == 1


class TestLists:
    def test_endpoints_are_listed_the_newest_first_and_without_their_secrets(self) -> None:
        api = Api()
        for number in range(5):
            api.clock.at = NOON + timedelta(seconds=number)
            register(api, description=str(number))

        first = ask(api, LIST, query={"limit": 3}).json
        rest = ask(api, LIST, query={"limit": 3, "cursor": first["next_cursor"]}).json

        assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)
        assert [it["description"] for it in first["data"] + rest["data"]] == list("43210")
        assert "secret" not in first["data"][0]

    @pytest.mark.parametrize("name", ["limit", "cursor", "status"])
    def test_a_parameter_that_cannot_be_is_422(self, name: str) -> None:
        answer = ask(Api(), LIST, query={name: "%"})

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [f"#/query/{name}"]


class TestChanging:
    def test_what_is_named_is_changed_and_the_rest_stays(self) -> None:
        api = Api()
        made = register(api, description="Orders", metadata={"a": "1"})
        secret = made.pop("secret")
        changes = {
            "url": "https://example.com/other",
            "event_types": ["job.failed"],
            "payload": "thin",
            "legacy_signature": True,
            "metadata": {"b": "2"},
        }

        answer = ask(api, PATCH, made["id"], body=changes | {"description": None})

        assert answer.status == 200
        assert answer.json == made | changes
        assert ask(api, GET, made["id"]).json == answer.json
        assert secret not in answer.text

    def test_disabled_by_hand_says_so_and_enabled_again_it_has_a_clean_slate(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api, failing_since=NOON)

        disabled = ask(api, PATCH, endpoint.id, body={"status": "disabled"}).json
        enabled = ask(api, PATCH, endpoint.id, body={"status": "enabled"}).json

        assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "manual")
        assert (enabled["status"], enabled["disabled_reason"]) == ("enabled", None)
        assert api.endpoints.all()[0].failing_since is None

    def test_disabling_what_is_disabled_leaves_the_reason(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        api.endpoints.save(endpoint, endpoint.disabled(DisabledReason.GONE))

        answer = ask(api, PATCH, endpoint.id, body={"status": "disabled", "description": "x"})

        assert (answer.json["disabled_reason"], answer.json["description"]) == ("gone", "x")

    @pytest.mark.parametrize("body", [{}, {"url": URL, "event_types": ["job.*"]}])
    def test_what_is_so_already_is_not_written(self, body: dict[str, Any]) -> None:
        api = Api(Trouble("endpoints.save"))
        endpoint = a_kept_endpoint(api)

        assert ask(api, PATCH, endpoint.id, body=body).status == 200
        assert api.endpoints.all() == [endpoint]

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"url": "https://localhost/"}, "#/url"),
            ({"event_types": ["job.done"]}, "#/event_types/0"),
            ({"event_types": []}, "#/event_types"),
            ({"status": "paused"}, "#/status"),
            ({"disabled_reason": "gone"}, "#/disabled_reason"),
        ],
    )
    def test_what_cannot_be_right_is_422_and_changes_nothing(
        self, body: dict[str, Any], pointer: str
    ) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        answer = ask(api, PATCH, endpoint.id, body=body)

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
        assert api.endpoints.all() == [endpoint]

    def test_of_two_changes_at_the_same_moment_none_is_lost(self) -> None:
        rival = Meanwhile("endpoints.save")
        api = Api(rival)
        endpoint = a_kept_endpoint(api)

        rival.act = lambda: ask(api, PATCH, endpoint.id, body={"description": "theirs"})
        answer = ask(api, PATCH, endpoint.id, body={"payload": "thin"})

        assert (answer.json["description"], answer.json["payload"]) == ("theirs", "thin")

    def test_an_endpoint_that_others_change_all_the_while_is_503(self) -> None:
        rival = Meanwhile("endpoints.save", times=100)
        api = Api(rival)
        endpoint = a_kept_endpoint(api)

        def change_it() -> None:
            (there,) = api.endpoints.all()
            api.endpoints.save(there, there.changed(description=there.description + "x"))

        rival.act = change_it
        answer = ask(api, PATCH, endpoint.id, body={"payload": "thin"})

        assert answer.status == 503
        assert api.endpoints.all()[0].payload == "full"


class TestDeleting:
    def test_a_deleted_endpoint_is_gone_and_not_there_to_be_deleted_again(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        first = ask(api, DELETE, endpoint.id)
        second = ask(api, DELETE, endpoint.id)

        assert (first.status, second.status) == (204, 404)
        assert ask(api, GET, endpoint.id).status == 404
        assert api.endpoints.all() == []


@pytest.mark.parametrize("route", [CREATE, PATCH, DELETE])
def test_a_key_that_may_only_read_changes_nothing(route: str) -> None:
    api = Api()
    endpoint = a_kept_endpoint(api)

    answer = ask(api, route, endpoint.id, body={"url": URL}, scopes="webhooks:read jobs:write")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
    assert api.endpoints.all() == [an_endpoint()]


@pytest.mark.parametrize("route", [LIST, GET])
def test_a_key_for_jobs_sees_no_endpoints(route: str) -> None:
    answer = ask(Api(), route, an_endpoint_id(), scopes="jobs:read jobs:write")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
