"""``relay events``."""

import json

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import FakeClock, FakeRelay, problem
from tests.unit.cli.fake_webhooks import FakeFeed, an_event


def test_events_are_shown_as_a_table(relay: Relay, service: FakeRelay) -> None:
    service.lists["/v1/events"] = [an_event()]

    said = relay("events", "--type", "job.completed", "--since", "1h")

    head, row = said.stdout.splitlines()
    assert head.split() == ["event", "type", "happened", "about", "status"]
    assert row.split()[:2] == ["evt_001", "job.completed"]
    asked = {"type": "job.completed", "created_after": "2026-11-21T11:00:00Z", "limit": "21"}
    assert dict(service.requests[0].url.params) == asked


def test_an_event_is_printed_as_it_came(relay: Relay, service: FakeRelay) -> None:
    service.made["GET /v1/events/evt_001"] = httpx.Response(200, json=an_event())

    assert relay("events", "show", "evt_001").json == an_event()


def test_events_are_followed_from_the_moment_that_the_service_says_is_now(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    feed = FakeFeed(clock, [(3, an_event(1)), (50, an_event(2, "batch.failed")), (51, an_event(3))])
    feed.install(service)
    date = {"date": "Sat, 21 Nov 2026 11:58:00 GMT"}
    empty = {"data": [], "has_more": False, "next_cursor": None}
    service.faults = [httpx.Response(200, json=empty, headers=date)]

    said = relay("events", "--follow", "--type", "job.*", "--json")

    assert said.exit_code == 0
    assert [json.loads(line)["id"] for line in said.stdout.splitlines()] == ["evt_001", "evt_003"]
    assert feed.asked[0]["created_after"] == "2026-11-21T11:58:00Z"
    assert [query.get("cursor") for query in feed.asked] == [None, "1", "1", "1", "2", "3"]
    assert clock.pauses == []


def test_one_type_alone_is_filtered_by_the_service(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    feed = FakeFeed(clock, [(0, an_event())])
    feed.install(service)

    said = relay("events", "--follow", "--type", "job.completed", "--since", "30m")

    assert said.stdout.split()[:2] == ["evt_001", "job.completed"]
    assert feed.asked[0]["type"] == "job.completed"
    assert feed.asked[0]["created_after"] == "2026-11-21T11:30:00Z"


def test_following_goes_on_after_a_lost_connection(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    feed = FakeFeed(clock, [(0, an_event(1)), (60, an_event(2))])
    feed.install(service)
    lost = [httpx.ConnectError] * 4
    service.faults = [*lost, *lost, *[problem(503, title="Unavailable") for _ in range(4)]]

    said = relay("events", "--follow", "--since", "1h")

    assert [line.split()[0] for line in said.stdout.splitlines()] == ["evt_001", "evt_002"]
    assert "Goes on from there in 10 s" in said.stderr


def test_following_ends_with_a_refusal_that_time_does_not_mend(
    relay: Relay, service: FakeRelay
) -> None:
    detail = "This key lacks the scope webhooks:read."
    service.faults = [problem(403, title="Forbidden", code="missing_scope", detail=detail)]

    said = relay("events", "--follow", "--since", "1h")

    assert said.exit_code == 3
    assert detail in said.stderr


def test_a_service_that_does_not_hold_questions_is_not_pestered(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    empty = {"data": [], "has_more": False, "next_cursor": None}
    service.faults = [httpx.Response(200, json=empty), KeyboardInterrupt]

    relay("events", "--follow", "--since", "1h")

    assert clock.pauses == [1]


@pytest.mark.parametrize("pattern", ["job", "job.", "Job.failed", "job.*,", "**"])
def test_what_can_be_no_type_is_wrong_usage(relay: Relay, service: FakeRelay, pattern: str) -> None:
    assert relay("events", "--follow", "--type", pattern).exit_code == 2
    assert relay("endpoints", "create", "https://example.com/h", "--events", pattern).exit_code == 2
    assert service.requests == []
