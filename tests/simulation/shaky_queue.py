"""A queue that does what SQS may do: messages come twice, late, out of order, and again.

And what it should not do: a message is lost now and then, as by somebody's mistake.
"""

import random
from datetime import timedelta
from typing import Any, override

from tests.fakes.queue import InMemoryQueue
from tests.simulation.rates import QUIET, Rates

_LATE_MAX_SECONDS = 120
_OURS = frozenset({"jobs", "events", "deliveries"})
_MAY_LOSE = frozenset({"jobs", "deliveries"})
"""Those that the wheel watches over. The others' messages are their senders' and the bus's."""


class ShakyQueue(InMemoryQueue):
    """Shakes once it is told how."""

    rates = QUIET
    lots: random.Random

    def shake(self, rates: Rates, lots: random.Random) -> None:
        self.rates, self.lots = rates, lots

    @override
    def send_text(self, body: str, *, delay: timedelta = timedelta(0), **more: Any) -> None:
        rates = self.rates
        if self.name in _MAY_LOSE and self._is_drawn(rates.message_lost):
            return
        if self._is_drawn(rates.message_late):
            delay += timedelta(seconds=self.lots.randint(1, _LATE_MAX_SECONDS))
        # A producer's message that comes twice has one id, which a second sending would not have.
        is_twice = self.name in _OURS and self._is_drawn(rates.message_twice)
        for _ in range(2 if is_twice else 1):
            super().send_text(body, delay=delay, **more)

    @override
    def received(self, limit: int = 10) -> dict[str, Any]:
        self.lots.shuffle(self.messages)
        return super().received(limit)

    @override
    def delete(self, receipt: str) -> None:
        if not self._is_drawn(self.rates.message_stays):
            super().delete(receipt)

    def _is_drawn(self, rate: float) -> bool:
        return rate > 0 and self.lots.random() < rate
