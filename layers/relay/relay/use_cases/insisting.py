"""Writing down what must not be forgotten, again and again while a lease lasts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.domain.backoff import IN_PLACE_CAP, full_jitter
from relay.domain.errors import UnavailableError
from relay.ports import Clock, Dice, Offload


@dataclass(frozen=True, slots=True, kw_only=True)
class Insist:
    """Writes until it is done: what was paid for or posted cannot be had again for nothing."""

    clock: Clock
    dice: Dice
    offload: Offload

    async def __call__[T](self, until: datetime, write: Callable[..., T], *arguments: Any) -> T:
        """Return what the write returns, at the first time that AWS takes it.

        Raises:
            UnavailableError: AWS did not take it before ``until``.
        """
        call: Callable[..., Awaitable[T]] = self.offload
        tries = 1
        while True:  # ends by the clock
            try:
                return await call(write, *arguments)
            except UnavailableError:
                pause = full_jitter(tries, cap=IN_PLACE_CAP, chance=self.dice.chance())
                if self.clock.now() + pause >= until:
                    raise
                await self.clock.sleep(pause)
                tries += 1
