"""One turn of the wheel: what has come round is looked at, and what is due is sent back.

Nothing here ends a job or calls anyone but AWS, so nothing can hang it, and each act may be done
twice. What is sent are messages that say *look at this*; the rows decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from functions.sweeper.looks import Acts, LookAtRows
from relay.domain.errors import LostLeaseError
from relay.domain.wheel import SHARDS, HintKind, Position, begin_of, minute_of
from relay.ports import Clock, EventStore, JobStore, Queue, Wheel

BUSY_MESSAGES = 100
"""More waiting messages than that, and one that has not been worked on is not lost yet."""
BACK_MINUTES = 60
"""How far back a sweep begins that no earlier one tells where: a deployment's first, for hints that
were written before it, and one after a clock was wrong, for those written meanwhile."""
MARGIN = timedelta(seconds=10)
"""What a sweep keeps of its time to finish a page and to note how far it has come."""


@dataclass(slots=True, kw_only=True)
class Swept:
    """What a sweep did. ``lag`` is for how long the oldest hint not looked at has been due."""

    looked_at: int = 0
    sent: int = 0
    told_again: int = 0
    unreadable: int = 0
    lag: timedelta = timedelta(0)
    errors: list[Exception] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Sweeps the wheel up to now, each shard from where the last sweep left it."""

    wheel: Wheel
    look_at_rows: LookAtRows
    jobs: JobStore
    events: EventStore
    jobs_queue: Queue
    deliveries_queue: Queue
    clock: Clock

    def __call__(self, *, ends_at: datetime) -> Swept:
        """Look at everything that has come round, as far as time allows.

        A shard that cannot be swept holds up no other, and goes on in the next minute.

        Raises:
            UnavailableError: it cannot be told where to begin, or noted how far this came.
            LostRaceError: another sweep has noted its own meanwhile.
        """
        now_minute = minute_of(self.clock.now())
        before = self.wheel.positions()
        back = Position(now_minute - BACK_MINUTES)
        positions = [
            it if it.minute <= now_minute + 1 else back  # the clock was wrong, then or now
            for it in before or [back] * SHARDS
        ]
        swept, is_busy = Swept(), cache(self._is_busy)
        # The one that lags most first, so that none is for ever the last to get its turn.
        for shard in sorted(range(SHARDS), key=lambda shard: positions[shard].minute):
            try:
                while positions[shard].minute <= now_minute and self._has_time(ends_at):
                    page = self.wheel.page(shard, positions[shard])
                    if page.hints:
                        now = self.clock.now()
                        self._do(self.look_at_rows(page.hints, at=now, is_busy=is_busy), swept)
                    swept.looked_at += len(page.hints)
                    swept.unreadable += page.unreadable
                    positions[shard] = positions[shard].after_page(page.after)
            except Exception as error:  # noqa: BLE001 - one shard's defect must not stop the wheel
                swept.errors.append(error)
        self.wheel.advance(before, positions)
        swept.lag = self._lag(positions)
        return swept

    def _has_time(self, ends_at: datetime) -> bool:
        return self.clock.now() + MARGIN < ends_at

    def _do(self, acts: Acts, swept: Swept) -> None:
        """Write the next hints before anything else: a crash must not end a watch."""
        swept.unreadable += acts.unreadable
        if acts.hints:
            self.wheel.put(acts.hints)
        if acts.jobs:
            self.jobs_queue.send_all(acts.jobs)
        if acts.deliveries:
            self.deliveries_queue.send_all(acts.deliveries)
        swept.sent += len(acts.jobs) + len(acts.deliveries)
        for job in acts.untold:
            try:
                self.jobs.save(job, job.asked_to_tell_again())
            except LostLeaseError:
                continue  # it has been deleted meanwhile
            swept.told_again += 1
        for tenant_id, event_id in acts.unpublished:
            self.events.tell_again(tenant_id, event_id)
            swept.told_again += 1

    def _is_busy(self, kind: HintKind) -> bool:
        queue = self.jobs_queue if kind is HintKind.JOB else self.deliveries_queue
        return queue.depth() > BUSY_MESSAGES

    def _lag(self, positions: Sequence[Position]) -> timedelta:
        oldest = min(position.minute for position in positions)
        return max(self.clock.now() - begin_of(oldest), timedelta(0))
