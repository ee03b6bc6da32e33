"""The gate to Mistral: who may call now, and until when the others wait.

Asked once per batch, before any job of it is claimed: a job that must wait is not touched. Two
things close it: the rate that the deployment may call at, and the circuit, which is open while
Mistral refuses the key or the account.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.domain.backoff import GATE_PATIENCE, IN_PLACE_BUDGET
from relay.domain.circuit import Circuit
from relay.domain.errors import LostRaceError, UnavailableError, UnreadableRowError
from relay.domain.job import DEADLINE_MAX, StatusReason
from relay.ports import CircuitStore, Clock, Dice, Offload, RateBucket


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to call at a moment. ``is_probe``: the call tells whether the circuit may close."""

    at: datetime
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """No leave yet: ask again at a moment."""

    until: datetime
    reason: StatusReason


type Leave = Pass | Hold


@dataclass(frozen=True, slots=True)
class Admission:
    """A leave for each who asked. ``error`` is why the gate stands open and unasked."""

    leaves: Sequence[Leave]
    error: UnavailableError | UnreadableRowError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Gives leave to call Mistral.

    Those that find no room in ``calls`` queue up in ``backlog``, a bucket of the same rate that
    says when to come back; so each comes back about once, however many they are.
    Fails open: where the table cannot be asked, Mistral's own limits still hold.
    """

    circuits: CircuitStore
    calls: RateBucket
    backlog: RateBucket
    clock: Clock
    dice: Dice
    offload: Offload

    async def admit(self, count: int) -> Admission:
        """Return a leave for each of ``count`` jobs."""
        at = self.clock.now()
        circuit, error = await self._circuit()
        if circuit.reason is not None:
            return Admission(await self._while_open(circuit, circuit.reason, count, at))
        try:
            return Admission(await self._in_turn(count, at), error)
        except UnavailableError as outage:
            return Admission([Pass(at)] * count, outage)

    async def room(self) -> datetime | None:
        """Return when a job that is claimed may call again, ``None`` where that is not soon."""
        at = self.clock.now()
        try:
            return await self._soon(1, at, IN_PLACE_BUDGET)
        except UnavailableError:
            return at

    async def blocked(self, reason: StatusReason) -> datetime:
        """Open the circuit, and return when the job that met it may ask again."""
        at = self.clock.now()
        circuit, _ = await self._circuit()
        opened = circuit.opened(at, reason)
        await self._saved(circuit, opened)
        return self._hold(opened, reason, at).until

    async def healed(self) -> None:
        """Close the circuit: a probe came through."""
        circuit, _ = await self._circuit()
        if circuit.is_open:
            await self._saved(circuit, circuit.closed(self.clock.now()))

    async def take_back(self, leave: Leave, *, has_called: bool) -> None:
        """Let another probe go at once where one called nobody: its message led to no call.

        Else one that comes back each minute, and is never a call, could use up every probe.
        """
        if has_called or not (isinstance(leave, Pass) and leave.is_probe):
            return
        circuit, _ = await self._circuit()
        if circuit.is_open:
            await self._saved(circuit, circuit.not_probed(self.clock.now()))

    async def _circuit(self) -> tuple[Circuit, UnavailableError | UnreadableRowError | None]:
        try:
            return await self.offload(self.circuits.get), None
        except (UnavailableError, UnreadableRowError) as error:
            return Circuit(), error

    async def _saved(self, before: Circuit, after: Circuit) -> bool:
        with suppress(LostRaceError, UnavailableError):
            await self.offload(self.circuits.save, before, after)
            return True
        return False

    async def _while_open(
        self, circuit: Circuit, reason: StatusReason, count: int, at: datetime
    ) -> Sequence[Leave]:
        """Hold everyone but for one probe, if that is due and nobody else has taken it.

        Two that ask in the same millisecond both probe: their writes are the same.
        """
        holds = [self._hold(circuit, reason, at) for _ in range(count)]
        if circuit.may_probe(at) and await self._saved(circuit, circuit.probed(at)):
            return [Pass(at, is_probe=True), *holds[1:]]
        return holds

    def _hold(self, circuit: Circuit, reason: StatusReason, at: datetime) -> Hold:
        return Hold(at + circuit.wait(at, chance=self.dice.chance()), reason)

    async def _in_turn(self, count: int, at: datetime) -> Sequence[Leave]:
        """Let as many go as can within the time that may be waited in here, and hold the rest."""
        interval = self.calls.interval
        most = max(1, GATE_PATIENCE // interval) if interval else count
        going = min(count, most)
        first = await self._soon(going, at, GATE_PATIENCE)
        if first is None:
            return await self._in_the_backlog(count, at)
        passes = [Pass(first + number * interval) for number in range(going)]
        return [*passes, *await self._in_the_backlog(count - going, at)]

    async def _soon(self, count: int, at: datetime, patience: timedelta) -> datetime | None:
        """Reserve calls of which the last is made before too long, and return the first's time."""
        within = max(patience - count * self.calls.interval, timedelta(0))
        first: datetime | None = await self.offload(self.calls.reserve, count, at=at, within=within)
        return first

    async def _in_the_backlog(self, count: int, at: datetime) -> Sequence[Leave]:
        if not count:
            return []
        soonest = at + GATE_PATIENCE  # what is sooner is taken already
        first = await self.offload(self.backlog.reserve, count, at=soonest, within=DEADLINE_MAX)
        start = first or soonest + DEADLINE_MAX
        return [
            Hold(start + number * self.backlog.interval, StatusReason.RATE_LIMITED)
            for number in range(count)
        ]
