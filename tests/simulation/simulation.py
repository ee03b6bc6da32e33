"""One seed, one history: the real handlers under a virtual clock, and all that may go wrong.

Whoever waits, or is come between, lets the others have turns: in threads of their own, one at a
time, since an event loop cannot run within another. So histories are really interleaved and yet
the same for the same seed.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, override

from relay.domain.errors import UnavailableError
from relay.domain.wheel import SHARDS, Position, begin_of, minute_of
from tests.fakes.clock import NOON
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.seam import Seam
from tests.fakes.table_stream import stream_event
from tests.fakes.trouble import Crash
from tests.flows.deployment import TIMEOUTS, Deployment, Function, Machine
from tests.simulation.faults import FaultySeam
from tests.simulation.kept import WatchedContentStore
from tests.simulation.outside import SimulatedMistral, SimulatedSubscribers
from tests.simulation.rates import QUIET, Rates
from tests.simulation.shaky_queue import ShakyQueue
from tests.simulation.time import SkewedClock

DEPTH_MAX = 3
"""How deep turns may lie within turns."""
STREAM_BATCH = 100
SETTLING_MAX = timedelta(days=12)
"""By then everything must have ended: the longest deadline, and a webhook's whole schedule."""
STEPS_MAX = 20_000
_TICK = timedelta(milliseconds=1)
_MINUTE = timedelta(minutes=1)
_SKEW_MAX = 30  # seconds


class RestlessError(Exception):
    """A history that does not come to rest: something goes on for ever."""


