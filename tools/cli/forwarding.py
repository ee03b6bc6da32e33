"""Posting an event to a server nearby, with precisely the request that a subscriber gets.

Source: https://github.com/standard-webhooks/standard-webhooks, version 1.0.0.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from relay import __version__
from relay.domain.signing import SECRET_PREFIX, WebhookSecret, legacy_headers, signature_headers
from tools.cli.errors import UnreachableError, UsageError
from tools.cli.machine import Machine

ANSWER_SECONDS_MAX = 15  # the time that a subscriber has
RETRY_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)  # longer than a server takes to start anew
NEARBY_SUFFIXES = (".localhost", ".local", ".internal", ".test")
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What came of one event: a status, or why there is none."""

    status_code: int | None
    failure: str | None
    milliseconds: int
    is_lost: bool = False
    """Nobody was there to take it."""

    @property
    def is_success(self) -> bool:
        """Whether a subscriber that answered so would have been told."""
        return self.status_code in SUCCESS


def check_target(url: str) -> None:
    """Let prompts and answers go unencrypted to this machine and its private networks only.

    Raises:
        UsageError: It is no address to post to.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise UsageError(
            "--forward-to takes an http or https address such as http://localhost:3000/hook"
        )
    if parts.scheme == "http" and not _is_nearby(host):
        raise UsageError(
            f"{host} is not on this machine or a private network, so --forward-to needs https.",
            advice=["Events carry prompts' answers, which plain http would show to anybody."],
        )


def _is_nearby(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        # A name without a dot is of this machine or its network, as a container's is.
        return "." not in host or host.endswith(NEARBY_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def read_secret(data: Mapping[str, Any]) -> WebhookSecret:
    """Return the secret in the service's answer.

    Raises:
        UnreachableError: There is none.
    """
    text = data.get("secret")
    if isinstance(text, str) and text.startswith(SECRET_PREFIX):
        with suppress(binascii.Error):
            return WebhookSecret(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True))
    raise UnreachableError("The service's answer holds no webhook secret.")


class Forwarder:
    """Signs and posts events, each until somebody takes the connection, or not for long."""

    def __init__(
        self,
        machine: Machine,
        target: str,
        secret: WebhookSecret,
        *,
        signs_legacy: bool,
        notify: Callable[[str], None],
    ) -> None:
        self._machine = machine
        self._target = target
        self._secret = secret
        self._signs_legacy = signs_legacy
        self._notify = notify
        self._http = httpx.Client(
            transport=machine.transport, trust_env=False, timeout=ANSWER_SECONDS_MAX
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def forward(self, event: Mapping[str, Any]) -> Forwarded:
        """Post an event: again only where the connection failed, which a restart mends.

        An answer that is no success is left to the person who watches, and not repeated.
        """
        told = {**event, "event": event.get("type")} if self._signs_legacy else dict(event)
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        outcome = self._post(str(event.get("id")), body)
        for pause in RETRY_PAUSES_SECONDS:
            if not outcome.is_lost:
                break
            self._notify(f"{outcome.failure}. Tries again in {pause:g} s.")
            self._machine.wait(pause)
            outcome = self._post(str(event.get("id")), body)
        return outcome

    def _post(self, event_id: str, body: bytes) -> Forwarded:
        begun = self._machine.ticks()
        headers = self._headers(event_id, body)
        # Made by hand, so that the client adds no headers of its own but the host and the length.
        request = httpx.Request("POST", self._target, headers=headers, content=body)
        try:
            response = self._http.send(request)
        except httpx.TimeoutException:
            return self._failed("timeout", begun)
        except httpx.RequestError as error:
            return self._failed(f"{type(error).__name__}: {error}", begun, is_lost=True)
        spent = self._milliseconds(begun)
        return Forwarded(status_code=response.status_code, failure=None, milliseconds=spent)

    def _headers(self, event_id: str, body: bytes) -> dict[str, str]:
        sent_at = self._machine.now()
        headers = {
            "content-type": "application/json",
            "user-agent": f"mistral-relay/{__version__}",
        } | signature_headers([self._secret], message_id=event_id, sent_at=sent_at, body=body)
        if self._signs_legacy:
            headers |= legacy_headers(self._secret, sent_at=sent_at, body=body)
        return headers

    def _failed(self, why: str, begun: float, *, is_lost: bool = False) -> Forwarded:
        spent = self._milliseconds(begun)
        return Forwarded(status_code=None, failure=why, milliseconds=spent, is_lost=is_lost)

    def _milliseconds(self, begun: float) -> int:
        return round((self._machine.ticks() - begun) * 1000)
