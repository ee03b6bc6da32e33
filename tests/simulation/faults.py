"""The seam of a simulated history: at each call of each port something may come between."""

import random
import threading
from datetime import timedelta
from typing import Protocol, override

from relay.domain.errors import UnavailableError
from tests.fakes.seam import Seam
from tests.fakes.trouble import Crash
from tests.simulation.rates import Rates

_OUTSIDE = frozenset({"mistral.call", "webhooks.post"})
_STALL_MAX_SECONDS = 400


class Others(Protocol):
    """The rest of the world."""

    def act(self, turns: int) -> None:
        """Let others have some turns."""
        ...

    def pass_time(self, duration: timedelta) -> None:
        """Let others go on for a while."""
        ...


class FaultySeam(Seam):
    """Draws by lot what goes wrong. Nothing does before ``others`` are there."""

    def __init__(self, rates: Rates, lots: random.Random) -> None:
        self.rates = rates
        self.others: Others | None = None
        self.outages = 0
        self.stalls = 0
        self.calls = 0
        self._lots = lots
        self._last: dict[tuple[int, str], int] = {}

    def number_here(self, call: str) -> int:
        """Return the number of the last such call by whoever asks: each turn is a thread."""
        return self._last.get((threading.get_ident(), call), 0)

    @override
    def before(self, call: str) -> None:
        self.calls += 1
        self._last[threading.get_ident(), call] = self.calls
        if self.others is None:
            return
        self._come_between(self.others)
        if call not in _OUTSIDE and self._is_drawn(self.rates.outage):
            self.outages += 1
            raise UnavailableError(f"{call} is out")

    @override
    def after(self, call: str) -> None:
        if self.others is None:
            return
        self._come_between(self.others)
        if call not in _OUTSIDE and self._is_drawn(self.rates.unheard):
            self.outages += 1
            raise UnavailableError(f"{call} was not heard of")

    def _come_between(self, others: Others) -> None:
        if self._is_drawn(self.rates.interleaving):
            others.act(self._lots.randint(1, 3))
        if self._is_drawn(self.rates.slow):
            others.pass_time(timedelta(seconds=3 * self._lots.random()))
        if self._is_drawn(self.rates.stall):
            self.stalls += 1
            others.pass_time(timedelta(seconds=self._lots.randint(1, _STALL_MAX_SECONDS)))
        if self._is_drawn(self.rates.crash):
            raise Crash

    def _is_drawn(self, rate: float) -> bool:
        return rate > 0 and self._lots.random() < rate
