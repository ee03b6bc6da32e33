"""One webhook request and what came of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

RESPONSE_HEAD_CHARACTERS_MAX = 1_024

_UTF8_BYTES_PER_CHARACTER_MAX = 4

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?")


class WebhookFailure(StrEnum):
    """Why there is no answer, in words that tell a tenant nothing about other networks."""

    BLOCKED_URL = "blocked_url"
    CONNECT_FAILED = "connect_failed"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    INVALID_RESPONSE = "invalid_response"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What to post. Its `repr` is empty: URLs hold tokens, headers signatures, bodies answers.

    `body` is sent byte for byte, since it is signed.

    Raises:
        ValueError: A header would break out of its line.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse header injection here, before there is a connection to inject it into."""
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ValueError("A webhook header must be one line of visible ASCII.")


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What came of one post: a status, or a failure, never both.

    `retry_after` is a day at most. `response_head` has no control characters.
    """

    status_code: int | None
    failure: WebhookFailure | None
    retry_after: timedelta | None
    response_head: str = field(repr=False)
    duration: timedelta

    def __post_init__(self) -> None:
        """Hold the invariant."""
        has_one = (self.status_code is None) != (self.failure is None)
        assert has_one, "an answer is either a status or a failure"


def response_head(body: bytes) -> str:
    """Return the beginning of a response's body, fit to be stored and shown.

    Line breaks and tabs become spaces; what else cannot be printed is dropped, since it could
    move a terminal's cursor or turn text round.
    """
    start = body[: RESPONSE_HEAD_CHARACTERS_MAX * _UTF8_BYTES_PER_CHARACTER_MAX]
    text = start.decode("utf-8", errors="replace")[:RESPONSE_HEAD_CHARACTERS_MAX]
    spaced = text.replace("\r\n", " ").translate(_LINE_BREAKS_TO_SPACES)
    return "".join(character for character in spaced if character.isprintable())


_LINE_BREAKS_TO_SPACES = str.maketrans("\r\n\t", "   ")
