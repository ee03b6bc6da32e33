"""``relay trigger``: an event that really happens."""

from typing import Any

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import JOB_ID, FakeClock, FakeRelay, problem
from tests.unit.cli.fake_webhooks import (
    DELIVERY_ID,
    ENDPOINT,
    ENDPOINT_ID,
    FakeFeed,
    a_delivery,
    an_event,
)
from tools.cli.trigger import NOT_AT_WILL


def test_a_tiny_job_is_made_and_its_own_event_waited_for(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    of_another = an_event(1, id="job_other")
    feed = FakeFeed(clock, [(1, of_another), (30, an_event(2))])
    feed.install(service)

    said = relay("trigger", "job.completed")

    assert said.exit_code == 0
    assert said.stdout.split()[:2] == ["evt_002", "job.completed"]
    assert "may cost" in said.stderr
    assert "relay events show evt_002" in said.stderr
    assert service.submissions[0]["body"]["max_tokens"] == 5
    assert feed.asked[0]["created_after"] == "2026-11-21T11:59:59Z"
    assert feed.asked[0]["type"] == "job.completed"


@pytest.mark.parametrize(
    ("event_type", "part"),
    [
        ("job.started", {"notify_started": True}),
        ("job.failed", {}),
        ("job.cancelled", {}),
        ("job.completed", {"callback_url": "http://127.0.0.1:3000/h"}),
    ],
)
def test_each_type_has_its_way(
    relay: Relay, service: FakeRelay, clock: FakeClock, event_type: str, part: dict[str, Any]
) -> None:
    FakeFeed(clock, [(1, an_event(1, event_type))]).install(service)
    options = ("--callback-url", part["callback_url"]) if "callback_url" in part else ()

    said = relay("trigger", event_type, *options, "--json")

    assert said.json["type"] == event_type
    assert {name: service.submissions[0].get(name) for name in part} == part


def test_a_job_that_was_too_quick_to_be_cancelled_is_made_again(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    FakeFeed(clock, [(1, an_event(1, "job.cancelled"))]).install(service)
    late = [problem(409, title="Conflict", code="job_already_final")]
    cancel = service._cancel  # noqa: SLF001 - the fake's own answer, after a refusal
    service.acts[f"POST /v1/jobs/{JOB_ID}/cancel"] = lambda asked: (
        late.pop() if late else cancel(asked)
    )

    assert relay("trigger", "job.cancelled").exit_code == 0
    assert len(service.submissions) == 2


def test_jobs_that_are_always_too_quick_end_it_with_5(relay: Relay, service: FakeRelay) -> None:
    late = problem(409, title="Conflict", code="job_already_final")
    service.acts[f"POST /v1/jobs/{JOB_ID}/cancel"] = lambda _: late

    assert relay("trigger", "job.cancelled").exit_code == 5
    assert len(service.submissions) == 3


def test_an_event_that_does_not_come_ends_it_with_5(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    FakeFeed(clock, ends=False).install(service)

    said = relay("trigger", "job.completed")

    assert said.exit_code == 5
    assert f"relay job {JOB_ID}" in said.stderr
    assert clock.seconds == 120


def test_the_only_endpoint_is_tested(relay: Relay, service: FakeRelay) -> None:
    service.lists["/v1/webhook_endpoints"] = [ENDPOINT]
    path = f"/v1/webhook_endpoints/{ENDPOINT_ID}/test"
    service.made[f"POST {path}"] = httpx.Response(202, json=a_delivery())
    service.made[f"GET /v1/deliveries/{DELIVERY_ID}"] = httpx.Response(200, json=a_delivery(200))

    said = relay("trigger", "endpoint.test")

    assert said.stdout.startswith(f"{DELIVERY_ID} delivered")
    assert service.submissions == []


@pytest.mark.parametrize(
    ("endpoints", "advice"),
    [([], "relay endpoints create"), ([ENDPOINT, ENDPOINT], "relay endpoints")],
)
def test_which_endpoint_is_asked_where_it_is_not_clear(
    relay: Relay, service: FakeRelay, endpoints: list[dict[str, Any]], advice: str
) -> None:
    service.lists["/v1/webhook_endpoints"] = endpoints

    said = relay("trigger", "endpoint.test")

    assert said.exit_code == 2
    assert advice in said.stderr


@pytest.mark.parametrize("event_type", [*NOT_AT_WILL, "job.exploded"])
def test_what_cannot_be_made_at_will_is_refused(
    relay: Relay, service: FakeRelay, event_type: str
) -> None:
    said = relay("trigger", event_type)

    assert said.exit_code == 2
    assert "job.completed" in said.stderr
    assert NOT_AT_WILL.get(event_type, "") in said.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    "typed",
    [
        ("job.completed", "--endpoint", ENDPOINT_ID),
        ("endpoint.test", "--endpoint", "we_/.."),
        ("endpoint.test", "--callback-url", "https://example.com"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    relay: Relay, service: FakeRelay, typed: tuple[str, ...]
) -> None:
    assert relay("trigger", *typed).exit_code == 2
    assert service.requests == []
