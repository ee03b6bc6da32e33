"""``relay endpoints``."""

import json
from typing import Any

import httpx
import pytest

from tests.unit.cli.conftest import Relay, TerminalInput
from tests.unit.cli.fake_relay import FakeClock, FakeRelay
from tests.unit.cli.fake_webhooks import (
    DELIVERY_ID,
    ENDPOINT,
    ENDPOINT_ID,
    SECRET_TEXT,
    a_delivery,
)

PATH = "/v1/webhook_endpoints"
ONE = f"{PATH}/{ENDPOINT_ID}"


def sent(service: FakeRelay) -> tuple[str, str, Any]:
    request = service.requests[-1]
    body = json.loads(request.content) if request.content else dict(request.url.params)
    return request.method, request.url.path, body


def attempted(service: FakeRelay, *deliveries: dict[str, Any]) -> None:
    """Let each look at the delivery show the next of these."""
    left = list(deliveries)
    service.acts[f"GET /v1/deliveries/{DELIVERY_ID}"] = lambda _: httpx.Response(
        200, json=left.pop(0)
    )


@pytest.mark.parametrize("command", [("endpoints",), ("endpoints", "list")])
def test_endpoints_are_listed_also_by_the_groups_name_alone(
    relay: Relay, service: FakeRelay, command: tuple[str, ...]
) -> None:
    service.lists[PATH] = [ENDPOINT | {"status": "disabled", "disabled_reason": "gone"}]

    said = relay(*command)

    head, row = said.stdout.splitlines()
    assert head.split() == ["endpoint", "status", "events", "payload", "url"]
    assert row.split() == [ENDPOINT_ID, "disabled", "(gone)", "job.*", "full", ENDPOINT["url"]]


def test_endpoints_are_one_json_array(relay: Relay, service: FakeRelay) -> None:
    service.lists[PATH] = [ENDPOINT]

    assert relay("endpoints", "--json").json == [ENDPOINT]


def test_the_group_still_explains_itself(relay: Relay, service: FakeRelay) -> None:
    assert "rotate-secret" in relay("endpoints", "--help").stdout
    assert service.requests == []


def test_a_new_endpoints_secret_is_all_that_standard_output_gets(
    relay: Relay, service: FakeRelay
) -> None:
    made = httpx.Response(201, json=ENDPOINT | {"secret": SECRET_TEXT})
    service.made[f"POST {PATH}"] = made
    types = ("--events", "job.*", "--events", "batch.failed,batch.expired")
    options = ("--payload", "thin", "--legacy-signature", "--description", "Orders")

    said = relay("endpoints", "create", "https://example.com/h", *types, *options)

    assert (said.exit_code, said.stdout) == (0, f"{SECRET_TEXT}\n")
    assert ENDPOINT_ID in said.stderr
    asked = {
        "url": "https://example.com/h",
        "event_types": ["job.*", "batch.failed", "batch.expired"],
        "payload": "thin",
        "legacy_signature": True,
        "description": "Orders",
    }
    assert sent(service) == ("POST", PATH, asked)
    assert service.requests[-1].headers["idempotency-key"] == "fresh-key"


def test_without_types_an_endpoint_hears_of_jobs(relay: Relay, service: FakeRelay) -> None:
    made = httpx.Response(201, json=ENDPOINT | {"secret": SECRET_TEXT})
    service.made[f"POST {PATH}"] = made

    said = relay("endpoints", "create", "https://example.com/h", "--json")

    assert said.json["secret"] == SECRET_TEXT
    assert sent(service)[2] == {"url": "https://example.com/h", "event_types": ["job.*"]}


@pytest.mark.parametrize(
    ("act", "path"), [("create", PATH), ("rotate-secret", f"{ONE}/rotate_secret")]
)
def test_a_secret_whose_only_showing_was_lost_is_to_be_rotated(
    relay: Relay, service: FakeRelay, act: str, path: str
) -> None:
    service.made[f"POST {path}"] = httpx.Response(200, json=ENDPOINT | {"secret": None})
    about = "https://example.com/h" if act == "create" else ENDPOINT_ID

    said = relay("endpoints", act, about)

    assert (said.exit_code, said.stdout) == (4, "")
    assert f"relay endpoints rotate-secret {ENDPOINT_ID}" in said.stderr


def test_an_endpoint_is_shown_with_what_is_known_of_it(relay: Relay, service: FakeRelay) -> None:
    service.made[f"GET {ONE}"] = httpx.Response(200, json=ENDPOINT)

    said = relay("endpoints", "show", ENDPOINT_ID)

    rows = dict(line.split(maxsplit=1) for line in said.stdout.splitlines())
    assert rows["events"] == "job.*"
    assert rows["legacy"].split() == ["signature", "no"]
    assert rows["metadata"].split() == ["team", "blue"]


def test_only_what_is_named_is_changed(relay: Relay, service: FakeRelay) -> None:
    service.made[f"PATCH {ONE}"] = httpx.Response(200, json=ENDPOINT)
    options = ("--url", "https://example.com/2", "--no-legacy-signature", "--metadata", "a=b")

    said = relay("endpoints", "update", ENDPOINT_ID, *options, "--json")

    assert said.json == ENDPOINT
    asked = {"url": "https://example.com/2", "legacy_signature": False, "metadata": {"a": "b"}}
    assert sent(service) == ("PATCH", ONE, asked)


