"""``relay listen``: the request that a local server gets is the one that a subscriber gets."""

import json

import httpx
import pytest
from standardwebhooks import Webhook

from relay import __version__
from tests.unit.cli.conftest import NOON, Relay
from tests.unit.cli.fake_relay import FakeClock, FakeRelay, problem
from tests.unit.cli.fake_webhooks import SECRET_TEXT, FakeFeed, FakeLocalServer, an_event

HOOK = "http://localhost:3000/hook"
FORWARD = ("listen", "--forward-to", HOOK)


@pytest.fixture
def local(service: FakeRelay) -> FakeLocalServer:
    server = FakeLocalServer()
    service.others["localhost"] = server
    return server


@pytest.fixture
def feed(service: FakeRelay, clock: FakeClock) -> FakeFeed:
    feed = FakeFeed(clock, [(1, an_event(1)), (2, an_event(2, "job.failed"))])
    feed.install(service)
    return feed


@pytest.mark.usefixtures("feed")
def test_an_event_is_posted_as_a_subscriber_gets_it(relay: Relay, local: FakeLocalServer) -> None:
    relay(*FORWARD)

    request = local.taken[0]
    assert (request.method, str(request.url)) == ("POST", HOOK)
    assert request.content.startswith(b'{"id":"evt_001","type":"job.completed","timestamp":')
    assert "Grüße".encode() in request.content
    signed = {
        "webhook-id": "evt_001",
        "webhook-timestamp": str(int(NOON.timestamp())),
        "webhook-signature": Webhook(SECRET_TEXT).sign("evt_001", NOON, request.content.decode()),
    }
    assert dict(request.headers) == {
        "host": "localhost:3000",
        "content-length": str(len(request.content)),
        "content-type": "application/json",
        "user-agent": f"mistral-relay/{__version__}",
        **signed,
    }


@pytest.mark.usefixtures("local")
def test_a_line_for_each_and_a_tally_at_the_end(relay: Relay, feed: FakeFeed) -> None:
    said = relay(*FORWARD)

    assert said.exit_code == 0
    rows = [line.split() for line in said.stdout.splitlines()]
    assert rows[0] == ["2026-11-21T12:00:01.000Z", "job.completed", "evt_001", "200", "0", "ms"]
    assert len(rows) == 2
    assert said.stderr.splitlines()[-1] == "2 events: 2 taken, 0 refused, 0 lost."
    assert feed.asked[0]["created_after"] == "2026-11-21T11:59:58Z"


@pytest.mark.usefixtures("local", "feed")
@pytest.mark.parametrize(("options", "is_shown"), [((), True), (("--no-secret",), False)])
def test_the_secret_is_printed_once_unless_it_must_not_be(
    relay: Relay, options: tuple[str, ...], *, is_shown: bool
) -> None:
    said = relay(*FORWARD, *options)

    assert (said.stderr.count(SECRET_TEXT) == 1) is is_shown
    assert SECRET_TEXT not in said.stdout


def test_thin_events_go_as_they_are_listed(
    relay: Relay, service: FakeRelay, local: FakeLocalServer, feed: FakeFeed
) -> None:
    relay(*FORWARD, "--payload", "thin", "--events", "job.failed,job.expired")

    assert [json.loads(request.content) for request in local.taken] == [feed.happened[1][1]]
    assert not any(request.url.path.startswith("/v1/events/") for request in service.requests)


@pytest.mark.usefixtures("feed")
def test_the_older_scheme_signs_along_on_demand(relay: Relay, local: FakeLocalServer) -> None:
    relay(*FORWARD, "--legacy-signature")

    request = local.taken[0]
    assert request.content.endswith(b',"event":"job.completed"}')
    assert len(request.headers["x-webhook-signature"]) == 64
    assert request.headers["x-webhook-timestamp"] == "2026-11-21T12:00:00.000Z"


@pytest.mark.usefixtures("feed")
def test_a_server_that_starts_anew_loses_nothing(
    relay: Relay, local: FakeLocalServer, clock: FakeClock
) -> None:
    local.answers = [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError]

    said = relay(*FORWARD)

    assert [request.headers["webhook-id"] for request in local.taken] == ["evt_001", "evt_002"]
    assert clock.pauses == [1, 2, 4]
    assert "ConnectError: connection refused. Tries again in 1 s." in said.stderr
    assert "2 taken, 0 refused, 0 lost" in said.stderr