class Simulation(Deployment):
    """A deployment, those outside, and time. Clients are added with ``at``."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self.lots = random.Random(f"history {seed}")  # noqa: S311 - a history must be repeatable
        self.rates = rates
        self.time = NOON
        self.crashes = 0
        self.cut_batches: list[list[str]] = []
        self.seam = FaultySeam(rates, self.lots)
        names = ("api", *(function.value for function in Function))
        self.clocks = {name: SkewedClock(lambda: self.time, self._let_pass) for name in names}
        true_clock = SkewedClock(lambda: self.time, self._let_pass)
        self.mistral = SimulatedMistral(rates, self.lots, self.seam)
        self.subscribers = SimulatedSubscribers(rates, self.lots, self.seam)
        self.mistral.clock = self.subscribers.clock = true_clock
        super().__init__(
            Machine(
                clock=true_clock,
                clocks=self.clocks,
                dice=FakeDice(seed),
                mistral=self.mistral,
                sender=self.subscribers,
                seam=self.seam,
                call_interval=timedelta(milliseconds=rates.call_interval_ms),
            ),
            ShakyQueue,
        )
        for queue in self.queues.values():
            assert isinstance(queue, ShakyQueue), "made of the type that was given"
            queue.shake(rates, self.lots)
        self.wheel.noted = [Position(minute_of(self.time))] * SHARDS
        self.seam.others = self
        self._acts: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._ends: list[datetime] = []
        self._published = 0
        self._is_publishing = False
        self._publisher_rests_until = self.time
        self._next_turn = self.time

    @override
    def content_store(self, seam: Seam) -> InMemoryContentStore:
        return WatchedContentStore(seam)

    # ------------------------------------------------------------ time and turns

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Have somebody do something at a moment."""
        heappush(self._acts, (max(moment, self.time), next(self._numbers), act))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.time + timedelta(seconds=seconds), act)

    def run(self, *, until: datetime | None = None) -> None:
        """Go on until a moment, or until nothing is left to do."""
        for _ in range(STEPS_MAX):
            if not self._step(until):
                return
        raise RestlessError(f"still at work after {STEPS_MAX} steps")

    def come_to_rest(self) -> None:
        """Let nothing go wrong any more, and go on until nothing is left to do."""
        self.seam.rates = self.mistral.rates = self.subscribers.rates = self.rates = QUIET
        self.mistral.blocked_until = None
        for clock in self.clocks.values():
            clock.skew = timedelta(0)
        for queue in self.queues.values():
            assert isinstance(queue, ShakyQueue), "made of the type that was given"
            queue.shake(QUIET, self.lots)
        self.run(until=self.time + SETTLING_MAX)
        if self._next_at() is not None:
            raise RestlessError(f"still at work after {SETTLING_MAX}")

    def act(self, turns: int) -> None:
        """Let others have some turns, in between."""
        if self._depth < DEPTH_MAX:
            self._aside(lambda: [self._step(self.time) for _ in range(turns)])

    def pass_time(self, duration: timedelta) -> None:
        """Let others go on for a while, as for somebody who stands still."""
        self._let_pass(self.time + duration)

    def _let_pass(self, until: datetime) -> None:
        if self.time < until and self._depth < DEPTH_MAX and self.seam.others is not None:
            self._aside(lambda: self.run(until=until))
        self.time = max(self.time, until)
        if self._ends and self.time >= self._ends[-1]:
            raise Crash  # Lambda's own limit

    @property
    def _depth(self) -> int:
        return len(self._ends)

    def _aside(self, act: Callable[[], Any]) -> None:
        """Do something while somebody is in the middle of something else."""
        trouble: list[BaseException] = []

        def guarded() -> None:
            try:
                act()
            except BaseException as error:  # noqa: BLE001 - it is raised again where it belongs
                trouble.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
        if trouble:
            raise trouble[0]

    def _step(self, until: datetime | None) -> bool:
        """Let one of those have a turn who have something to do; tell whether there was one."""
        self._misfortunes()
        ready: list[Function | None] = [*self._ready()]
        if self._acts and self._acts[0][0] <= self.time:
            ready.append(None)  # a client
        if ready:
            turn = self.lots.choice(ready)
            if turn is None:
                heappop(self._acts)[2]()
            else:
                self._let(turn)
            return True
        next_at = self._next_at()
        if next_at is None or (until is not None and next_at > until):
            self.time = max(self.time, until or self.time)
            return False
        self.time = max(self.time, next_at)
        return True

    def _misfortunes(self) -> None:
        if self._is_drawn(self.rates.clock_step):
            clock = self.lots.choice(list(self.clocks.values()))
            clock.skew = timedelta(seconds=self.lots.randint(-_SKEW_MAX, _SKEW_MAX))
        if self._is_drawn(self.rates.mistral_blocked):
            self.mistral.blocked_until = self.time + self.lots.randint(1, 20) * _MINUTE
            self.mistral.blocked_status = self.lots.choice([401, 402])

    def _is_drawn(self, rate: float) -> bool:
        return rate > 0 and self.lots.random() < rate

    # ------------------------------------------------------------ what happens by itself

    def _ready(self) -> list[Function]:
        ready = [function for function, due in self._dues().items() if due <= self.time]
        return sorted(ready, key=list(Function).index)

    def _next_at(self) -> datetime | None:
        moments = list(self._dues().values())
        if self._acts:
            moments.append(self._acts[0][0])
        return min(moments, default=None)

    def _dues(self) -> dict[Function, datetime]:
        """Return when each function that has anything to do has it."""
        dues = {function: queue.next_visible_at() for function, queue in self.queues.items()}
        if self._published < len(self.stream.made) and not self._is_publishing:
            dues[Function.PUBLISHER] = self._publisher_rests_until
        minute = self.wheel.next_minute()
        if minute is not None:
            dues[Function.SWEEPER] = max(begin_of(minute), self._next_turn)
        return {function: due for function, due in dues.items() if due is not None}

    def _let(self, function: Function) -> None:
        self.time += _TICK  # no invocation is done at once
        match function:
            case Function.PUBLISHER:
                self._let_publish()
            case Function.SWEEPER:
                self._let_sweep()
            case _:
                self._let_receive(function)

    @contextmanager
    def invocation(self, function: Function | None, jobs: list[str]) -> Iterator[None]:
        """Run something as Lambda does: for so long, and gone without a trace if it crashes."""
        limit = TIMEOUTS[function] if function else timedelta(seconds=29)
        self._ends.append(self.time + limit)
        is_gone = False
        try:
            yield
        except* Crash:
            is_gone = True
        finally:
            self._ends.pop()
        if is_gone:
            self.crashes += 1
            self.cut_batches.append(jobs)

    def _let_receive(self, function: Function) -> None:
        queue = self.queues[function]
        event = queue.received(self.lots.randint(1, 10))
        if not event["Records"]:
            return
        with self.invocation(function, [record["body"] for record in event["Records"]]):
            answer = self.handlers[function](event, FakeLambdaContext(TIMEOUTS[function]))
            queue.settle(event, answer)

    def _let_publish(self) -> None:
        """Publish what comes next in the stream, which goes on only when that is done."""
        changes = self.stream.made[self._published : self._published + STREAM_BATCH]
        if self._is_drawn(self.rates.stream_lost):
            self._published += 1  # as after a day in which nobody took it
            return
        event = stream_event(changes)
        self._publisher_rests_until = self.time + timedelta(seconds=1)
        self._is_publishing = True
        try:
            with self.invocation(Function.PUBLISHER, []):
                answer = self._publish(event)
                failed = {it["itemIdentifier"] for it in answer["batchItemFailures"]}
                numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
                done = [numbers.index(number) for number in numbers if number in failed]
                if not self._is_drawn(self.rates.stream_replayed):
                    self._published += min(done, default=len(numbers))
        finally:
            self._is_publishing = False

    def _publish(self, event: dict[str, Any]) -> Any:
        """Return the publisher's answer; where it raises, the whole batch comes again."""
        try:
            context = FakeLambdaContext(TIMEOUTS[Function.PUBLISHER])
            return self.handlers[Function.PUBLISHER](event, context)
        except UnavailableError:
            first = event["Records"][0]["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": first}]}

    def _let_sweep(self) -> None:
        self._next_turn = begin_of(minute_of(self.time) + 1)
        if self._is_drawn(self.rates.sweep_missed):
            return
        for _ in range(2 if self._is_drawn(self.rates.sweep_twice) else 1):
            with self.invocation(Function.SWEEPER, []):
                context = FakeLambdaContext(TIMEOUTS[Function.SWEEPER])
                self.handlers[Function.SWEEPER]({}, context)
