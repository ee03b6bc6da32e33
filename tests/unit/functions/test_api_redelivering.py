"""Sending a delivery, or an event to any endpoint, once more."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.domain.delivering import delivery_of
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.event import endpoint_test
from relay.domain.ids import EventId, ulid
from relay.domain.moments import to_iso
from relay.domain.webhook_endpoint import DisabledReason
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_delivery, a_job, an_endpoint, an_endpoint_id, an_event
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.api_on_fakes import Api, HttpAnswer
from tests.unit.functions.webhooks_asking import (
    KEY,
    a_failed_delivery,
    a_finished_job,
    a_kept_endpoint,
    a_told_event,
    ask,
    is_replay,
)

DELIVERY = "POST /v1/deliveries/{delivery_id}/redeliver"
EVENT = "POST /v1/events/{event_id}/redeliver"
HOUR = timedelta(hours=1)

type Ask = Callable[..., HttpAnswer]


def by_delivery(api: Api, delivery: Delivery, **more: object) -> HttpAnswer:
    return ask(api, DELIVERY, delivery.id, **more)  # type: ignore[arg-type]  # as it is asked


def by_event(api: Api, delivery: Delivery, **more: object) -> HttpAnswer:
    body = {"endpoint_id": delivery.target_id}
    return ask(api, EVENT, delivery.event_id, body=body, **more)  # type: ignore[arg-type]


either_way = pytest.mark.parametrize(
    "redeliver", [by_delivery, by_event], ids=["the delivery", "the event"]
)


def disable(api: Api) -> None:
    (endpoint,) = api.endpoints.all()
    api.endpoints.save(endpoint, endpoint.disabled(DisabledReason.MANUAL))


@either_way
def test_it_begins_anew_under_the_same_ids_and_keeps_its_attempts(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    api.clock.at += HOUR

    answer = redeliver(api, delivery)

    (after,) = api.deliveries.all()
    assert answer.status == 202
    assert answer.headers["location"].endswith(f"/v1/deliveries/{delivery.id}")
    assert (answer.json["id"], answer.json["event_id"]) == (delivery.id, delivery.event_id)
    assert (answer.json["status"], answer.json["finished_at"]) == ("pending", None)
    assert answer.json["next_attempt_at"] == to_iso(NOON + HOUR)
    assert [it["number"] for it in answer.json["attempts"]] == [1]
    assert after.opened_at == NOON + HOUR


@either_way
def test_a_hint_is_there_before_it_and_a_message_after(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)

    redeliver(api, delivery)

    (hint,), (message,) = api.wheel.all(), api.deliveries_queue.messages
    assert (hint.owner, hint.id) == (delivery.target_id, delivery.id)
    assert json.loads(message.body)["delivery_id"] == delivery.id
    assert message.group == TENANT


@either_way
def test_the_endpoint_s_choice_of_payload_holds_from_now_on(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    (endpoint,) = api.endpoints.all()
    api.endpoints.save(endpoint, endpoint.changed(payload="thin", legacy_signature=True))

    redeliver(api, delivery)

    (after,) = api.deliveries.all()
    assert (after.payload, after.legacy_signature) == ("thin", True)


@either_way
def test_one_that_waits_is_due_at_once(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    waits = replace(delivery.reopened(NOON, round_id="rnd_0", payload="full", legacy=False))
    api.deliveries.reopen(delivery, replace(waits, next_attempt_at=NOON + HOUR), at=NOON)

    assert redeliver(api, delivery).json["next_attempt_at"] == to_iso(NOON)


@either_way
def test_one_that_is_being_attempted_is_answered_as_it_is(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    redeliver(api, delivery)
    claimed = api.deliveries.claim(delivery.target_id, delivery.id, at=NOON, lease=DELIVERY_LEASE)

    answer = redeliver(api, delivery)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert api.deliveries.all() == [claimed]
    assert len(api.deliveries_queue.messages) == 1


@either_way
def test_one_that_is_claimed_at_this_moment_is_answered_as_it_is(redeliver: Ask) -> None:
    rival = Meanwhile("deliveries.reopen")
    api = Api(rival)
    delivery = a_failed_delivery(api)

    rival.act = lambda: redeliver(api, delivery)
    answer = redeliver(api, delivery)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert len(api.deliveries_queue.messages) == 1


@either_way
def test_under_a_key_it_is_one_round(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    first = redeliver(api, delivery, headers=KEY)
    api.clock.at += HOUR
    disable(api)

    second = redeliver(api, delivery, headers=KEY)

    assert second.json == first.json
    assert (is_replay(first), is_replay(second)) == (False, True)
    assert len(api.deliveries_queue.messages) == 1


@either_way
@pytest.mark.parametrize("call", ["wheel.put", "deliveries.reopen", "deliveries.send"])
def test_wherever_it_stops_the_next_try_under_the_key_makes_one_round(
    redeliver: Ask, call: str
) -> None:
    api = Api(Trouble(call, Crash(), times=1))
    delivery = a_failed_delivery(api)
    with pytest.raises(Crash):
        redeliver(api, delivery, headers=KEY)

    answer = redeliver(api, delivery, headers=KEY)

    (after,) = api.deliveries.all()
    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert after.fence == delivery.fence + 1
    assert api.wheel.all()


@either_way
def test_a_disabled_endpoint_is_sent_nothing_again(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    disable(api)

    answer = redeliver(api, delivery, headers=KEY)

    assert (answer.status, answer.problem["code"]) == (409, "endpoint_disabled")
    assert api.deliveries.all() == [delivery]
    assert api.wheel.all() == []


@either_way
def test_what_tells_of_a_deleted_job_is_409(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)
    api.delete(a_job().id)

    answer = redeliver(api, delivery)

    assert (answer.status, answer.problem["code"]) == (409, "job_deleted")
    assert api.deliveries.all() == [delivery]


@either_way
def test_a_key_that_may_only_read_sends_nothing(redeliver: Ask) -> None:
    api = Api()
    delivery = a_failed_delivery(api)

    answer = redeliver(api, delivery, scopes="webhooks:read")

    assert (answer.status, answer.problem["code"]) == (403, "missing_scope")
    assert api.deliveries.all() == [delivery]


class TestADelivery:
    def test_one_whose_endpoint_is_deleted_is_409_and_says_what_can_be_done(self) -> None:
        api = Api()
        delivery = a_failed_delivery(api)
        api.endpoints.remove(TENANT, an_endpoint().id)

        answer = by_delivery(api, delivery)

        assert (answer.status, answer.problem["code"]) == (409, "endpoint_gone")
        assert f"/v1/events/{delivery.event_id}/redeliver" in answer.problem["detail"]

    def test_one_to_a_callback_is_sent_again_with_the_payload_it_had(self) -> None:
        api = Api()
        a_finished_job(api)
        delivery = a_delivery(payload="thin", legacy_signature=True).cancelled(NOON)
        api.deliveries.create(delivery)

        answer = by_delivery(api, delivery)

        (after,) = api.deliveries.all()
        assert (answer.status, answer.json["endpoint_id"]) == (202, None)
        assert (after.payload, after.legacy_signature) == ("thin", True)

    def test_a_test_goes_again_to_an_endpoint_that_is_disabled(self) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)
        event = endpoint_test(endpoint, EventId(f"evt_{ulid(NOON, bytes(10))}"), NOON)
        delivery = delivery_of(event, endpoint, NOON).given_up(NOON, "server answered 500")
        api.deliveries.create(delivery)
        disable(api)

        assert by_delivery(api, delivery).status == 202

    @pytest.mark.parametrize("identifier", ["dlv_x", a_delivery().id])
    def test_one_that_is_not_there_is_404(self, identifier: str) -> None:
        assert ask(Api(), DELIVERY, identifier, headers=KEY).status == 404


class TestAnEvent:
    def test_it_goes_to_an_endpoint_that_has_never_been_told_of_it(self) -> None:
        api = Api()
        event = a_told_event(api)
        endpoint = a_kept_endpoint(api, event_types=("upstream.blocked",))
        api.clock.at += HOUR

        answer = ask(api, EVENT, event.id, body={"endpoint_id": endpoint.id})

        (made,) = api.deliveries.all()
        assert answer.status == 202
        assert made == replace(delivery_of(event, endpoint, NOON + HOUR), round_id=made.round_id)
        assert answer.json["id"] == made.id
        assert len(api.deliveries_queue.messages) == len(api.wheel.all()) == 1

    @pytest.mark.parametrize("call", ["wheel.put", "deliveries.create", "deliveries.send"])
    def test_under_a_key_it_is_made_once_and_not_begun_anew(self, call: str) -> None:
        api = Api(Trouble(call, Crash(), times=1))
        event, endpoint = a_told_event(api), a_kept_endpoint(api)
        body = {"endpoint_id": endpoint.id}
        with pytest.raises(Crash):
            ask(api, EVENT, event.id, body=body, headers=KEY)

        answers = [ask(api, EVENT, event.id, body=body, headers=KEY) for _ in range(2)]

        (made,) = api.deliveries.all()
        assert [it.status for it in answers] == [202, 202]
        assert (made.fence, made.opened_at) == (0, None)

    def test_under_a_key_of_another_endpoint_s_it_is_422(self) -> None:
        api = Api()
        delivery = a_failed_delivery(api)
        other = a_kept_endpoint(api, id=an_endpoint_id(2))
        by_event(api, delivery, headers=KEY)

        body = {"endpoint_id": other.id}
        answer = ask(api, EVENT, delivery.event_id, body=body, headers=KEY)

        assert (answer.status, answer.problem["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("endpoint_id", [an_endpoint_id(9), "we_x", "job_1"])
    def test_an_endpoint_that_is_not_there_is_404(self, endpoint_id: str) -> None:
        api = Api()
        event = a_told_event(api)

        answer = ask(api, EVENT, event.id, body={"endpoint_id": endpoint_id})

        assert answer.status == 404
        assert (api.deliveries.all(), api.wheel.all()) == ([], [])

    @pytest.mark.parametrize("identifier", ["evt_x", an_event().id])
    def test_an_event_that_is_not_there_is_404(self, identifier: str) -> None:
        api = Api()
        endpoint = a_kept_endpoint(api)

        assert ask(api, EVENT, identifier, body={"endpoint_id": endpoint.id}).status == 404

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/endpoint_id"),
            ({"endpoint_id": ""}, "#/endpoint_id"),
            ({"endpoint_id": "x" * 65}, "#/endpoint_id"),
            ({"endpoint_id": an_endpoint_id(), "url": "https://example.com"}, "#/url"),
        ],
    )
    def test_what_names_no_endpoint_is_422(self, body: object, pointer: str) -> None:
        answer = ask(Api(), EVENT, an_event().id, body=body)

        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
