import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import override

import httpcore
import pytest

from relay.adapters.pinned_network import ADDRESSES_DIALLED_MAX, PinnedBackend
from relay.domain.egress import BlockedTargetError, EgressPolicy

POLICY = EgressPolicy()
LOCAL = EgressPolicy(allow_loopback_http=True)


class FakeStream(httpcore.AsyncNetworkStream):
    def __init__(self, peer: str | None) -> None:
        self._peer = peer
        self.is_closed = False

    @override
    def get_extra_info(self, info: str) -> tuple[str, int]:
        assert info == "server_addr"
        if self._peer is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._peer, 443

    @override
    async def aclose(self) -> None:
        self.is_closed = True


class FakeNetwork(httpcore.AsyncNetworkBackend):
    """Takes every connection but those to `dead` addresses; answers from `peer` if one is given."""

    def __init__(self, *, dead: Iterable[str] = (), peer: str | None = "") -> None:
        self.dialled: list[str] = []
        self.streams: list[FakeStream] = []
        self.slept = 0.0
        self._dead = frozenset(dead)
        self._peer = peer

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if host in self._dead:
            raise httpcore.ConnectError("refused")
        stream = FakeStream(host if self._peer == "" else self._peer)
        self.streams.append(stream)
        return stream

    @override
    async def sleep(self, seconds: float) -> None:
        self.slept = seconds


def answering(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolver


def failing(error: Exception) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        raise error

    return resolver


def dial(backend: PinnedBackend, host: str = "hooks.example.com") -> httpcore.AsyncNetworkStream:
    return asyncio.run(backend.connect_tcp(host, 443))


def test_the_number_is_dialled_and_not_the_name() -> None:
    network = FakeNetwork()

    dial(PinnedBackend(POLICY, resolver=answering("93.184.216.34"), network=network))

    assert network.dialled == ["93.184.216.34"]


def test_the_addresses_are_tried_in_order_until_one_answers() -> None:
    network = FakeNetwork(dead=["2606:4700:4700::1111"])
    resolver = answering("2606:4700:4700::1111", "1.1.1.1", "1.0.0.1")

    dial(PinnedBackend(POLICY, resolver=resolver, network=network))

    assert network.dialled == ["2606:4700:4700::1111", "1.1.1.1"]


def test_only_so_many_addresses_are_tried_and_each_once() -> None:
    addresses = [f"93.184.216.{n // 2}" for n in range(40)]
    network = FakeNetwork(dead=addresses)

    with pytest.raises(httpcore.ConnectError):
        dial(PinnedBackend(POLICY, resolver=answering(*addresses), network=network))

    assert network.dialled == ["93.184.216.0", "93.184.216.1", "93.184.216.2"]
    assert len(network.dialled) == ADDRESSES_DIALLED_MAX


@pytest.mark.parametrize("position", [0, 1, 5])
def test_one_bad_address_refuses_all_of_them_wherever_it_stands(position: int) -> None:
    addresses = [f"93.184.216.{n}" for n in range(5)]
    addresses.insert(position, "169.254.169.254")
    network = FakeNetwork()

    with pytest.raises(BlockedTargetError):
        dial(PinnedBackend(POLICY, resolver=answering(*addresses), network=network))

    assert network.dialled == []


def test_no_answer_is_a_failed_connection() -> None:
    network = FakeNetwork()

    with pytest.raises(httpcore.ConnectError):
        dial(PinnedBackend(POLICY, resolver=answering(), network=network))

    assert network.dialled == []


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        OSError("no resolver"),
        UnicodeError("label too long"),
    ],
)
def test_an_error_of_the_resolver_is_a_failed_connection(error: Exception) -> None:
    network = FakeNetwork()

    with pytest.raises(httpcore.ConnectError) as failed:
        dial(PinnedBackend(POLICY, resolver=failing(error), network=network))

    assert network.dialled == []
    assert "example" not in str(failed.value)


def test_a_resolver_that_never_answers_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ["93.184.216.34"]

    monkeypatch.setattr("relay.adapters.pinned_network.RESOLVE_TIMEOUT_SECONDS", 0.01)
    network = FakeNetwork()

    with pytest.raises(httpcore.ConnectTimeout):
        dial(PinnedBackend(POLICY, resolver=resolver, network=network))

    assert network.dialled == []


@pytest.mark.parametrize("literal", ["1.1.1.1", "2606:4700:4700::1111"])
def test_a_public_literal_is_dialled_without_asking_a_resolver(literal: str) -> None:
    network = FakeNetwork()
    resolver = failing(AssertionError("asked"))

    dial(PinnedBackend(POLICY, resolver=resolver, network=network), literal)

    assert network.dialled == [literal]


@pytest.mark.parametrize("literal", ["127.0.0.1", "10.0.0.1", "::1", "64:ff9b::7f00:1"])
def test_a_private_literal_is_refused_even_if_nobody_checked_the_url(literal: str) -> None:
    network = FakeNetwork()

    with pytest.raises(BlockedTargetError):
        dial(PinnedBackend(POLICY, resolver=answering(), network=network), literal)

    assert network.dialled == []


def test_a_peer_other_than_the_address_dialled_is_refused_and_closed() -> None:
    network = FakeNetwork(peer="10.0.0.1")

    with pytest.raises(BlockedTargetError):
        dial(PinnedBackend(POLICY, resolver=answering("93.184.216.34"), network=network))

    assert [stream.is_closed for stream in network.streams] == [True]


def test_a_peer_that_is_gone_already_is_a_failed_connection() -> None:
    network = FakeNetwork(peer=None)

    with pytest.raises(httpcore.ConnectError):
        dial(PinnedBackend(POLICY, resolver=answering("93.184.216.34"), network=network))

    assert [stream.is_closed for stream in network.streams] == [True]


def test_localhost_is_both_loopback_addresses_on_a_developers_machine() -> None:
    """Some servers started as "localhost" listen on ::1 alone."""
    network = FakeNetwork(dead=["127.0.0.1"])
    resolver = failing(AssertionError("asked"))

    dial(PinnedBackend(LOCAL, resolver=resolver, network=network), "localhost")

    assert network.dialled == ["127.0.0.1", "::1"]


def test_a_name_that_resolves_to_loopback_is_refused_even_on_a_developers_machine() -> None:
    network = FakeNetwork()

    with pytest.raises(BlockedTargetError):
        dial(PinnedBackend(LOCAL, resolver=answering("127.0.0.1"), network=network))

    assert network.dialled == []


def test_local_sockets_are_refused() -> None:
    with pytest.raises(BlockedTargetError):
        asyncio.run(PinnedBackend(LOCAL).connect_unix_socket("/var/run/docker.sock"))


def test_waiting_is_left_to_the_network_underneath() -> None:
    network = FakeNetwork()

    asyncio.run(PinnedBackend(POLICY, network=network).sleep(0.5))

    assert network.slept == 0.5


def test_the_default_resolver_asks_the_system_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def getaddrinfo(host: object, port: object, **_: object) -> list[object]:
        asked.append((host, port))
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700:4700::1111", 443, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    network = FakeNetwork(dead=["2606:4700:4700::1111"])

    dial(PinnedBackend(POLICY, network=network))

    assert asked == [(b"hooks.example.com", 443)]
    assert network.dialled == ["2606:4700:4700::1111", "1.1.1.1"]
