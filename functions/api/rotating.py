"""Rotating a secret: once under an ``Idempotency-Key``, though nothing is made that has an id."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol, Self

from functions.api.once import RACES_MAX, Once
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import LostRaceError
from relay.domain.secret_versions import OLD_SECRETS_MAX, TooManyRotationsError


class Rotatable(Protocol):
    """What has versions of a secret."""

    def rotated(self, at: datetime) -> Self:
        """Return it with a new secret."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotating[Kept: Rotatable]:
    """How what has a secret is read and written."""

    read: Callable[[], Kept]
    version: Callable[[Kept], int]
    """Returns the version of its current secret."""
    save: Callable[[Kept, Kept], None]
    """Writes a change, or raises ``LostRaceError``."""


def rotate_once[Kept: Rotatable](rotating: Rotating[Kept], once: Once, services: Services) -> Kept:
    """Return what has a secret, with a new one.

    The key is kept with the version that this leads to, so that a secret that has come so far is
    not rotated again. Of two requests at the same moment both lead to the same version.

    Raises:
        Problem: 409; too many old secrets sign along already.
    """
    aim = int(once.earlier) if once.earlier else None
    for _ in range(RACES_MAX):
        before = rotating.read()
        if aim is not None and rotating.version(before) >= aim:
            return before
        at = services.clock.now()
        try:
            after = before.rotated(at)
        except TooManyRotationsError as error:
            raise _too_many(error, at) from error
        if aim is None:
            aim = int(once.by(str(rotating.version(after))))
        if rotating.version(before) >= aim:
            return before
        try:
            rotating.save(before, after)
        except LostRaceError:
            continue
        return after
    raise Problem.unavailable()


def _too_many(error: TooManyRotationsError, at: datetime) -> Problem:
    seconds = max(1, -(-(error.until - at).total_seconds() // 1))
    return Problem.of(
        HTTPStatus.CONFLICT,
        "too_many_rotations",
        f"{OLD_SECRETS_MAX} old secrets sign along already, each for a day."
        " Wait until one of them no longer does.",
        retry_after=f"{seconds:.0f}",
    )
