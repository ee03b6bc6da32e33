"""Running one job: claim it, call Mistral, record what came.

What waits is said with ``Outcome.look_again_at``: the message comes back then. Without it the
message has done its work and may go.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.worker.gate import Gate, Hold, Leave, Pass
from functions.worker.outcome import LOOK_AGAIN_AFTER, Outcome, look_again
from functions.worker.setting_aside import SetAside
from functions.worker.unclaimed import Unclaimed
from relay.domain.backoff import IN_PLACE_BUDGET, IN_PLACE_CAP, RELEASED_CAP, full_jitter
from relay.domain.body_rules import with_model
from relay.domain.content import Content, result_key
from relay.domain.errors import (
    JobNotClaimableError,
    LostLeaseError,
    MistralCallError,
    NotFoundError,
    UnavailableError,
)
from relay.domain.ids import JobId
from relay.domain.job import LEASE_MARGIN, OPERATORS_REASONS, Job, JobStatus, StatusReason
from relay.domain.job_error import ErrorCode, JobError
from relay.domain.messages import JobMessage
from relay.domain.prices import cost_of
from relay.domain.upstream import Bad, Good, bad, judge, shows_access
from relay.ports import Clock, ContentStore, Dice, Found, JobStore, Mistral, Offload
from relay.use_cases.insisting import Insist

RECORDING_TIME = timedelta(seconds=15)
"""What is kept free of a lease and of an invocation for writing down what came."""

_NOT_KEPT = bad(ErrorCode.INVALID_REQUEST, "The request is no longer kept.", may_retry=False)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One claim at work: what it has charged, tried and waited so far."""

    message: JobMessage
    job: Job
    leave: Pass
    receives: int
    ends_at: datetime
    charged: int
    tries: int = 0
    waited: timedelta = timedelta(0)

    @property
    def model(self) -> str | None:
        """The model whose turn it is."""
        return self.job.model_in_turn(self.charged)

    @property
    def lease_until(self) -> datetime:
        """Until when nobody else may claim the job."""
        assert self.job.lease_until is not None, "a job that was claimed has a lease"
        return self.job.lease_until


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """Runs jobs. ``offload`` keeps blocking calls off the event loop."""

    jobs: JobStore
    contents: ContentStore
    mistral: Mistral
    gate: Gate
    unclaimed: Unclaimed
    set_aside: SetAside
    clock: Clock
    dice: Dice
    offload: Offload

    async def __call__(
        self, message: JobMessage, leave: Leave, *, receives: int, ends_at: datetime
    ) -> Outcome:
        """Run the job that a message names, in an invocation that ends at ``ends_at``.

        ``receives`` counts how often this message has been received.
        """
        if isinstance(leave, Hold):
            return await self.unclaimed.hold_back(message, leave, receives)
        await self._wait_for(leave)
        at = self.clock.now()
        try:
            job: Job = await self.offload(
                self.jobs.claim,
                message.tenant_id,
                message.job_id,
                at=at,
                lease_margin=LEASE_MARGIN,
            )
        except NotFoundError:
            return Outcome(result="gone", message=message)
        except JobNotClaimableError as refused:
            return await self.unclaimed.settle(message, refused.job, at, receives)
        charged_before = job.attempts - 1
        run = _Run(
            message=message,
            job=job,
            leave=leave,
            receives=receives,
            ends_at=ends_at,
            charged=charged_before,
        )
        try:
            return await self._run(run)
        except LostLeaseError:
            # Cancelled, or claimed again after an overrun. The next look says which.
            return look_again("lost", message, job, self.clock.now())

    async def _wait_for(self, leave: Pass) -> None:
        wait = leave.at - self.clock.now()
        if wait > timedelta(0):
            await self.clock.sleep(wait)

    async def _run(self, run: _Run) -> Outcome:
        try:
            request: bytes = await self.offload(self.contents.get, run.job, run.job.request)
        except UnavailableError as error:
            return await self._give_back(run, error)
        except NotFoundError:
            return await self._fail(run, _NOT_KEPT)
        return await self._try(run, request)

    async def _try(self, run: _Run, request: bytes) -> Outcome:
        while True:  # ends by the attempts, the waits in place, the lease or the invocation
            try:
                verdict, answer = await self._attempt(run, request)
            except UnavailableError as error:  # the key to Mistral could not be read
                return await self._give_back(run, error)
            run.tries += 1
            if run.leave.is_probe and shows_access(verdict):
                await self.gate.healed()
            if isinstance(verdict, Good):
                return await self._complete(run, verdict, answer)
            run.charged += verdict.is_charged
            if verdict.waits_as is None or run.charged >= run.job.attempts_max:
                return await self._fail(run, verdict)
            pause = await self._pause_in_place(run, verdict)
            if pause is None:
                return await self._release(run, verdict, verdict.waits_as)
            run.waited += pause
            await self.clock.sleep(pause)
            await self._look_at_lease(run)

    async def _look_at_lease(self, run: _Run) -> None:
        """Go on only if the job was not cancelled meanwhile: a call nobody wants costs as much.

        Raises:
            LostLeaseError: it was, or is in other hands.
        """
        with suppress(UnavailableError):  # then the next write finds out
            found = await self._find(run.job)
            now = found.rows.get(run.job.id)
            if now is not None and now.version != run.job.version:
                raise LostLeaseError(run.job.id)

    async def _attempt(self, run: _Run, request: bytes) -> tuple[Good | Bad, bytes]:
        """Call Mistral once; return what came of it, and the answer, empty where none came."""
        job = run.job
        if run.model is not None and run.model != job.model:
            request = with_model(request, run.model)
        try:
            answer = await self.mistral.call(job.endpoint, request, time_limit=job.timeout)
        except MistralCallError as error:
            if error.is_final:
                return bad(error.code, str(error), may_retry=False), b""
            return bad(error.code), b""
        at, demands_tool_call = self.clock.now(), job.demands_tool_call
        verdict = judge(job.endpoint, answer, at=at, demands_tool_call=demands_tool_call)
        return verdict, answer.body

    async def _pause_in_place(self, run: _Run, verdict: Bad) -> timedelta | None:
        """Return how long to wait in here for the next attempt, ``None`` where it is too long."""
        if verdict.waits_as in OPERATORS_REASONS:
            return None
        wait = self._wait(run, verdict, IN_PLACE_CAP)
        if not self._fits_in_place(run, wait):
            return None
        room_at = await self.gate.room()
        if room_at is None:
            return None
        wait = max(wait, room_at - self.clock.now())
        return wait if self._fits_in_place(run, wait) else None

    def _wait(self, run: _Run, verdict: Bad, cap: timedelta) -> timedelta:
        """Return how long to wait before the next attempt."""
        wait = full_jitter(run.job.fence + run.tries - 1, cap=cap, chance=self.dice.chance())
        return max(wait, verdict.retry_after or wait)

    def _fits_in_place(self, run: _Run, wait: timedelta) -> bool:
        """Tell whether another attempt fits before the lease, the deadline and the invocation."""
        ready_at = self.clock.now() + wait
        return (
            run.waited + wait <= IN_PLACE_BUDGET
            and ready_at + run.job.timeout + RECORDING_TIME <= min(run.lease_until, run.ends_at)
            and ready_at < run.job.deadline
        )

    async def _complete(self, run: _Run, good: Good, answer: bytes) -> Outcome:
        job = run.job
        model = good.model_used or run.model
        result = await self._insist(run, self.contents.put, job, result_key(job.fence), answer)
        completed = job.completed(
            self.clock.now(),
            result=result,
            model_used=model,
            usage=good.usage,
            cost=cost_of(model, good.usage, annotated=job.annotates_pages),
            attempts=run.charged + 1,
        )
        try:
            await self._insist(run, self.jobs.save, job, completed)
        except LostLeaseError:
            with suppress(UnavailableError, LostLeaseError):  # a record of spending, no more
                await self._come_too_late(completed, result)
            raise
        return Outcome(result="completed", message=run.message, job=completed, has_called=True)

    async def _come_too_late(self, completed: Job, result: Content) -> None:
        """Remove a result that nobody asks for any more; note on a cancelled job what it cost."""
        found = await self._find(completed)
        job = found.rows.get(completed.id)
        was_recorded = job is not None and job.result is not None and job.result.key == result.key
        if was_recorded or completed.id in found.unreadable:
            return
        is_mine = job is not None and job.fence == completed.fence
        try:
            if job is not None and is_mine and job.status is JobStatus.CANCELLED:
                spent = job.spent_on(completed.usage, completed.cost)
                await self.offload(self.jobs.save, job, spent)
        finally:
            await self.offload(self.contents.discard, completed, result)

    async def _fail(self, run: _Run, verdict: Bad) -> Outcome:
        is_spent = verdict.waits_as is not None
        error = replace(verdict.error, reason="attempts_exhausted" if is_spent else None)
        failed = run.job.failed(self.clock.now(), error=error, attempts=run.charged)
        await self._insist(run, self.jobs.save, run.job, failed)
        has_called = run.tries > 0
        return Outcome(result="failed", message=run.message, job=failed, has_called=has_called)

    async def _release(self, run: _Run, verdict: Bad, reason: StatusReason) -> Outcome:
        """Give the job back, to wait out of here for its next attempt."""
        if reason in OPERATORS_REASONS:
            ready_at = await self.gate.blocked(reason)
        else:
            ready_at = self.clock.now() + self._wait(run, verdict, RELEASED_CAP)
        error = replace(verdict.error, attempts=run.charged)
        return await self._queue_again(run, ready_at, reason, error)

    async def _give_back(self, run: _Run, error: UnavailableError) -> Outcome:
        """End a claim in which Mistral could not be called, and charge no attempt for that."""
        wait = full_jitter(run.job.fence, cap=RELEASED_CAP, chance=self.dice.chance())
        ready_at = self.clock.now() + max(wait, LOOK_AGAIN_AFTER)
        reason, last_error = StatusReason.RETRYING, run.job.last_error
        outcome = await self._queue_again(run, ready_at, reason, last_error)
        return replace(outcome, result="given_back", error=error)

    async def _queue_again(
        self, run: _Run, ready_at: datetime, reason: StatusReason, error: JobError | None
    ) -> Outcome:
        released = run.job.released(
            self.clock.now(),
            ready_at=min(ready_at, run.job.deadline),
            reason=reason,
            error=error,
            attempts=run.charged,
        )
        look_at = await self.set_aside(
            run.job, released, until=run.lease_until, receives=run.receives
        )
        return Outcome(
            result="released",
            message=run.message,
            job=released,
            look_again_at=look_at,
            has_called=run.tries > 0,
        )

    async def _find(self, job: Job) -> Found[JobId, Job]:
        """Read a job as it is now, even if it has been deleted."""
        found: Found[JobId, Job] = await self.offload(self.jobs.find, [(job.tenant_id, job.id)])
        return found

    async def _insist[T](self, run: _Run, write: Callable[..., T], *arguments: Any) -> T:
        insist = Insist(clock=self.clock, dice=self.dice, offload=self.offload)
        return await insist(run.lease_until, write, *arguments)
