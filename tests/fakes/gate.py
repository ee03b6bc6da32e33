"""What stands between the worker and Mistral: the circuit, and the rate."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import override

from relay.aws.circuit_row import to_row
from relay.domain.circuit import Circuit
from relay.domain.errors import LostRaceError
from relay.domain.moments import moments_between
from relay.ports import CircuitStore, RateBucket
from tests.fakes.changes import Changes
from tests.fakes.seam import QUIET, Seam


class InMemoryCircuitStore(CircuitStore):
    def __init__(self, seam: Seam = QUIET, *, stream: Changes | None = None) -> None:
        self.circuit = Circuit()
        self._stream = stream
        self._seam = seam

    @override
    def get(self) -> Circuit:
        with self._seam.around("circuits.get"):
            return self.circuit

    @override
    def save(self, before: Circuit, after: Circuit) -> None:
        with self._seam.around("circuits.save"):
            now = self.circuit
            if now == after:
                return
            if (now.version, now.probe_at) != (before.version, before.probe_at):
                raise LostRaceError("the circuit has changed")
            self.circuit = after
            if self._stream is not None:
                self._stream.note(to_row(now) if now.version else None, to_row(after))


class InMemoryRateBucket(RateBucket):
    """Without an interval it lets everyone through at once."""

    def __init__(
        self, seam: Seam = QUIET, *, interval: timedelta = timedelta(0), name: str = "calls"
    ) -> None:
        self.next_at: datetime | None = None
        self._interval = interval
        self._name = name
        self._seam = seam

    @property
    @override
    def interval(self) -> timedelta:
        return self._interval

    @override
    def reserve(self, most: int, *, at: datetime, before: datetime) -> Sequence[datetime]:
        with self._seam.around(f"{self._name}.reserve"):
            first = max(self.next_at or at, at)
            count = most if first < before else 0
            if self._interval:
                count = min(most, moments_between(first, before, self._interval))
            if count:
                self.next_at = first + count * self._interval
            return [first + number * self._interval for number in range(count)]
