"""One HTTP request and its repetitions: what is safe to send twice, when, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from tools.cli.errors import UnreachableError
from tools.cli.machine import Machine
from tools.cli.settings import Settings
from tools.cli.version import version

ANSWER_SECONDS_MAX = 10  # for an answer, on top of the time it is held
CONNECT_SECONDS_MAX = 5
RETRY_PAUSES_SECONDS = (1, 2, 4)  # before each further attempt, where the service names no time
RETRY_SECONDS_MAX = 60  # for all attempts at one request, unless its caller has less time
RETRIED_STATUSES = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """``is_repeatable``: a second one does no harm. ``until``: when to give up, in ticks."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    hold_seconds: int = 0
    is_repeatable: bool = True
    until: float | None = None


class Caller:
    """Sends calls as they are; adds no key."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._machine = machine
        self._http = httpx.Client(
            transport=machine.transport,
            headers={"User-Agent": f"mistral-relay-cli/{version()}"},
            trust_env=not settings.is_loopback,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call) -> httpx.Response:
        """Return the answer, whatever its status, after as many attempts as are allowed.

        Raises:
            UnreachableError: There was no answer.
        """
        until = self._machine.ticks() + RETRY_SECONDS_MAX if call.until is None else call.until
        for usual_pause in RETRY_PAUSES_SECONDS:
            pause: float = usual_pause
            try:
                response = self._send_once(call)
            except UnreachableError:
                if not self._may_repeat(call, pause, until):
                    raise
            else:
                asked = self.retry_after_seconds(response)
                pause = usual_pause if asked is None else asked
                if not (_is_passing(response) and self._may_repeat(call, pause, until)):
                    return response
            self._machine.wait(pause)
        return self._send_once(call)

    def retry_after_seconds(self, response: httpx.Response) -> float | None:
        """Return the pause of ``Retry-After``, which is in seconds or a date."""
        value = response.headers.get("retry-after", "")
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self._machine.now()).total_seconds())
        except (ValueError, TypeError):  # absent, unreadable, or without a zone
            return None

    def _may_repeat(self, call: Call, pause: float, until: float) -> bool:
        return call.is_repeatable and self._machine.ticks() + pause < until

    def _send_once(self, call: Call) -> httpx.Response:
        timeout = httpx.Timeout(call.hold_seconds + ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        try:
            return self._http.request(
                call.method, call.url, headers=call.headers, content=call.body, timeout=timeout
            )
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise self._unreachable(call, error) from error

    def _unreachable(self, call: Call, error: Exception) -> UnreachableError:
        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        reason = f"{type(error).__name__}: {error}".replace(self._settings.api_key, "[API key]")
        lines = [reason.removesuffix(": ")]
        if call.method == "POST" and not never_sent:
            lines.append("The connection was lost on the way: the job may have been accepted.")
        # The host alone, since the rest of a link may hold its permission.
        return UnreachableError(
            f"Could not reach the service at {urlsplit(call.url).netloc}.",
            lines=lines,
            advice=[f"Check the network and the address, which came from {self._settings.source}."],
        )


def _is_passing(response: httpx.Response) -> bool:
    """Tell whether the same request may fare better soon."""
    is_being_accepted = (
        response.status_code == HTTPStatus.CONFLICT and "retry-after" in response.headers
    )
    return response.status_code in RETRIED_STATUSES or is_being_accepted
