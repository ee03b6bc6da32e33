"""Posts webhooks, with httpcore directly: httpx would be a third of this function's cold start."""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import certifi
import httpcore

from relay.domain.egress import BlockedTargetError, EgressPolicy, Target, check_url
from relay.domain.retry_after import parse_retry_after
from relay.domain.webhook_exchange import (
    WebhookAnswer,
    WebhookFailure,
    WebhookRequest,
    response_head,
)

WEBHOOK_TIMEOUT = timedelta(seconds=15)  # the contract's: everything, from the name to the body
RESPONSE_BYTES_MAX = 64 * 1024


@cache
def trusted_authorities() -> ssl.SSLContext:
    """Return the one TLS context of this process; reading the authorities takes milliseconds.

    From certifi alone: httpcore's own default adds whatever the environment points to.
    """
    return ssl.create_default_context(cafile=certifi.where())


class HttpWebhookSender:
    """Posts to subscribers, who may be slow, broken or hostile.

    `backend` is what keeps it off private networks: anything but a `PinnedBackend` of the same
    policy is for tests. Nothing is kept between two posts but the TLS context, so no tenant's
    connection is ever another's; and there are no retries, redirects or proxies.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        backend: httpcore.AsyncNetworkBackend,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        timeout: timedelta = WEBHOOK_TIMEOUT,
        tls: Callable[[], ssl.SSLContext] = trusted_authorities,
    ) -> None:
        self._policy = policy
        self._backend = backend
        self._now = now
        self._monotonic = monotonic
        self._timeout = timeout
        self._tls = tls

    async def post(self, request: WebhookRequest) -> WebhookAnswer:
        """Post once and return what came of it; whatever the receiver does, it does not raise.

        A redirect is an answer like any other. So is one whose body is cut, late or never ends:
        the receiver has said what it did, and sending again would only deliver twice.
        """
        started = self._monotonic()
        exchange = _Exchange()
        failure = await self._exchange(request, exchange)
        is_answered = exchange.status_code is not None
        return WebhookAnswer(
            status_code=exchange.status_code,
            failure=None if is_answered else failure,
            retry_after=self._retry_after(exchange),
            response_head=response_head(bytes(exchange.body)),
            duration=timedelta(seconds=self._monotonic() - started),
        )

    async def _exchange(
        self, request: WebhookRequest, exchange: "_Exchange"
    ) -> WebhookFailure | None:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                target = check_url(request.url, self._policy)
                await self._send(target, request, exchange)
        except BlockedTargetError:
            return WebhookFailure.BLOCKED_URL
        except (TimeoutError, httpcore.TimeoutException):
            return WebhookFailure.TIMEOUT
        except ssl.SSLError:  # TLS 1.3 refuses a client after the handshake
            return WebhookFailure.TLS_FAILED
        except (httpcore.ConnectError, OSError):
            is_tls = exchange.is_shaking_hands
            return WebhookFailure.TLS_FAILED if is_tls else WebhookFailure.CONNECT_FAILED
        except (httpcore.ProtocolError, httpcore.NetworkError):
            return WebhookFailure.INVALID_RESPONSE
        finally:
            await exchange.close()
        return None

    async def _send(self, target: Target, request: WebhookRequest, exchange: "_Exchange") -> None:
        url = httpcore.URL(
            scheme=target.scheme.encode("ascii"),
            host=target.host.encode("ascii"),
            port=target.port,
            target=target.path.encode("ascii"),
        )
        # A connection of its own and not a pool: nothing here may be shared.
        connection = httpcore.AsyncHTTPConnection(
            url.origin,
            ssl_context=self._tls() if target.scheme == "https" else None,
            http1=True,
            http2=False,
            retries=0,
            network_backend=self._backend,
        )
        response = await connection.handle_async_request(
            httpcore.Request(
                "POST",
                url,
                headers=_headers(target, request),
                content=request.body,
                extensions={"trace": exchange.trace},
            )
        )
        await exchange.read(response)

    def _retry_after(self, exchange: "_Exchange") -> timedelta | None:
        value = exchange.retry_after
        return None if value is None else parse_retry_after(value, now=self._now())


def _headers(target: Target, request: WebhookRequest) -> list[tuple[bytes, bytes]]:
    """Return ours, which frame the message and so cannot be overridden, then the caller's."""
    ours = {
        "host": target.authority,
        "content-length": str(len(request.body)),
        "accept-encoding": "identity",  # a small body must not unfold into a large one here
        "connection": "close",
    }
    given = {name.lower(): value for name, value in request.headers.items()}
    merged = ours | {name: value for name, value in given.items() if name not in ours}
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in merged.items()]


class _Exchange:
    """What is known of one post so far, so that a failure later on does not lose it."""

    def __init__(self) -> None:
        self.status_code: int | None = None
        self.retry_after: str | None = None
        self.body = bytearray()
        self.is_shaking_hands = False
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def trace(self, event: str, details: dict[str, object]) -> None:
        """Follow httpcore's events: it has one error for a failed connection and failed TLS."""
        if event == "connection.connect_tcp.complete":
            stream = details["return_value"]
            assert isinstance(stream, httpcore.AsyncNetworkStream)
            self._stream = stream
        if event.startswith("connection.start_tls."):
            self.is_shaking_hands = not event.endswith(".complete")

    async def read(self, response: httpcore.Response) -> None:
        """Keep the status at once and the body up to its limit, whatever ends the reading."""
        self.status_code = response.status
        self.retry_after = _first(response.headers, b"retry-after")
        async for chunk in response.aiter_stream():
            self.body += chunk[: RESPONSE_BYTES_MAX - len(self.body)]
            if len(self.body) == RESPONSE_BYTES_MAX:
                # Not `break`: it would leave httpcore's nested generators to be closed by the
                # event loop some time later. On a closed connection they end here, by an error.
                await self.close()

    async def close(self) -> None:
        """Drop the connection; httpcore leaves it open when a handshake is cut by the clock."""
        if self._stream is not None:
            await self._stream.aclose()


def _first(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    for key, value in headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None
