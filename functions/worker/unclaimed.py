"""What becomes of a job that is not claimed: it waits, is left alone, or has come to its end."""

from dataclasses import dataclass, replace
from datetime import datetime

from functions.worker.gate import Hold
from functions.worker.outcome import Outcome, look_again
from functions.worker.setting_aside import SetAside
from relay.domain.backoff import UNWRITTEN_HOLD_MAX
from relay.domain.errors import LostLeaseError, UnreadableRowError
from relay.domain.job import OPERATORS_REASONS, Job, StatusReason
from relay.domain.job_error import ErrorCode, JobError
from relay.domain.messages import JobMessage
from relay.domain.upstream import bad
from relay.ports import Clock, ContentStore, JobStore, Offload


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """Settles messages whose jobs cannot be claimed, or may not be yet."""

    jobs: JobStore
    contents: ContentStore
    set_aside: SetAside
    clock: Clock
    offload: Offload

    async def hold_back(self, message: JobMessage, hold: Hold, receives: int) -> Outcome:
        """Let a job wait until the gate may be asked again.

        A brief wait is its message's alone and costs no write. Any other stands on the row, or
        whoever looks at it would take the job for a lost one.

        Raises:
            UnreadableRowError: the job's row is not of this code.
        """
        now = self.clock.now()
        is_the_operators = hold.reason in OPERATORS_REASONS
        is_brief = not is_the_operators and hold.until - now <= UNWRITTEN_HOLD_MAX
        if is_brief and self.set_aside.is_for_the_message(hold.until, receives):
            return Outcome(result="held", message=message, look_again_at=hold.until)
        found = await self.offload(self.jobs.find, [(message.tenant_id, message.job_id)])
        job: Job | None = found.rows.get(message.job_id)
        if message.job_id in found.unreadable:  # the code that can read it may be deployed yet
            raise UnreadableRowError(message.job_id)
        if job is None:
            return Outcome(result="gone", message=message)
        if not job.is_claimable(now):
            return await self.settle(message, job, now, receives)
        ready_at = min(hold.until, job.deadline)
        if job.lease_until is not None:  # its worker is gone, or late: it may still write
            return await self._not_due(message, job, ready_at, receives)
        waiting = job.released(
            now,
            ready_at=ready_at,
            reason=hold.reason,
            error=_cause(hold.reason, job),
            attempts=job.attempts,
        )
        try:  # once: the message is there to try again
            look_at = await self.set_aside(job, waiting, until=now, receives=receives)
        except LostLeaseError:
            return look_again("lost", message, job, self.clock.now())
        return Outcome(result="held", message=message, job=waiting, look_again_at=look_at)

    async def settle(self, message: JobMessage, job: Job, at: datetime, receives: int) -> Outcome:
        """End a job whose time or attempts are over; leave alone one that is not due."""
        if job.status.is_final:
            if job.deleted_at is not None:  # a worker that came too late may have left its answer
                await self.offload(self.contents.purge, job)
            return Outcome(result="final_already", message=message, job=job)
        is_held = job.lease_until is not None and job.lease_until >= at
        if is_held or (at < job.deadline and job.attempts < job.attempts_max):
            due = job.next_look(at) if is_held else min(job.next_look(at), job.deadline)
            return await self._not_due(message, job, due, receives)
        ended = job.expired(at) if at >= job.deadline else job.spent(at)
        try:
            await self.offload(self.jobs.save, job, ended)
        except LostLeaseError:
            return look_again("lost", message, job, self.clock.now())
        return Outcome(result=ended.status, message=message, job=ended)

    async def _not_due(
        self, message: JobMessage, job: Job, due: datetime, receives: int
    ) -> Outcome:
        """Leave the row as it is, and have it looked at when it is due."""
        if self.set_aside.is_for_the_message(due, receives):
            return Outcome(result="not_due", message=message, job=job, look_again_at=due)
        await self.set_aside.bring_back(job, due)
        return Outcome(result="not_due", message=message, job=job)


def _cause(reason: StatusReason, job: Job) -> JobError | None:
    """Return what the job's error says should it expire while it waits.

    Only the operator's reasons are causes of their own, named by the same words as their errors.
    """
    if reason not in OPERATORS_REASONS:
        return job.last_error
    return replace(bad(ErrorCode(reason)).error, attempts=job.attempts)
