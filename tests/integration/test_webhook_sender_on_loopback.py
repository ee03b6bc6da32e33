"""Real connections to receivers of every kind, on the one network a test may use."""

import asyncio
from asyncio import StreamWriter
from datetime import UTC, datetime, timedelta

import pytest

from relay.adapters.pinned_network import PinnedBackend
from relay.adapters.webhook_http import HttpWebhookSender
from relay.domain.egress import EgressPolicy
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from tests.integration.webhook_receiver import Receiver, Respond, answering, hanging_after

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POLICY = EgressPolicy(allow_loopback_http=True)
BRIEFLY = timedelta(milliseconds=50)
GIBIBYTE = 1024**3
CHUNK = b"x" * 65_536


def sender(timeout: timedelta) -> HttpWebhookSender:
    return HttpWebhookSender(POLICY, PinnedBackend(POLICY), now=lambda: NOON, timeout=timeout)


def post_to(
    respond: Respond, *, timeout: timedelta = timedelta(seconds=15)
) -> tuple[WebhookAnswer, list[bytes]]:
    async def scenario() -> tuple[WebhookAnswer, list[bytes]]:
        receiver = Receiver(respond)
        async with receiver.serving():
            url = f"http://127.0.0.1:{receiver.port}/hooks?a=1"
            request = WebhookRequest(url, {"webhook-id": "evt_1"}, b'{"a": 1}')
            return await sender(timeout).post(request), receiver.requests

    return asyncio.run(scenario())


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "410 Gone", "500 Oh"])
def test_the_status_is_returned_as_it_is(status: str) -> None:
    answer, _ = post_to(answering(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()))

    assert answer.status_code == int(status[:3])
    assert answer.failure is None
    assert answer.retry_after is None


def test_a_busy_receiver_says_when_to_come_back() -> None:
    answer, _ = post_to(
        answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\ncontent-length: 4\r\n\r\nbusy")
    )

    assert answer.status_code == 503
    assert answer.retry_after == timedelta(minutes=2)
    assert answer.response_head == "busy"


def test_a_date_to_come_back_at_is_counted_from_the_clock_given() -> None:
    answer, _ = post_to(
        answering(
            b"HTTP/1.1 429 Slow\r\nretry-after: Mon, 02 Mar 2026 12:00:30 GMT\r\n"
            b"content-length: 0\r\n\r\n"
        )
    )

    assert answer.retry_after == timedelta(seconds=30)


def test_a_redirect_is_not_followed() -> None:
    answer, requests = post_to(
        answering(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
    )

    assert answer.status_code == 302
    assert len(requests) == 1


def test_the_request_is_framed_by_us_and_asks_for_no_compression_or_keep_alive() -> None:
    async def scenario() -> tuple[list[bytes], int]:
        receiver = Receiver(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))
        async with receiver.serving():
            url = f"http://127.0.0.1:{receiver.port}/h%C3%A9?a=1"
            headers = {"Webhook-Id": "evt_1", "Host": "other", "Content-Length": "9", "x-b": ""}
            await sender(timedelta(seconds=15)).post(WebhookRequest(url, headers, b"{}"))
            return receiver.requests, receiver.port

    requests, port = asyncio.run(scenario())

    assert requests == [
        b"POST /h%%C3%%A9?a=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-length: 2\r\n"
        b"accept-encoding: identity\r\nconnection: close\r\nwebhook-id: evt_1\r\nx-b: \r\n\r\n{}"
        % port
    ]


def test_every_post_has_a_connection_of_its_own() -> None:
    peers: list[object] = []

    async def respond(writer: StreamWriter, _stopping: asyncio.Event) -> None:
        peers.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def scenario() -> None:
        receiver = Receiver(respond)
        async with receiver.serving():
            one = sender(timedelta(seconds=15))
            request = WebhookRequest(f"http://localhost:{receiver.port}", {}, b"")
            await asyncio.gather(one.post(request), one.post(request))
            await one.post(request)

    asyncio.run(scenario())

    assert len(set(peers)) == 3


def test_slow_headers_are_a_timeout() -> None:
    answer, requests = post_to(hanging_after(b"HTTP/1.1 200 OK\r\n"), timeout=BRIEFLY)

    assert answer.failure is WebhookFailure.TIMEOUT
    assert len(requests) == 1


def test_a_body_that_never_ends_does_not_undo_the_status_before_it() -> None:
    answer, _ = post_to(
        hanging_after(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntaken"), timeout=BRIEFLY
    )

    assert answer.status_code == 200
    assert answer.failure is None
    assert answer.response_head == "taken"


def test_a_body_that_is_cut_does_not_undo_the_status_before_it() -> None:
    answer, _ = post_to(answering(b"HTTP/1.1 202 OK\r\ncontent-length: 100\r\n\r\ntaken"))

    assert answer.status_code == 202
    assert answer.response_head == "taken"


def test_a_body_of_a_gibibyte_is_cut_off() -> None:
    sent: list[int] = []

    async def respond(writer: StreamWriter, _stopping: asyncio.Event) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % GIBIBYTE)
        while sum(sent) < GIBIBYTE:
            writer.write(CHUNK)
            await writer.drain()
            sent.append(len(CHUNK))

    answer, _ = post_to(respond)

    assert answer.status_code == 200
    assert answer.response_head == "x" * 1_024
    assert sum(sent) < GIBIBYTE // 16


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 200_000,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ],
)
def test_what_is_not_http_is_an_invalid_response(response: bytes) -> None:
    answer, _ = post_to(answering(response))

    assert answer.failure is WebhookFailure.INVALID_RESPONSE
    assert answer.status_code is None
    assert answer.response_head == ""


def test_a_connection_reset_before_the_answer_is_an_invalid_response() -> None:
    async def respond(writer: StreamWriter, _stopping: asyncio.Event) -> None:
        writer.transport.abort()

    answer, _ = post_to(respond)

    assert answer.failure is WebhookFailure.INVALID_RESPONSE


def test_early_hints_are_not_the_answer() -> None:
    answer, _ = post_to(
        answering(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    )

    assert answer.status_code == 200


def test_a_port_that_nobody_listens_on_is_a_failed_connection() -> None:
    async def scenario() -> WebhookAnswer:
        receiver = Receiver(answering(b""))
        async with receiver.serving():
            pass
        request = WebhookRequest(f"http://127.0.0.1:{receiver.port}/", {}, b"")
        return await sender(timedelta(seconds=15)).post(request)

    assert asyncio.run(scenario()).failure is WebhookFailure.CONNECT_FAILED


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    answer, requests = post_to(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))

    assert answer.status_code == 200
    assert requests[0].startswith(b"POST /hooks?a=1 HTTP/1.1\r\n")


def test_an_outer_cancellation_is_not_swallowed() -> None:
    async def scenario() -> list[bytes]:
        receiver = Receiver(hanging_after(b"HTTP/1.1 200 OK\r\n"))
        async with receiver.serving():
            request = WebhookRequest(f"http://127.0.0.1:{receiver.port}/", {}, b"")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(BRIEFLY.total_seconds()):
                    await sender(timedelta(seconds=15)).post(request)
            return receiver.requests

    assert len(asyncio.run(scenario())) == 1
