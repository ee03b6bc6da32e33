"""What goes out of the machine, watched at the socket and not at the validator."""

import asyncio
import json
import logging
import ssl
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import override

import httpcore
import pytest

from relay.adapters.pinned_network import PinnedBackend
from relay.adapters.webhook_http import HttpWebhookSender
from relay.domain.egress import EgressPolicy, check_address
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POLICY = EgressPolicy(forbidden_hosts=frozenset({"relay.example.org"}))
CORPUS = json.loads((Path(__file__).parents[1] / "data" / "hostile_urls.json").read_text())
PUBLIC = "93.184.216.34"


class FakeResolver:
    """Gives its answers one after the other, the last one for ever, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = answers

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


class RefusingStream(httpcore.AsyncNetworkStream):
    """Takes the request, then says that it wanted a certificate of ours."""

    def __init__(self) -> None:
        self.is_closed = False

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        pass

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        raise ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]")

    @override
    async def aclose(self) -> None:
        self.is_closed = True


class RefusingNetwork(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self.stream = RefusingStream()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return self.stream


@pytest.fixture
def dials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record and refuse every connection that the event loop is asked to make."""
    recorded: list[str] = []

    async def refuse(_loop: object, _socket: object, address: tuple[str, int]) -> None:
        recorded.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", refuse)
    return recorded


def post(url: str, resolver: FakeResolver, policy: EgressPolicy = POLICY) -> WebhookAnswer:
    sender = HttpWebhookSender(policy, PinnedBackend(policy, resolver=resolver), now=lambda: NOON)
    return asyncio.run(sender.post(WebhookRequest(url, {"webhook-id": "evt_1"}, b"{}")))


def test_the_recorder_sees_a_dial_that_nobody_guards(dials: list[str]) -> None:
    sender = HttpWebhookSender(
        EgressPolicy(allow_loopback_http=True), httpcore.AnyIOBackend(), now=lambda: NOON
    )

    answer = asyncio.run(sender.post(WebhookRequest("http://127.0.0.1:9/", {}, b"")))

    assert answer.failure is WebhookFailure.CONNECT_FAILED
    assert dials == ["127.0.0.1"]


@pytest.mark.parametrize(("url", "why"), CORPUS["deny"])
def test_a_hostile_url_dials_nothing(dials: list[str], url: str, why: str) -> None:
    resolver = FakeResolver([PUBLIC])

    answer = post(url, resolver)

    assert answer.failure is WebhookFailure.BLOCKED_URL, why
    assert dials == []
    assert resolver.asked == []


@pytest.mark.parametrize(("url", "answers"), CORPUS["deny_dns"])
def test_a_hostile_dns_answer_dials_nothing(dials: list[str], url: str, answers: list[str]) -> None:
    answer = post(url, FakeResolver(answers))

    assert answer.failure is WebhookFailure.BLOCKED_URL
    assert dials == []


@pytest.mark.parametrize(("url", "answers"), CORPUS["deny_dns"])
def test_a_hostile_dns_answer_dials_nothing_on_a_developers_machine_either(
    dials: list[str], url: str, answers: list[str]
) -> None:
    answer = post(url, FakeResolver(answers), EgressPolicy(allow_loopback_http=True))

    assert answer.failure is WebhookFailure.BLOCKED_URL
    assert dials == []


@pytest.mark.parametrize(("url", "answers"), CORPUS["allow"])
def test_a_legitimate_url_is_dialled_at_its_public_addresses(
    dials: list[str], url: str, answers: list[str]
) -> None:
    answer = post(url, FakeResolver(answers))

    assert answer.failure is WebhookFailure.CONNECT_FAILED
    assert dials
    for address in dials:
        check_address(address)
    assert not answers or dials == answers


def test_a_name_that_changes_its_address_between_two_questions_is_asked_once(
    dials: list[str],
) -> None:
    resolver = FakeResolver([PUBLIC], ["127.0.0.1"])

    post("https://rebinding.com/", resolver)

    assert resolver.asked == [("rebinding.com", 443)]
    assert dials == [PUBLIC]


def test_a_name_without_an_address_dials_nothing(dials: list[str]) -> None:
    answer = post("https://nowhere.com/", FakeResolver([]))

    assert answer.failure is WebhookFailure.CONNECT_FAILED
    assert dials == []


def test_proxies_of_the_environment_are_ignored(
    dials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")

    post("https://example.com/", FakeResolver([PUBLIC]))

    assert dials == [PUBLIC]


def test_a_resolver_that_never_answers_is_a_timeout(dials: list[str]) -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return [PUBLIC]

    sender = HttpWebhookSender(
        POLICY,
        PinnedBackend(POLICY, resolver=never),
        now=lambda: NOON,
        timeout=timedelta(milliseconds=10),
    )

    answer = asyncio.run(sender.post(WebhookRequest("https://example.com/", {}, b"")))

    assert answer.failure is WebhookFailure.TIMEOUT
    assert dials == []


def test_the_duration_is_what_passed_on_the_clock_given(dials: list[str]) -> None:
    ticks = iter([100.0, 100.25])
    sender = HttpWebhookSender(
        POLICY,
        PinnedBackend(POLICY, resolver=FakeResolver([PUBLIC])),
        now=lambda: NOON,
        monotonic=lambda: next(ticks),
    )

    answer = asyncio.run(sender.post(WebhookRequest("https://example.com/", {}, b"")))

    assert answer.duration == timedelta(milliseconds=250)
    assert dials == [PUBLIC]


def test_a_failed_post_logs_neither_its_token_nor_its_body(
    dials: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender = HttpWebhookSender(
        POLICY, PinnedBackend(POLICY, resolver=FakeResolver([PUBLIC])), now=lambda: NOON
    )
    request = WebhookRequest("https://example.com/canary-1", {"x-a": "canary-2"}, b"canary-3")

    answer = asyncio.run(sender.post(request))

    assert dials == [PUBLIC]
    assert "canary" not in caplog.text
    assert "canary" not in repr(answer)


def test_a_receiver_that_refuses_us_after_the_handshake_fails_by_tls() -> None:
    """TLS 1.3 asks for a certificate only when the client believes the handshake to be over."""
    network = RefusingNetwork()
    policy = EgressPolicy(allow_loopback_http=True)
    sender = HttpWebhookSender(policy, network, now=lambda: NOON)

    answer = asyncio.run(sender.post(WebhookRequest("http://localhost/", {}, b"")))

    assert answer.failure is WebhookFailure.TLS_FAILED
    assert network.stream.is_closed
