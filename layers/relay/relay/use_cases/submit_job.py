"""Taking a job in: the same for the API and for the submissions queue."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from relay.domain.body_rules import annotates_pages, demands_tool_call
from relay.domain.content import REQUEST_KEY, inline
from relay.domain.endpoints import Endpoint
from relay.domain.errors import (
    AlreadyExistsError,
    KeyReusedError,
    LostRaceError,
    NotFoundError,
    StillAcceptingError,
    UnreadableRowError,
)
from relay.domain.idempotency import IdempotencyKey, Reservation, reservation
from relay.domain.ids import RANDOM_BYTES, JobId, TenantId, made_at, ulid
from relay.domain.job import DEADLINE_MAX, Callback, Job, Submission
from relay.domain.job_request import CheckedSubmission
from relay.domain.messages import job_message
from relay.domain.wheel import HintKind, watch
from relay.ports import Clock, ContentStore, Dice, IdempotencyStore, JobStore, Queue, Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a job will be, but for its id and its time."""

    tenant_id: TenantId
    submission: Submission
    endpoint: Endpoint
    model: str | None
    body: bytes
    deadline: datetime
    attempts_max: int
    timeout: timedelta
    callback: Callback | None
    notify_started: bool
    demands_tool_call: bool
    annotates_pages: bool
    metadata: Mapping[str, str] = field(default_factory=dict)
    fallback_models: tuple[str, ...] = ()
    rerun_of: JobId | None = None

    @classmethod
    def of(cls, checked: CheckedSubmission, tenant_id: TenantId, submission: Submission) -> Self:
        """Return the draft of a submission that may be queued."""
        request = checked.request
        return cls(
            tenant_id=tenant_id,
            submission=submission,
            endpoint=request.endpoint,
            model=checked.model,
            body=checked.body,
            deadline=checked.deadline,
            attempts_max=request.attempts_max,
            timeout=timedelta(seconds=request.timeout_seconds),
            callback=checked.callback,
            notify_started=request.notify_started,
            demands_tool_call=demands_tool_call(request.body),
            annotates_pages=annotates_pages(request.body),
            metadata=request.metadata,
            fallback_models=tuple(request.fallback_models),
        )

    @classmethod
    def again(cls, job: Job, body: bytes, submission: Submission, *, at: datetime) -> Self:
        """Return the draft of the same job once more, with as much time as it had."""
        return cls(
            tenant_id=job.tenant_id,
            submission=submission,
            endpoint=job.endpoint,
            model=job.model,
            body=body,
            deadline=at + min(job.deadline - job.created_at, DEADLINE_MAX),
            attempts_max=job.attempts_max,
            timeout=job.timeout,
            callback=job.callback,
            notify_started=job.notify_started,
            demands_tool_call=job.demands_tool_call,
            annotates_pages=job.annotates_pages,
            metadata=job.metadata,
            fallback_models=job.fallback_models,
            rerun_of=job.id,
        )


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is kept. ``is_replay``: it was made by an earlier request under the same key."""

    job: Job
    is_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitJob:
    """Keeps a job, then sends the message that gets it run."""

    jobs: JobStore
    contents: ContentStore
    wheel: Wheel
    idempotency: IdempotencyStore
    queue: Queue
    clock: Clock
    dice: Dice
    retention: timedelta

    def __call__(self, draft: Draft, key: IdempotencyKey | None = None) -> Submitted:
        """Return the job as it is kept, or the one that was made under the same key.

        Raises:
            KeyReusedError: the key was used for another request; nothing was changed.
            StillAcceptingError: the key's first request may still be at work.
            NotFoundError: the key's job has been deleted.
            UnavailableError: the job may or may not be kept; whoever submits must do so again.
        """
        at = self.clock.now()
        job_id = JobId("job_" + ulid(at, self.dice.randomness(RANDOM_BYTES)))
        if key is None:
            return self._keep(draft, job_id, at)
        mine = reservation(key, job_id, at)
        held = self.idempotency.reserve(mine, at=at)
        if held.resource_id == job_id:
            return self._keep(draft, job_id, at)
        if held.fingerprint != key.fingerprint:
            raise KeyReusedError(key.key)
        return self._made(held) or self._take_over(draft, held, at)

    def made_under(self, key: IdempotencyKey) -> Submitted | None:
        """Return the job that the same request has made before, ``None`` where there is none.

        For a request that would be refused by now, since its deadline or what it names is past.

        Raises:
            NotFoundError: the job has been deleted.
        """
        try:
            held = self.idempotency.get(key.tenant_id, key.hash, at=self.clock.now())
        except NotFoundError:
            return None
        return self._made(held) if held.fingerprint == key.fingerprint else None

    def _made(self, held: Reservation) -> Submitted | None:
        """Return the job that a key stands for, ``None`` where it has not been made."""
        job_id = JobId(held.resource_id)
        found = self.jobs.find([(held.tenant_id, job_id)])
        if job_id in found.unreadable:
            raise UnreadableRowError(job_id)
        job = found.rows.get(job_id)
        if job is None:
            return None
        if job.deleted_at is not None:
            raise NotFoundError(job_id)  # never made again, or deleting would mean nothing
        if job.version == 1 and self.clock.now() < held.accepting_until:
            # Whoever made it may have stopped before this; the wheel would take minutes to see.
            self.queue.send(job_message(job), group=job.tenant_id)
        return Submitted(job, is_replay=True)

    def _take_over(self, draft: Draft, held: Reservation, at: datetime) -> Submitted:
        """Make what a key stands for, since whoever began did not finish."""
        if at < held.accepting_until:
            raise StillAcceptingError(held.accepting_until)
        takeover = held.taken_over(at)
        try:
            self.idempotency.take_over(held, takeover)
        except LostRaceError as lost:
            raise StillAcceptingError(takeover.accepting_until) from lost
        return self._keep(draft, JobId(held.resource_id), at)

    def _keep(self, draft: Draft, job_id: JobId, at: datetime) -> Submitted:
        """Write what watches over the job, then the job, then send its message.

        In this order a crash leaves a hint that leads nowhere, or a job that the wheel finds;
        never a message or an answer that promises what nobody can keep.
        """
        job = self._job(draft, job_id, at)
        if not self.jobs.has_room_for(job):
            job = replace(job, request=self.contents.put(job, REQUEST_KEY, draft.body))
        self.wheel.put([watch(HintKind.JOB, job.tenant_id, job.id, at)])
        try:
            self.jobs.submit(job)
        except AlreadyExistsError:  # whoever this was taken over from got as far after all
            there = self.jobs.get(draft.tenant_id, job_id, at=at)
            return Submitted(there, is_replay=True)
        self.queue.send(job_message(job), group=draft.tenant_id)
        return Submitted(job)

    def _job(self, draft: Draft, job_id: JobId, at: datetime) -> Job:
        return Job(
            id=job_id,
            tenant_id=draft.tenant_id,
            endpoint=draft.endpoint,
            model=draft.model,
            created_at=made_at(job_id),  # earlier than now where it was taken over
            changed_at=at,
            deadline=draft.deadline,
            purge_at=(at + self.retention).replace(microsecond=0),
            submission=draft.submission,
            request=inline(REQUEST_KEY, draft.body),
            attempts_max=draft.attempts_max,
            timeout=draft.timeout,
            callback=draft.callback,
            notify_started=draft.notify_started,
            demands_tool_call=draft.demands_tool_call,
            annotates_pages=draft.annotates_pages,
            metadata=draft.metadata,
            fallback_models=draft.fallback_models,
            rerun_of=draft.rerun_of,
        )
