"""The sweeper's real handler on fakes, woken as its schedule would."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Self

from functions.sweeper.handler import make_handler
from functions.sweeper.looks import LookAtRows
from functions.sweeper.sweep import BACK_MINUTES, Sweep
from relay.domain.job import Job
from relay.domain.wheel import (
    SHARDS,
    Hint,
    HintKind,
    Position,
    Purpose,
    begin_of,
    minute_of,
    wake,
    watch,
)
from tests.fakes.changes import Changes
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.log import ReadableLog
from tests.fakes.queue import InMemoryQueue
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.seam import QUIET, Seam
from tests.fakes.wheel import InMemoryWheel

MINUTE = timedelta(minutes=1)
TIMEOUT = timedelta(seconds=50)
"""The function's own."""


class Sweeper:
    """Swept up to noon before anything else happens, unless it is a deployment's first sweep."""

    def __init__(self, *, seam: Seam = QUIET, page_rows: int = 400, is_first: bool = False) -> None:
        self.clock = FakeClock()
        self.stream = Changes()
        self.jobs = InMemoryJobStore(seam, stream=self.stream)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.recoveries = InMemoryRecoveryStore(seam)
        self.events = InMemoryEventStore(seam, stream=self.stream)
        self.wheel = InMemoryWheel(seam, page_rows=page_rows)
        self.jobs_queue = InMemoryQueue(self.clock, seam, name="jobs")
        self.deliveries_queue = InMemoryQueue(self.clock, seam, name="deliveries")
        self.events_queue = InMemoryQueue(self.clock, seam, name="events")
        self.log = ReadableLog("sweeper")
        self.measured: list[tuple[str, float]] = []
        if not is_first:
            self.wheel.noted = [Position(minute_of(NOON) + 1)] * SHARDS
        self._connect()

    def turn(self, wheel: InMemoryWheel) -> None:
        """Turn another wheel from now on."""
        self.wheel = wheel
        self._connect()

    @classmethod
    def over(
        cls,
        clock: FakeClock,
        wheel: InMemoryWheel,
        deliveries: InMemoryDeliveryStore,
        queue: InMemoryQueue,
    ) -> Self:
        """Return the sweeper of a deliverer's wheel."""
        sweeper = cls()
        sweeper.clock, sweeper.deliveries, sweeper.deliveries_queue = clock, deliveries, queue
        sweeper.turn(wheel)
        return sweeper

    def _connect(self) -> None:
        self.handle = make_handler(
            Sweep(
                wheel=self.wheel,
                look_at_rows=LookAtRows(
                    jobs=self.jobs,
                    deliveries=self.deliveries,
                    recoveries=self.recoveries,
                    events=self.events,
                ),
                jobs=self.jobs,
                events=self.events,
                jobs_queue=self.jobs_queue,
                deliveries_queue=self.deliveries_queue,
                events_queue=self.events_queue,
                clock=self.clock,
            ),
            clock=self.clock,
            log=self.log,
            measure=lambda name, seconds: self.measured.append((name, seconds)),
        )

    def accept(self, job: Job) -> Job:
        """Keep a job under its watch, and lose its message."""
        self.wheel.put([watch_over(job)])
        self.jobs.submit(job)
        return job

    def park(self, job: Job) -> Hint:
        """Keep a job that waits, and write what brings it back."""
        assert job.ready_at is not None, "only a job that waits is parked"
        hint = wake(HintKind.JOB, job.tenant_id, job.id, due=job.ready_at, now=self.clock.at)
        self.wheel.put([hint])
        self.jobs.submit(job)
        return hint

    def sweep(self, *, left: timedelta = TIMEOUT) -> None:
        self.handle({}, FakeLambdaContext(left))

    def sweep_until(
        self, until: Callable[[], bool], *, minutes_max: int = BACK_MINUTES * 30
    ) -> timedelta:
        """Sweep each minute until something holds, and return for how long that took."""
        began = self.clock.at
        for _ in range(minutes_max):
            if until():
                return self.clock.at - began
            self.next_minute()
        raise AssertionError(f"not in {minutes_max} minutes")

    def next_minute(self, *, second: int = 0) -> None:
        """Sweep just after the next minute has begun, or at some second of it."""
        past = timedelta(seconds=self.clock.at.second, microseconds=self.clock.at.microsecond)
        self.clock.at += MINUTE - past + timedelta(seconds=second)
        self.sweep()

    def sweep_minutes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.next_minute()

    def next_turn_at(self) -> datetime | None:
        """Return when a hint that was not looked at yet comes round."""
        minute = self.wheel.next_minute()
        return None if minute is None else begin_of(minute)

    def are_sent(self, number: int = 1) -> bool:
        return len(self.jobs_queue.messages) >= number

    @property
    def watches(self) -> list[Hint]:
        """The hints of watches that have not come round yet."""
        swept = min((it.minute for it in self.wheel.noted or []), default=0)
        hints = self.wheel.all()
        return [it for it in hints if it.minute >= swept and it.purpose is Purpose.WATCH]


def watch_over(job: Job) -> Hint:
    return watch(HintKind.JOB, job.tenant_id, job.id, job.created_at)
