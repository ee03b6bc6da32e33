"""The gate to Mistral: who may call now, and until when the others wait.

Asked once per batch, before any job of it is claimed: a job that must wait is not touched. Two
things close it: the rate that the deployment may call at, and the circuit, which is open while
Mistral refuses the key or the account.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

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


BACKLOG_SHARE = 0.9
"""Of the rate, what is dealt out to those that wait. The rest is for newcomers."""

type Leave = Pass | Hold


@dataclass(frozen=True, slots=True)
class Admission:
    """A leave for each who asked. ``error`` is why the gate stands open and unasked."""

    leaves: Sequence[Leave]
    error: UnavailableError | UnreadableRowError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Gives leave to call Mistral.

    Those that find no room in ``calls`` queue up in ``backlog``, a bucket that says when to come
    back. It deals out nine moments where ``calls`` has ten, so that newcomers find room as well,
    and those that come back are waited for longer than newcomers.
    Fails open: where the table cannot be asked, Mistral's own limits still hold.
    """

    circuits: CircuitStore
    calls: RateBucket
    backlog: RateBucket
    clock: Clock
    dice: Dice
    offload: Offload

    async def admit(self, comes_back: Sequence[bool]) -> Admission:
        """Return a leave for each job of a batch, of which each says whether it waited before."""
        at = self.clock.now()
        circuit, error = await self._circuit()
        if circuit.reason is not None:
            return Admission(await self._while_open(circuit, circuit.reason, len(comes_back), at))
        try:
            return Admission(await self._in_turn(comes_back, at), error)
        except UnavailableError as outage:
            return Admission([Pass(at)] * len(comes_back), outage)

    async def room(self) -> datetime | None:
        """Return when a job that is claimed may call again, ``None`` where that is not soon."""
        at = self.clock.now()
        try:
            found = await self._moments(1, at, at + IN_PLACE_BUDGET)
        except UnavailableError:
            return at
        return found[0] if found else None

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

    async def _in_turn(self, comes_back: Sequence[bool], at: datetime) -> Sequence[Leave]:
        """Let as many go as can within the time that may be waited in here, and hold the rest.

        Those that come back have waited already, so that more patience lets them go first.
        """
        returning = sum(comes_back)
        old = await self._moments(returning, at, at + IN_PLACE_BUDGET)
        new = await self._moments(len(comes_back) - returning, at, at + GATE_PATIENCE)
        left = len(comes_back) - len(old) - len(new)
        held = iter(await self._in_the_backlog(left, at))
        old_ones, new_ones = map(Pass, old), map(Pass, new)
        return [next(old_ones if it else new_ones, None) or next(held) for it in comes_back]

    async def _moments(self, most: int, at: datetime, before: datetime) -> Sequence[datetime]:
        if not most:
            return []
        found: Sequence[datetime] = await self.offload(
            self.calls.reserve, most, at=at, before=before
        )
        return found

    async def _in_the_backlog(self, count: int, at: datetime) -> Sequence[Leave]:
        if not count:
            return []
        soonest, latest = at + GATE_PATIENCE, at + DEADLINE_MAX  # what is sooner is taken already
        moments = await self.offload(self.backlog.reserve, count, at=soonest, before=latest)
        until = [*moments, *[latest] * (count - len(moments))]
        return [Hold(moment, StatusReason.RATE_LIMITED) for moment in until]
