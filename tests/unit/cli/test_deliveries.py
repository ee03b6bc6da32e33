"""``relay deliveries`` and ``relay redeliver``."""

import json

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import FakeRelay
from tests.unit.cli.fake_webhooks import DELIVERY_ID, ENDPOINT_ID, a_delivery

PATH = "/v1/deliveries"
ONE = f"{PATH}/{DELIVERY_ID}"


def test_deliveries_are_shown_as_a_table(relay: Relay, service: FakeRelay) -> None:
    callback = a_delivery(503, endpoint_id=None)
    service.lists[PATH] = [a_delivery(200), callback]

    said = relay("deliveries")

    head, first, second = said.stdout.splitlines()
    assert head.split()[:5] == ["delivery", "status", "event", "endpoint", "attempts"]
    assert first.split()[1:6] == ["delivered", "job.completed", "evt_001", ENDPOINT_ID, "1"]
    assert second.split()[4] == "callback"
    assert second.endswith("2026-11-21T12:05:00Z")


def test_filters_are_the_services(relay: Relay, service: FakeRelay) -> None:
    service.lists[PATH] = []
    which = ("--endpoint", "we_1", "--event", "evt_1", "--type", "job.failed")

    said = relay("deliveries", *which, "--status", "pending", "--since", "1d")

    assert said.stderr == "There are none.\n"
    assert dict(service.requests[0].url.params) == {
        "endpoint_id": "we_1",
        "event_id": "evt_1",
        "event_type": "job.failed",
        "status": "pending",
        "created_after": "2026-11-20T12:00:00Z",
        "limit": "21",
    }


def test_a_delivery_is_shown_with_every_attempt(relay: Relay, service: FakeRelay) -> None:
    service.made[f"GET {ONE}"] = httpx.Response(200, json=a_delivery(500, 503))

    said = relay("deliveries", "show", DELIVERY_ID)

    about, attempts = said.stdout.split("\n\n")
    assert "next attempt  2026-11-21T12:05:00Z" in about
    head, first, second = attempts.splitlines()
    assert head.split() == ["attempt", "at", "ms", "answer", "outcome", "reason", "said"]
    assert first.split()[2:5] == ["412", "500", "retry"]
    assert second.split()[3] == "503"
    assert second.endswith("...")


def test_a_delivery_is_one_json_object(relay: Relay, service: FakeRelay) -> None:
    service.made[f"GET {ONE}"] = httpx.Response(200, json=a_delivery(500))

    assert relay("deliveries", "show", DELIVERY_ID, "--json").json == a_delivery(500)


def test_a_delivery_is_sent_again(relay: Relay, service: FakeRelay) -> None:
    service.made[f"POST {ONE}/redeliver"] = httpx.Response(202, json=a_delivery(500))

    said = relay("redeliver", DELIVERY_ID)

    assert (said.exit_code, said.stdout) == (0, f"{DELIVERY_ID} pending\n")
    assert service.requests[-1].headers["idempotency-key"] == "fresh-key"


def test_a_redelivery_is_waited_for_until_there_is_an_attempt_more(
    relay: Relay, service: FakeRelay
) -> None:
    service.made[f"POST {ONE}/redeliver"] = httpx.Response(202, json=a_delivery(500))
    service.made[f"GET {ONE}"] = httpx.Response(200, json=a_delivery(500, 200))

    said = relay("redeliver", DELIVERY_ID, "--wait", "--json")

    assert said.exit_code == 0
    assert len(said.json["attempts"]) == 2


def test_a_redelivery_that_is_refused_again_says_when_the_next_attempt_is(
    relay: Relay, service: FakeRelay
) -> None:
    service.made[f"POST {ONE}/redeliver"] = httpx.Response(202, json=a_delivery(500))
    service.made[f"GET {ONE}"] = httpx.Response(200, json=a_delivery(500, 503))

    said = relay("redeliver", DELIVERY_ID, "--wait")

    assert said.exit_code == 1
    assert "The next attempt is at 2026-11-21T12:05:00Z" in said.stderr


def test_an_event_is_sent_to_the_endpoint_that_is_named(relay: Relay, service: FakeRelay) -> None:
    path = "/v1/events/evt_001/redeliver"
    service.made[f"POST {path}"] = httpx.Response(202, json=a_delivery())

    said = relay("redeliver", "evt_001", "--to", ENDPOINT_ID, "--json")

    assert said.json == a_delivery()
    assert json.loads(service.requests[-1].content) == {"endpoint_id": ENDPOINT_ID}


@pytest.mark.parametrize(
    "typed",
    [("evt_001",), ("evt_001", "--to", "job_1"), (DELIVERY_ID, "--to", ENDPOINT_ID), ("job_1",)],
)
def test_what_cannot_be_redelivered_is_wrong_usage(
    relay: Relay, service: FakeRelay, typed: tuple[str, ...]
) -> None:
    assert relay("redeliver", *typed).exit_code == 2
    assert service.requests == []
