"""One time for all, and each function's own idea of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import override

from relay.ports import Clock


class SkewedClock(Clock):
    """A function's clock, off by ``skew``. Who waits lets the rest of the world go on."""

    def __init__(self, now: Callable[[], datetime], let_pass: Callable[[datetime], None]) -> None:
        self.skew = timedelta(0)
        self._now = now
        self._let_pass = let_pass

    @override
    def now(self) -> datetime:
        return self._now() + self.skew

    @override
    def wait(self, duration: timedelta) -> None:
        self._let_pass(self._now() + duration)

    @override
    async def sleep(self, duration: timedelta) -> None:
        """Those who sleep at the same time do not add up: each knows its moment beforehand."""
        until = self._now() + duration
        await asyncio.sleep(0)
        self._let_pass(until)
