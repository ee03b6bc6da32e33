"""The query parameters of a list, read one by one, and refused all at once."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from functions.api.http import Request
from functions.api.pages import unknown_parameters, unlistable
from relay.domain.body_rules import FieldError
from relay.domain.event_types import is_pattern
from relay.domain.ids import is_id

MOMENT = {"type": "string", "format": "date-time"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""Ids carry milliseconds, rounded up."""


class Query:
    """The parameters of one request. Those that are empty count as left out."""

    def __init__(self, request: Request, known: Collection[str]) -> None:
        self._request = request
        self._errors = unknown_parameters(request, known)

    def read[T, Default](
        self, name: str, read: Callable[[str], T], default: Default
    ) -> T | Default:
        """Return a parameter; one that ``read`` refuses by ``ValueError`` is noted."""
        text = self._request.query(name)
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            self._errors.append(FieldError(f"#/query/{name}", str(error)))
            return default

    def check(self) -> None:
        """Refuse the request if something was noted.

        Raises:
            Problem: 422; a parameter cannot be right.
        """
        if self._errors:
            raise unlistable(self._errors)


def words(kinds: type[StrEnum]) -> dict[str, Any]:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(kinds)}


def words_of[Word: StrEnum](kinds: type[Word], text: str) -> frozenset[Word]:
    """Return words that are separated by commas.

    Raises:
        ValueError: there is no such word.
    """
    return frozenset(word_of(kinds, word.strip()) for word in text.split(","))


def word_of[Word: StrEnum](kinds: type[Word], text: str) -> Word:
    """Return a word.

    Raises:
        ValueError: there is no such word.
    """
    try:
        return kinds(text)
    except ValueError as error:
        raise ValueError(f"must be one of {', '.join(kinds)}") from error


def moment_of(text: str) -> datetime:
    """Return a moment; before 1970 nothing was made.

    Raises:
        ValueError: it is none, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and moment.astimezone(UTC) <= _LATEST:
            return max(moment.astimezone(UTC), EPOCH)
    except (ValueError, OverflowError):  # unreadable, or out of what a moment can be
        pass
    raise ValueError("must be a moment with its zone, as 2026-11-22T12:00:00Z")


def id_of(prefix: str, text: str) -> str:
    """Return an id.

    Raises:
        ValueError: nothing of this kind can have it.
    """
    if not is_id(text, prefix):
        raise ValueError(f"must be an id that begins with {prefix}_")
    return text


def pattern_of(text: str) -> str:
    """Return a type of events, or a pattern; of one that no event has, there are none.

    Raises:
        ValueError: it can be neither.
    """
    if not is_pattern(text):
        raise ValueError("must be a type of events, all of one kind as job.*, or *")
    return text
