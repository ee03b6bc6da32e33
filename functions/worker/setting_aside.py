"""Setting a job aside that must wait: its message carries it for a while, then the wheel does."""

from dataclasses import dataclass
from datetime import datetime

from relay.domain.backoff import is_for_the_message
from relay.domain.job import OPERATORS_REASONS, Job
from relay.domain.wheel import HintKind, wake
from relay.ports import Clock, Dice, JobStore, Offload, Wheel
from relay.use_cases.insisting import Insist


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Writes down that a job waits, and sees to it that somebody brings it back."""

    jobs: JobStore
    wheel: Wheel
    clock: Clock
    dice: Dice
    offload: Offload

    async def __call__(
        self, before: Job, after: Job, *, until: datetime, receives: int
    ) -> datetime | None:
        """Write ``after``, insisting ``until`` then, and return when its message must look again.

        ``None`` where the wheel brings the job back and the message may go. ``receives`` counts
        how often the message at hand has been received.

        Raises:
            LostLeaseError: the job has changed since ``before`` was read.
            UnavailableError: AWS did not take it.
        """
        ready_at = after.ready_at or after.deadline
        # Those who wait for the operator may be all there are, and wait for days.
        is_the_operators = after.status_reason in OPERATORS_REASONS
        by_message = not is_the_operators and self.is_for_the_message(ready_at, receives)
        insist = Insist(clock=self.clock, dice=self.dice, offload=self.offload)
        if not by_message:  # the hint first, so that no crash leaves a job without one
            await insist(until, self._put_hint, after, ready_at)
        await insist(until, self.jobs.save, before, after)
        return ready_at if by_message else None

    async def bring_back(self, job: Job, due: datetime) -> None:
        """Have the wheel send a message about a job when it is due.

        Raises:
            UnavailableError: AWS did not take it.
        """
        await self.offload(self._put_hint, job, due)

    def _put_hint(self, job: Job, due: datetime) -> None:
        """Write a hint that lies ahead of the moment in which it is written."""
        hint = wake(HintKind.JOB, job.tenant_id, job.id, due=due, now=self.clock.now())
        self.wheel.put([hint])

    def is_for_the_message(self, due: datetime, receives: int) -> bool:
        """Tell whether the message at hand may carry a job until it is due."""
        return is_for_the_message(due - self.clock.now(), receives=receives)
