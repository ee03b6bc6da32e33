"""What is done with a webhook endpoint: enabling, testing, recovering."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.api.endpoint_acts import LEEWAY
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.moments import to_iso
from relay.domain.webhook_endpoint import DisabledReason, EndpointStatus
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_endpoint_id
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.api_on_fakes import Api
from tests.unit.functions.webhooks_asking import KEY, a_kept_endpoint, ask, is_replay

ENABLE = "POST /v1/webhook_endpoints/{endpoint_id}/enable"
TEST = "POST /v1/webhook_endpoints/{endpoint_id}/test"
RECOVER = "POST /v1/webhook_endpoints/{endpoint_id}/recover"
HOUR = timedelta(hours=1)
SINCE = {"since": to_iso(NOON - HOUR)}


def disabled(api: Api) -> str:
    endpoint = a_kept_endpoint(
        api,
        status=EndpointStatus.DISABLED,
        disabled_reason=DisabledReason.FAILING,
        failing_since=NOON,
    )
    return endpoint.id


class TestEnabling:
    def test_a_disabled_endpoint_is_enabled_with_a_clean_slate(self) -> None:
        api = Api()
        endpoint_id = disabled(api)

        answer = ask(api, ENABLE, endpoint_id)

        assert answer.status == 200
        assert (answer.json["status"], answer.json["disabled_reason"]) == ("enabled", None)
        assert api.endpoints.all()[0].failing_since is None

    def test_done_twice_it_is_done(self) -> None:
        api = Api()
        endpoint_id = disabled(api)

        first = ask(api, ENABLE, endpoint_id, headers=KEY)
        second = ask(api, ENABLE, endpoint_id, headers=KEY)

        assert first.json == second.json
        assert (is_replay(first), is_replay(second)) == (False, True)

    def test_one_that_is_enabled_is_not_written(self) -> None:
        api = Api(Trouble("endpoints.save"))
        endpoint = a_kept_endpoint(api, failing_since=NOON)

        assert ask(api, ENABLE, endpoint.id).status == 200
        assert api.endpoints.all() == [endpoint]

    def test_what_changes_meanwhile_is_kept(self) -> None:
        rival = Meanwhile("endpoints.save")
        api = Api(rival)
        endpoint_id = disabled(api)

        def change_it() -> None:
            (there,) = api.endpoints.all()
            api.endpoints.save(there, there.changed(description="theirs"))

        rival.act = change_it
        answer = ask(api, ENABLE, endpoint_id)

        assert (answer.json["status"], answer.json["description"]) == ("enabled", "theirs")

    def test_a_key_that_cannot_be_one_is_422(self) -> None:
        api = Api()
        endpoint_id = disabled(api)

        answer = ask(api, ENABLE, endpoint_id, headers={"idempotency-key": ""})

        assert (answer.status, answer.problem["code"]) == (422, "invalid_idempotency_key")
        assert not api.endpoints.all()[0].is_enabled


class TestTesting:
    def test_an_endpoint_is_sent_an_event_that_is_told_to_nobody_else(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api, metadata={"team": "orders"})

        answer = ask(api, TEST, endpoint.id)

        (event,), (delivery,) = api.events.all(), api.deliveries.all()
        assert answer.status == 202
        assert answer.headers["location"].endswith(f"/v1/deliveries/{delivery.id}")
        assert answer.json["event_type"] == event.type == "endpoint.test"
        assert (answer.json["status"], answer.json["attempts"]) == ("pending", [])
        assert (answer.json["event_id"], answer.json["endpoint_id"]) == (event.id, endpoint.id)
        assert delivery.data == event.data
        assert event.data["metadata"] == {"team": "orders"}
        assert api.events.unpublished([(TENANT, event.id)]) == set()

    def test_a_hint_is_there_before_it_and_a_message_after(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        delivery_id = ask(api, TEST, endpoint.id).json["id"]

        (hint,), (message,) = api.wheel.all(), api.deliveries_queue.messages
        assert (hint.kind, hint.purpose) == (HintKind.DELIVERY, Purpose.WATCH)
        assert (hint.owner, hint.id) == (endpoint.id, delivery_id)
        assert json.loads(message.body)["delivery_id"] == delivery_id
        assert message.group == TENANT

    @pytest.mark.parametrize(
        ("call", "left"),
        [("events.put", (0, 0, 0)), ("wheel.put", (1, 0, 0)), ("deliveries.create", (1, 1, 0))],
    )
    def test_wherever_it_stops_nothing_is_left_that_nobody_watches(
        self, call: str, left: tuple[int, int, int]
    ) -> None:
        api = Api(Trouble(call, Crash()))
        endpoint = a_kept_endpoint(api)

        with pytest.raises(Crash):
            ask(api, TEST, endpoint.id)

        there = (len(api.events.all()), len(api.wheel.all()), len(api.deliveries.all()))
        assert there == left

    def test_a_disabled_endpoint_can_be_tested(self) -> None:
        api = Api()

        assert ask(api, TEST, disabled(api)).status == 202

    def test_under_a_key_it_is_one_test(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        first = ask(api, TEST, endpoint.id, headers=KEY)
        api.clock.at += HOUR

        second = ask(api, TEST, endpoint.id, headers=KEY)

        assert (second.status, second.json) == (202, first.json)
        assert (is_replay(first), is_replay(second)) == (False, True)
        assert len(api.deliveries_queue.messages) == len(api.events.all()) == 1

    def test_under_a_key_one_that_stopped_midway_is_gone_on_with(self) -> None:
        api = Api(Trouble("deliveries.create", Crash(), times=1))
        endpoint = a_kept_endpoint(api)
        with pytest.raises(Crash):
            ask(api, TEST, endpoint.id, headers=KEY)
        api.clock.at += HOUR

        answer = ask(api, TEST, endpoint.id, headers=KEY)

        assert answer.status == 202
        assert len(api.deliveries.all()) == len(api.events.all()) == 1
        assert len(api.deliveries_queue.messages) == 1

    def test_of_two_at_the_same_moment_under_a_key_one_sends_it(self) -> None:
        rival = Meanwhile("deliveries.create")
        api = Api(rival)
        endpoint = a_kept_endpoint(api)

        rival.act = lambda: ask(api, TEST, endpoint.id, headers=KEY)
        answer = ask(api, TEST, endpoint.id, headers=KEY)

        assert answer.status == 202
        assert len(api.deliveries.all()) == len(api.deliveries_queue.messages) == 1


class TestRecovering:
    def test_a_recovery_is_written_after_what_gets_it_going(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        answer = ask(api, RECOVER, endpoint.id, body=SINCE)

        (recovery,) = api.recoveries.all()
        assert answer.status == 202
        assert answer.json == {
            "id": recovery.id,
            "object": "recovery",
            "endpoint_id": endpoint.id,
            "since": to_iso(NOON - HOUR),
            "until": to_iso(NOON),
            "status": "in_progress",
            "redelivered": 0,
            "created_at": to_iso(NOON),
            "finished_at": None,
        }
        hints = {(it.kind, it.purpose, it.owner, it.id) for it in api.wheel.all()}
        assert hints == {
            (HintKind.RECOVERY, purpose, endpoint.id, recovery.id) for purpose in Purpose
        }

    def test_a_crash_leaves_hints_that_lead_nowhere(self) -> None:
        api = Api(Trouble("recoveries.create", Crash()))
        endpoint = a_kept_endpoint(api)

        with pytest.raises(Crash):
            ask(api, RECOVER, endpoint.id, body=SINCE)

        assert (len(api.wheel.all()), api.recoveries.all()) == (2, [])

    def test_what_is_to_come_is_not_recovered(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        body = SINCE | {"until": to_iso(NOON + HOUR)}

        assert ask(api, RECOVER, endpoint.id, body=body).json["until"] == to_iso(NOON)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/since"),
            ({"since": "yesterday"}, "#/since"),
            ({"since": "2026-11-21T11:00:00"}, "#/since"),
            ({"since": to_iso(NOON)}, "#/since"),
            ({"since": to_iso(NOON + HOUR)}, "#/since"),
            ({"since": "0001-01-01T00:00:00+12:00"}, "#/since"),
            (SINCE | {"until": to_iso(NOON - HOUR)}, "#/since"),
            (SINCE | {"until": "now"}, "#/until"),
            (SINCE | {"events": []}, "#/events"),
        ],
    )
    def test_a_time_in_which_nothing_can_have_been_is_422(
        self, body: dict[str, Any], pointer: str
    ) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        answer = ask(api, RECOVER, endpoint.id, body=body)

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
        assert (api.recoveries.all(), api.wheel.all()) == ([], [])

    @pytest.mark.parametrize(("beyond", "status"), [(LEEWAY, 202), (2 * LEEWAY, 422)])
    def test_it_reaches_back_as_far_as_events_are_kept(
        self, beyond: timedelta, status: int
    ) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        since = NOON - timedelta(days=30) - beyond

        assert ask(api, RECOVER, endpoint.id, body={"since": to_iso(since)}).status == status

    def test_a_disabled_endpoint_has_to_be_enabled_first(self) -> None:
        api = Api()

        answer = ask(api, RECOVER, disabled(api), body=SINCE, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (409, "endpoint_disabled")
        assert (api.recoveries.all(), api.wheel.all()) == ([], [])

    def test_a_refusal_uses_up_no_key(self) -> None:
        api = Api()
        endpoint_id = disabled(api)
        ask(api, RECOVER, endpoint_id, body=SINCE, headers=KEY)
        ask(api, ENABLE, endpoint_id)

        answer = ask(api, RECOVER, endpoint_id, body=SINCE, headers=KEY)

        assert (answer.status, is_replay(answer)) == (202, False)

    def test_under_a_key_it_is_one_recovery_shown_as_it_is_now(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        first = ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)
        (recovery,) = api.recoveries.all()
        api.clock.at += HOUR
        api.recoveries.save(recovery, recovery.finished(NOON + HOUR, redelivered=7))
        api.endpoints.save(endpoint, endpoint.disabled(DisabledReason.MANUAL))

        second = ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)

        assert (second.status, is_replay(second)) == (202, True)
        assert second.json == first.json | {
            "status": "completed",
            "redelivered": 7,
            "finished_at": to_iso(NOON + HOUR),
        }
        assert len(api.recoveries.all()) == 1

    def test_under_a_key_another_time_is_422(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)
        other = {"since": to_iso(NOON - 2 * HOUR)}

        answer = ask(api, RECOVER, endpoint.id, body=other, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")

    def test_of_two_at_the_same_moment_under_a_key_there_is_one_recovery(self) -> None:
        rival = Meanwhile("idempotency.reserve")
        api = Api(rival)
        endpoint = a_kept_endpoint(api)
        api.clock.at += DELIVERY_LEASE

        rival.act = lambda: ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)
        answer = ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)

        assert (answer.status, is_replay(answer)) == (202, True)
        assert [it.id for it in api.recoveries.all()] == [answer.json["id"]]

    def test_of_two_at_the_same_moment_another_request_under_the_key_is_422(self) -> None:
        rival = Meanwhile("idempotency.reserve")
        api = Api(rival)
        endpoint = a_kept_endpoint(api)
        other = {"since": to_iso(NOON - 2 * HOUR)}

        rival.act = lambda: ask(api, RECOVER, endpoint.id, body=other, headers=KEY)
        answer = ask(api, RECOVER, endpoint.id, body=SINCE, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")
        assert len(api.recoveries.all()) == 1


@pytest.mark.parametrize("route", [ENABLE, TEST, RECOVER])
def test_a_key_that_may_only_read_does_none_of_it(route: str) -> None:
    api = Api()

    answer = ask(api, route, disabled(api), body=SINCE, scopes="webhooks:read")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
    assert (api.wheel.all(), api.deliveries.all()) == ([], [])


@pytest.mark.parametrize("identifier", ["we_x", an_endpoint_id(9), "job_" + "0" * 26, ""])
@pytest.mark.parametrize("route", [ENABLE, TEST, RECOVER])
def test_an_endpoint_that_is_not_there_is_404_and_uses_up_no_key(
    route: str, identifier: str
) -> None:
    api = Api()

    assert ask(api, route, identifier, body=SINCE, headers=KEY).status == 404

    assert api.events.all() == []