def test_a_change_of_nothing_is_wrong_usage(relay: Relay, service: FakeRelay) -> None:
    assert relay("endpoints", "update", ENDPOINT_ID).exit_code == 2
    assert service.requests == []


def test_a_person_is_asked_before_an_endpoint_is_deleted(relay: Relay, service: FakeRelay) -> None:
    service.made[f"DELETE {ONE}"] = httpx.Response(204)
    relay.input, relay.stdin = TerminalInput, b"n\n"

    refused, agreed = relay("endpoints", "delete", ENDPOINT_ID), "--yes"

    assert refused.exit_code == 2
    assert service.requests == []
    assert relay("endpoints", "delete", ENDPOINT_ID, agreed).stdout == f"{ENDPOINT_ID} deleted\n"


def test_an_endpoint_is_disabled_and_enabled(relay: Relay, service: FakeRelay) -> None:
    service.made[f"PATCH {ONE}"] = httpx.Response(200, json=ENDPOINT | {"status": "disabled"})
    service.made[f"POST {ONE}/enable"] = httpx.Response(200, json=ENDPOINT)

    assert "disabled" in relay("endpoints", "disable", ENDPOINT_ID).stdout
    assert sent(service) == ("PATCH", ONE, {"status": "disabled"})
    said = relay("endpoints", "enable", ENDPOINT_ID)

    assert "enabled" in said.stdout
    assert f"relay endpoints recover {ENDPOINT_ID}" in said.stderr


def test_a_rotated_secret_comes_with_the_end_of_the_one_before(
    relay: Relay, service: FakeRelay
) -> None:
    until = "2026-11-22T12:00:00Z"
    rotated = ENDPOINT | {"secret": SECRET_TEXT, "previous_until": until}
    service.made[f"POST {ONE}/rotate_secret"] = httpx.Response(200, json=rotated)

    said = relay("endpoints", "rotate-secret", ENDPOINT_ID)

    assert said.stdout == f"{SECRET_TEXT}\n"
    assert until in said.stderr


def test_a_test_shows_what_came_of_it(relay: Relay, service: FakeRelay) -> None:
    service.made[f"POST {ONE}/test"] = httpx.Response(202, json=a_delivery())
    attempted(service, a_delivery(), a_delivery(204))

    said = relay("endpoints", "test", ENDPOINT_ID)

    told = f"{DELIVERY_ID} delivered: server answered 204 in 412 ms\n"
    assert (said.exit_code, said.stdout) == (0, told)


def test_a_test_that_failed_ends_with_1_and_the_receivers_words(
    relay: Relay, service: FakeRelay
) -> None:
    service.made[f"POST {ONE}/test"] = httpx.Response(202, json=a_delivery())
    attempted(service, a_delivery(500, status="exhausted"))

    said = relay("endpoints", "test", ENDPOINT_ID)

    assert (said.exit_code, said.stdout) == (1, "")
    assert "server answered 500" in said.stderr
    assert "It said: no" in said.stderr
    assert f"relay deliveries show {DELIVERY_ID}" in said.stderr


def test_a_test_that_is_not_attempted_within_a_minute_ends_with_5(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.made[f"POST {ONE}/test"] = httpx.Response(202, json=a_delivery())
    service.made[f"GET /v1/deliveries/{DELIVERY_ID}"] = httpx.Response(200, json=a_delivery())

    said = relay("endpoints", "test", ENDPOINT_ID)

    assert said.exit_code == 5
    assert clock.seconds == 60


def test_what_is_no_delivery_is_not_waited_for(relay: Relay, service: FakeRelay) -> None:
    service.made[f"POST {ONE}/test"] = httpx.Response(202, json={"id": "../jobs"})

    assert relay("endpoints", "test", ENDPOINT_ID).exit_code == 4


def test_spans_of_a_recovery_lie_in_the_past(relay: Relay, service: FakeRelay) -> None:
    recovery = {"id": "rec_1", "status": "in_progress", "redelivered": 7}
    service.made[f"POST {ONE}/recover"] = httpx.Response(202, json=recovery)

    said = relay("endpoints", "recover", ENDPOINT_ID, "--since", "6h", "--until", "30m")

    assert said.stdout == "rec_1 in_progress: 7 events\n"
    asked = {"since": "2026-11-21T06:00:00Z", "until": "2026-11-21T11:30:00Z"}
    assert sent(service) == ("POST", f"{ONE}/recover", asked)


def test_a_moment_without_a_zone_is_wrong_usage(relay: Relay, service: FakeRelay) -> None:
    said = relay("endpoints", "recover", ENDPOINT_ID, "--since", "2026-11-21T06:00:00")

    assert said.exit_code == 2
    assert "--since" in said.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    "command", ["show", "update", "delete", "enable", "disable", "rotate-secret", "test"]
)
def test_an_id_of_something_else_is_wrong_usage_and_says_how_to_find_one(
    relay: Relay, service: FakeRelay, command: str
) -> None:
    said = relay("endpoints", command, "we_../../jobs")

    assert said.exit_code == 2
    assert "relay endpoints" in said.stderr
    assert service.requests == []
