"""What this machine gives: the time, chance, and threads."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

type Offload = Callable[..., Awaitable[Any]]
"""Runs a blocking call beside the event loop: ``await offload(function, *arguments)``."""


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """Return the moment: aware, UTC, whole milliseconds."""
        ...

    def wait(self, duration: timedelta) -> None:
        """Hold the caller."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Hold the calling task and let the others go on."""
        ...


class Dice(Protocol):
    """Chance: what ids are made from, and what spreads retries."""

    def randomness(self, length: int) -> bytes:
        """Return random bytes that nobody can guess."""
        ...

    def chance(self) -> float:
        """Return a number spread evenly over [0, 1). Not for secrets."""
        ...
