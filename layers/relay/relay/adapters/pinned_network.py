"""The network as webhooks may use it: names are resolved once, and the number checked is dialled.

httpcore keeps doing TLS on the stream returned here, with the *name*: server name indication,
certificate check and `Host` need no line of ours. Rewriting the URL to the number would.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from ipaddress import ip_address
from typing import override

import httpcore

from relay.domain.egress import BlockedTargetError, EgressPolicy, check_address

RESOLVE_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5.0  # each: one dead address must leave time for the next
ADDRESSES_DIALLED_MAX = 3
RESOLVING_THREADS_MAX = 20  # twice a batch, so that those which still hang leave room for the next

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes an A-label name and a port; returns every address, in the order to try them."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver.

    The thread that asks outlives our deadline, until the system's own (some 20 s): a tenant whose
    name servers hang can hold threads that resolve, and so delay other tenants' resolving. They
    are threads of their own, so that it never holds up the table. If it ever bites, the answer
    is a resolver that can be cancelled.
    """
    # Bytes, because a str would go through Python's IDNA 2003 codec: a second opinion on the name.
    ask = partial(
        socket.getaddrinfo,
        host.encode("ascii"),
        port,
        type=socket.SOCK_STREAM,
        proto=socket.IPPROTO_TCP,
    )
    answers = await asyncio.get_running_loop().run_in_executor(_resolving_threads(), ask)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


@cache
def _resolving_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(RESOLVING_THREADS_MAX, thread_name_prefix="resolve")


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Dials public addresses only. `resolver`, `check` and `network` are arguments for tests."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolver: Resolver = resolve,
        check: Callable[[str], None] = check_address,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._resolve = resolver
        self._check = check
        # Where anyio is missing, httpcore has a stand-in of the same name, which pyright sees too.
        self._network: httpcore.AsyncNetworkBackend = network or httpcore.AnyIOBackend()  # pyright: ignore[reportAttributeAccessIssue]

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers.

        Raises:
            BlockedTargetError: One of the addresses is not public, so none is dialled.
            httpcore.ConnectError: There is no address, or none took the connection.
            httpcore.ConnectTimeout: The last one tried did not answer in time.
        """
        limit = CONNECT_TIMEOUT_SECONDS if timeout is None else timeout
        failure: Exception = httpcore.ConnectError("no address")
        for address in (await self._addresses(host, port))[:ADDRESSES_DIALLED_MAX]:
            try:
                stream = await self._network.connect_tcp(
                    address,
                    port,
                    timeout=limit,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                await _check_peer(stream, address)
                return stream
        raise failure

    @override
    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no webhook goes to a socket of this machine."""
        raise BlockedTargetError("Webhooks do not go to local sockets.")

    @override
    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore asks between retries."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Return what to dial, each address checked; one bad answer refuses them all.

        A name with a public and a private address is not half a customer: it is an attempt to
        be dialled at whichever address the check did not look at.
        """
        if loopback := self._policy.loopback_addresses(host):
            return loopback
        addresses = [host] if _is_number(host) else await self._resolved(host, port)
        for address in addresses:
            self._check(address)
        return addresses

    async def _resolved(self, host: str, port: int) -> Sequence[str]:
        """Resolve, closed on every doubt: an error is never taken for the absence of danger."""
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_SECONDS):
                answers = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name did not resolve in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name did not resolve") from error
        return list(dict.fromkeys(answers))


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _check_peer(stream: httpcore.AsyncNetworkStream, address: str) -> None:
    """Refuse a connection that did not go where it was sent."""
    try:
        peer = stream.get_extra_info("server_addr")
        is_pinned = ip_address(peer[0]) == ip_address(address)
    except OSError as error:  # gone already, so the system no longer knows who it was
        await stream.aclose()
        raise httpcore.ConnectError("the connection was lost") from error
    if not is_pinned:
        await stream.aclose()
        raise BlockedTargetError("The host must be a public address on the Internet.")
