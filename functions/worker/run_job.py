"""Running one job: claim it, call Mistral, record what came.

What waits is said with ``Outcome.look_again_at``: the message comes back then. Without it the
message has done its work and may go.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relay.domain.answer import Answer
from relay.domain.backoff import IN_PLACE_BUDGET, IN_PLACE_CAP, RELEASED_CAP, full_jitter
from relay.domain.content import result_key
from relay.domain.errors import (
    JobNotClaimableError,
    LostLeaseError,
    MistralCallError,
    NotFoundError,
    UnavailableError,
)
from relay.domain.job import LEASE_MARGIN, ErrorCode, Job, StatusReason
from relay.domain.messages import JobMessage
from relay.domain.prices import cost_of
from relay.domain.upstream import OPERATORS_REASONS, Bad, Good, bad, judge
from relay.ports import Clock, ContentStore, Dice, JobStore, Mistral, Offload
from relay.use_cases.insisting import Insist

LOOK_AGAIN_AFTER = timedelta(seconds=60)
"""For a job whose row could not be read or written, or is in other hands."""
RECORDING_TIME = timedelta(seconds=15)
"""What is kept free of a lease and of an invocation for writing down what came."""
BLOCKED_WAIT_MIN = timedelta(minutes=1)
"""Between two probes of a key or an account that Mistral refuses: only a person can mend those.