@pytest.mark.usefixtures("feed")
def test_a_server_that_stays_down_is_told_of_and_the_next_event_is_tried(
    relay: Relay, local: FakeLocalServer
) -> None:
    local.answers = [httpx.ConnectError] * 6

    said = relay(*FORWARD)

    assert [request.headers["webhook-id"] for request in local.taken] == ["evt_002"]
    assert "relay listen --since 2026-11-21T12:00:01.000Z" in said.stderr
    assert "1 taken, 0 refused, 1 lost" in said.stderr


@pytest.mark.usefixtures("feed")
@pytest.mark.parametrize(
    ("answer", "shown"), [(500, "500"), (302, "302"), (httpx.ReadTimeout, "timeout")]
)
def test_an_answer_that_is_no_success_is_shown_and_not_repeated(
    relay: Relay,
    local: FakeLocalServer,
    clock: FakeClock,
    answer: int | type[httpx.TransportError],
    shown: str,
) -> None:
    local.answers = [answer]

    said = relay(*FORWARD, "--json")

    fate = json.loads(said.stdout.splitlines()[0])
    assert shown in (str(fate["status_code"]), fate["failure"])
    assert "1 taken, 1 refused" in said.stderr
    assert clock.pauses == []


def test_what_was_deleted_meanwhile_is_passed_over(
    relay: Relay, local: FakeLocalServer, feed: FakeFeed
) -> None:
    feed.gone = {"evt_001"}

    said = relay(*FORWARD)

    assert [request.headers["webhook-id"] for request in local.taken] == ["evt_002"]
    assert "1 deleted meanwhile" in said.stderr


@pytest.mark.usefixtures("local")
def test_a_lost_connection_to_the_service_is_waited_out_from_where_it_was(
    relay: Relay, service: FakeRelay, feed: FakeFeed, local: FakeLocalServer
) -> None:
    feed.happened = [feed.happened[0]]
    secret = service.made.pop("GET /v1/webhook_secret")
    service.faults = [secret, *[httpx.ConnectError] * 5]

    said = relay(*FORWARD, "--payload", "thin")

    assert len(local.taken) == 1
    assert "Goes on from there" in said.stderr
    assert said.exit_code == 0


@pytest.mark.usefixtures("local")
def test_a_key_that_is_revoked_ends_it_with_the_tally(
    relay: Relay, service: FakeRelay, feed: FakeFeed
) -> None:
    refusal = problem(401, title="Unauthorized", code="unauthorized")
    service.acts["GET /v1/events"] = lambda asked: (
        refusal if "cursor" in asked.url.params else feed.page(asked)
    )

    said = relay(*FORWARD)

    assert said.exit_code == 3
    assert "1 events: 1 taken" in said.stderr


def test_a_key_that_may_not_read_the_secret_is_told_so(relay: Relay, service: FakeRelay) -> None:
    detail = "This key lacks the scope webhooks:write. Use one that has it."
    service.faults = [problem(403, title="Forbidden", code="missing_scope", detail=detail)]

    said = relay(*FORWARD)

    assert said.exit_code == 3
    assert detail in said.stderr


@pytest.mark.parametrize("secret", [None, "MfKQ", "whsec_not base 64"])
def test_a_secret_that_is_none_is_not_signed_with(
    relay: Relay, service: FakeRelay, secret: str | None
) -> None:
    service.made["GET /v1/webhook_secret"] = httpx.Response(200, json={"secret": secret})

    assert relay(*FORWARD).exit_code == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://example.com/hook",
        "http://93.184.216.34/hook",
        "http://user:pass@localhost/hook",
        "ftp://localhost/hook",
        "localhost:3000",
        "http://[::1/hook",
        "http://localhost:port/",
    ],
)
def test_answers_leave_the_machine_only_encrypted(
    relay: Relay, service: FakeRelay, target: str
) -> None:
    said = relay("listen", "--forward-to", target)

    assert said.exit_code == 2
    assert "--forward-to" in said.stderr
    assert service.requests == []


@pytest.mark.usefixtures("feed")
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.1.2.3", "web", "host.docker.internal", "app.localhost"]
)
def test_private_hosts_are_near_enough_for_http(
    relay: Relay, service: FakeRelay, host: str
) -> None:
    server = FakeLocalServer()
    service.others[host.strip("[]")] = server

    relay("listen", "--forward-to", f"http://{host}:3000/hook")

    assert len(server.taken) == 2
