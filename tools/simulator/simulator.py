"""The one object that holds all state: the behaviour in force, its dice and counts, the clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

from tools.simulator.behaviour import Behaviour, FaultDice
from tools.simulator.limits import Limits
from tools.simulator.stats import Stats

type Clock = Callable[[], float]
type Sleep = Callable[[float], Awaitable[None]]

MS_PER_SECOND = 1_000
HANG_SECONDS_MAX = 15 * 60  # as long as the longest of callers, a function on AWS, can wait


class Period:
    """The time under one behaviour. A call keeps to the period it began in until it ends."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.dice = FaultDice(behaviour)
        self.limits = Limits(behaviour)
        self.stats = Stats()

    @property
    def latency_seconds(self) -> float:
        """How long an answer takes from its request to its last byte."""
        return self.behaviour.latency_ms / MS_PER_SECOND


class Simulator:
    """State across calls. The clock tells Unix seconds; tests hand in one that they turn."""

    def __init__(self, *, clock: Clock = time.time, sleep: Sleep = asyncio.sleep) -> None:
        self.clock = clock
        self.sleep = sleep
        self.hang_seconds_max: float = HANG_SECONDS_MAX
        self.period = Period(Behaviour())
        self._numbers = count(1)

    def behave(self, behaviour: Behaviour) -> None:
        """Begin a period: fresh dice, limits and counts."""
        self.period = Period(behaviour)

    def next_number(self) -> int:
        """Return the number of a call; a new period does not start over, so ids stay unique."""
        return next(self._numbers)
