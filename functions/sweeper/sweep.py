"""One turn of the wheel: what has come round is looked at, and what is due is sent back.

Nothing here ends a job or calls anyone but AWS, so nothing can hang it, and each act may be done
twice. What is sent are messages that say *look at this*; the rows decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from functions.sweeper.looks import Acts, IsQueueBusy, LookAtRows
from relay.domain.errors import LostLeaseError, UnavailableError
from relay.domain.wheel import (
    SHARDS,
    Hint,
    HintKind,
    Position,
    Purpose,
    begin_of,
    look_later,
    minute_of,
)
from relay.ports import Clock, EventStore, JobStore, Page, Queue, Sending, Wheel

BUSY_MESSAGES = 100
"""More waiting messages than that, and one that has not been worked on is not lost yet."""
BACK_MINUTES = 60
"""How far back a sweep begins that no earlier one tells where: a deployment's first, for hints that
were written before it, and one after a clock was wrong, for those written meanwhile."""
MARGIN = timedelta(seconds=20)
"""What a sweep keeps of its time to finish a page and to note how far it has come: one call that
AWS does not answer takes half of it.
"""
NOTED_APART = timedelta(seconds=5)
"""How often a sweep that takes long notes how far it has come: one that is cut short gets on."""


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
    events_queue: Queue
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
        noted_at = self.clock.now()
        # The one that lags most first, so that none is for ever the last to get its turn.
        for shard in sorted(range(SHARDS), key=lambda shard: positions[shard].minute):
            while positions[shard].minute <= now_minute and self._has_time(ends_at):
                try:
                    page = self._swept_page(shard, positions[shard], is_busy, swept)
                except Exception as error:  # noqa: BLE001 - one shard's defect must not stop all
                    swept.errors.append(error)
                    break
                positions[shard] = positions[shard].after_page(page.after)
                if self.clock.now() - noted_at >= NOTED_APART:
                    before, noted_at = self._noted(before, positions), self.clock.now()
        self._noted(before, positions)
        swept.lag = self._lag(positions)
        return swept

    def _swept_page(
        self, shard: int, position: Position, is_busy: IsQueueBusy, swept: Swept
    ) -> Page:
        page = self.wheel.page(shard, position)
        if page.hints:
            self._do(self.look_at_rows(page.hints, at=self.clock.now(), is_busy=is_busy), swept)
        swept.looked_at += len(page.hints)
        swept.unreadable += page.unreadable
        return page

    def _has_time(self, ends_at: datetime) -> bool:
        return self.clock.now() + MARGIN < ends_at

    def _do(self, acts: Acts, swept: Swept) -> None:
        """Write the next hints before anything else: a crash must not end a watch."""
        swept.unreadable += acts.unreadable
        if acts.hints:
            self.wheel.put(acts.hints)
        self._send(self.jobs_queue, acts.jobs, swept)
        self._send(self.deliveries_queue, acts.deliveries, swept)
        self._send(self.events_queue, acts.recoveries, swept)
        for job in acts.untold:
            try:
                self.jobs.save(job, job.asked_to_tell_again())
            except LostLeaseError:
                continue  # it has been deleted meanwhile
            swept.told_again += 1
        for tenant_id, event_id in acts.unpublished:
            self.events.tell_again(tenant_id, event_id)
            swept.told_again += 1

    def _noted(
        self, before: Sequence[Position] | None, positions: Sequence[Position]
    ) -> Sequence[Position]:
        after = list(positions)
        if before is None or list(before) != after:
            self.wheel.advance(before, after)
        return after

    def _send(self, queue: Queue, looks: Sequence[tuple[Hint, Sending]], swept: Swept) -> None:
        """Send what is due; where a queue does not take it, look again, and let others be sent.

        A watch goes on by its next hint, which is written. A wake has none of its own.
        """
        if not looks:
            return
        try:
            queue.send_all([sending for _, sending in looks])
        except UnavailableError as error:
            swept.errors.append(error)
            at = self.clock.now()
            wakes = [look_later(hint, at) for hint, _ in looks if hint.purpose is Purpose.WAKE]
            if wakes:
                self.wheel.put(wakes)
            return
        swept.sent += len(looks)

    def _is_busy(self, kind: HintKind) -> bool:
        queues = {
            HintKind.JOB: self.jobs_queue,
            HintKind.DELIVERY: self.deliveries_queue,
            HintKind.RECOVERY: self.events_queue,
        }
        return queues[kind].depth() > BUSY_MESSAGES

    def _lag(self, positions: Sequence[Position]) -> timedelta:
        oldest = min(position.minute for position in positions)
        return max(self.clock.now() - begin_of(oldest), timedelta(0))
