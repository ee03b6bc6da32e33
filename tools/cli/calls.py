"""One HTTP request and its repetitions: when, and until when. All are safe to send twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from tools.cli.errors import UnreachableError, makes_job, same_job_advice
from tools.cli.machine import Machine
from tools.cli.settings import Settings
from tools.cli.version import version

ANSWER_SECONDS_MAX = 10  # for an answer, on top of the time it is held
CONNECT_SECONDS_MAX = 5
RETRY_PAUSES_SECONDS = (1, 2, 4)  # before each further attempt, where the service names no time
RETRY_SECONDS_MAX = 60  # for all attempts at one request, unless its caller has less time
IDEMPOTENCY_KEY = "Idempotency-Key"
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL)
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
    """A request of which a second does no harm. ``until``: when to give up, in ticks."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    hold_seconds: int = 0
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
        pauses = iter(RETRY_PAUSES_SECONDS)
        may_have_arrived = False
        while True:  # ends with the last pause
            pause: float | None = next(pauses, None)
            try:
                response = self._send_once(call)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                may_have_arrived = may_have_arrived or not isinstance(error, NEVER_SENT)
                if pause is None or not self._is_in_time(pause, until):
                    lost = self._unreachable(call, error, may_have_arrived=may_have_arrived)
                    raise lost from error
            else:
                may_have_arrived = True
                asked = self.retry_after_seconds(response)
                pause = asked if pause is not None and asked is not None else pause
                if pause is None or not (_is_passing(response) and self._is_in_time(pause, until)):
                    return response
            self._machine.wait(pause)

    def retry_after_seconds(self, response: httpx.Response) -> float | None:
        """Return the pause of ``Retry-After``, which is in seconds or a date."""
        value = response.headers.get("retry-after", "")
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            return max(0.0, (parsedate_to_datetime(value) - self._machine.now()).total_seconds())
        except (ValueError, TypeError):  # absent, unreadable, or without a zone
            return None

    def _is_in_time(self, pause: float, until: float) -> bool:
        return self._machine.ticks() + pause < until

    def _send_once(self, call: Call) -> httpx.Response:
        timeout = httpx.Timeout(call.hold_seconds + ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        return self._http.request(
            call.method, call.url, headers=call.headers, content=call.body, timeout=timeout
        )

    def _unreachable(
        self, call: Call, error: Exception, *, may_have_arrived: bool
    ) -> UnreachableError:
        reason = f"{type(error).__name__}: {error}"
        if self._settings.api_key:  # there is none where anybody may ask
            reason = reason.replace(self._settings.api_key, "[API key]")
        lines = [reason.removesuffix(": ")]
        advice = [f"Check the network and the address, which came from {self._settings.source}."]
        if call.method != "GET" and may_have_arrived:
            key = call.headers.get(IDEMPOTENCY_KEY) if makes_job(call.url) else None
            doubt = "the job may have been accepted" if key else "what was asked may be done"
            lines.append(f"The connection was lost on the way: {doubt}.")
            advice += same_job_advice(key)
        # The host alone, since the rest of a link may hold its permission.
        return UnreachableError(
            f"Could not reach the service at {urlsplit(call.url).netloc}.",
            lines=lines,
            advice=advice,
        )


def _is_passing(response: httpx.Response) -> bool:
    """Tell whether the same request may fare better soon."""
    is_being_accepted = (
        response.status_code == HTTPStatus.CONFLICT and "retry-after" in response.headers
    )
    return response.status_code in RETRIED_STATUSES or is_being_accepted