Longer than any wait in place, so such a job always leaves the invocation.
"""


_NOT_KEPT = bad(ErrorCode.INVALID_REQUEST, "The request is no longer kept.", may_retry=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message. ``result`` is a word for the log."""

    result: str
    message: JobMessage
    job: Job | None = None
    look_again_at: datetime | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Run:
    """One claim at work: what it has charged, tried and waited so far."""

    job: Job
    request: bytes
    charged: int
    tries: int = 0
    waited: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """Runs jobs. ``offload`` keeps blocking calls off the event loop."""

    jobs: JobStore
    contents: ContentStore
    mistral: Mistral
    clock: Clock
    dice: Dice
    offload: Offload

    async def __call__(self, message: JobMessage, *, ends_at: datetime) -> Outcome:
        """Run the job that a message names, in an invocation that ends at ``ends_at``."""
        at = self.clock.now()
        try:
            job = await self.offload(
                self.jobs.claim,
                message.tenant_id,
                message.job_id,
                at=at,
                lease_margin=LEASE_MARGIN,
            )
        except NotFoundError:
            return Outcome(result="gone", message=message)
        except JobNotClaimableError as refused:
            return await self._settle_unclaimed(message, refused.job, at)
        try:
            return await self._work(message, job, ends_at)
        except LostLeaseError:
            # Cancelled, or claimed again after an overrun. The next look says which.
            return self._again("lost", message, job)

    async def _settle_unclaimed(self, message: JobMessage, job: Job, at: datetime) -> Outcome:
        """End a job whose time or attempts are over; leave alone one that is not due."""
        if job.status.is_final:
            return Outcome(result="final_already", message=message, job=job)
        is_held = job.lease_until is not None and job.lease_until >= at
        if is_held or (at < job.deadline and job.attempts < job.attempts_max):
            due = min(job.next_look(at), job.deadline) if not is_held else job.next_look(at)
            return Outcome(result="not_due", message=message, job=job, look_again_at=due)
        ended = job.expired(at) if at >= job.deadline else job.spent(at)
        try:
            await self.offload(self.jobs.save, job, ended)
        except LostLeaseError:
            return self._again("lost", message, job)
        return Outcome(result=ended.status, message=message, job=ended)

    async def _work(self, message: JobMessage, job: Job, ends_at: datetime) -> Outcome:
        try:
            request = await self.offload(self.contents.get, job, job.request)
        except UnavailableError as error:
            return await self._give_back(message, job, job.attempts - 1, error)
        except NotFoundError:
            return await self._fail(message, _Run(job=job, request=b"", charged=0), _NOT_KEPT)
        run = _Run(job=job, request=request, charged=job.attempts - 1)
        while True:  # ends by the attempts, the waits in place, the lease or the invocation
            try:
                verdict, answer = await self._attempt(run)
            except UnavailableError as error:  # the key to Mistral could not be read
                return await self._give_back(message, job, run.charged, error)
            if isinstance(verdict, Good):
                return await self._complete(message, run, verdict, answer)
            run.tries += 1
            run.charged += verdict.is_charged
            if verdict.waits_as is None or run.charged >= job.attempts_max:
                return await self._fail(message, run, verdict)
            wait = self._wait(run, verdict, verdict.waits_as)
            if not self._fits_in_place(run, wait, ends_at):
                return await self._release(message, run, verdict, verdict.waits_as)
            run.waited += wait
            await self.clock.sleep(wait)

    async def _give_back(
        self, message: JobMessage, job: Job, charged: int, error: UnavailableError
    ) -> Outcome:
        """End a claim in which Mistral could not be called, and charge no attempt for that.

        The waits grow from claim to claim, so that no outage wears out the job's message.
        """
        now = self.clock.now()
        wait = full_jitter(job.fence, cap=RELEASED_CAP, chance=self.dice.chance())
        ready_at = min(now + max(wait, LOOK_AGAIN_AFTER), job.deadline)
        released = job.released(
            now,
            ready_at=ready_at,
            reason=StatusReason.RETRYING,
            error=job.last_error,
            attempts=charged,
        )
        await self._insist(job, self.jobs.save, job, released)
        return Outcome(
            result="given_back", message=message, job=released, look_again_at=ready_at, error=error
        )

    async def _attempt(self, run: _Run) -> tuple[Good | Bad, Answer | None]:
        job = run.job
        try:
            answer = await self.mistral.call(job.endpoint, run.request, time_limit=job.timeout)
        except MistralCallError as error:
            if error.is_final:
                return bad(error.code, str(error), may_retry=False), None
            return bad(error.code), None
        at = self.clock.now()
        return judge(job.endpoint, answer, at=at, demands_tool_call=job.demands_tool_call), answer

    def _wait(self, run: _Run, verdict: Bad, reason: StatusReason) -> timedelta:
        """Return how long to wait before the next attempt, in place or out of it."""
        cap = IN_PLACE_CAP if run.waited < IN_PLACE_BUDGET else RELEASED_CAP
        wait = full_jitter(run.job.fence + run.tries - 1, cap=cap, chance=self.dice.chance())
        if reason in OPERATORS_REASONS:
            wait = max(wait, BLOCKED_WAIT_MIN)
        return max(wait, verdict.retry_after or wait)

    def _fits_in_place(self, run: _Run, wait: timedelta, ends_at: datetime) -> bool:
        """Tell whether another attempt fits before the lease, the deadline and the invocation."""
        now = self.clock.now()
        lease_until = run.job.lease_until or now
        ready_at = now + wait
        return (
            run.waited + wait <= IN_PLACE_BUDGET
            and ready_at + run.job.timeout + RECORDING_TIME <= min(lease_until, ends_at)
            and ready_at < run.job.deadline
        )

    async def _complete(
        self, message: JobMessage, run: _Run, good: Good, answer: Answer | None
    ) -> Outcome:
        assert answer is not None, "a good verdict is of an answer"
        job = run.job
        model = good.model_used or job.model
        result = await self._insist(job, self.contents.put, job, result_key(job.fence), answer.body)
        completed = job.completed(
            self.clock.now(),
            result=result,
            model_used=model,
            usage=good.usage,
            cost=cost_of(model, good.usage, annotated=job.annotates_pages),
            attempts=run.charged + 1,
        )
        await self._insist(job, self.jobs.save, job, completed)
        return Outcome(result="completed", message=message, job=completed)

    async def _fail(self, message: JobMessage, run: _Run, verdict: Bad) -> Outcome:
        is_spent = verdict.waits_as is not None
        error = replace(verdict.error, reason="attempts_exhausted" if is_spent else None)
        failed = run.job.failed(self.clock.now(), error=error, attempts=run.charged)
        await self._insist(run.job, self.jobs.save, run.job, failed)
        return Outcome(result="failed", message=message, job=failed)

    async def _release(
        self, message: JobMessage, run: _Run, verdict: Bad, reason: StatusReason
    ) -> Outcome:
        """Give the job back. Nothing waits in here any longer."""
        now = self.clock.now()
        run.waited = IN_PLACE_BUDGET
        ready_at = min(now + self._wait(run, verdict, reason), run.job.deadline)
        released = run.job.released(
            now,
            ready_at=ready_at,
            reason=reason,
            error=replace(verdict.error, attempts=run.charged),
            attempts=run.charged,
        )
        await self._insist(run.job, self.jobs.save, run.job, released)
        return Outcome(result="released", message=message, job=released, look_again_at=ready_at)

    async def _insist[T](self, job: Job, write: Callable[..., T], *arguments: Any) -> T:
        insist = Insist(clock=self.clock, dice=self.dice, offload=self.offload)
        return await insist(job.lease_until or job.deadline, write, *arguments)

    def _again(self, result: str, message: JobMessage, job: Job) -> Outcome:
        later = self.clock.now() + LOOK_AGAIN_AFTER
        return Outcome(result=result, message=message, job=job, look_again_at=later)
