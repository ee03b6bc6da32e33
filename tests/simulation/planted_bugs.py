"""Bugs that the simulation must find: each as it might be made, planted into the real code.

A check that finds none of them checks nothing.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from functions.fanout import fan_out
from functions.publisher.publish_changes import Change, PublishChanges, Published
from functions.sweeper.sweep import Sweep, Swept
from functions.worker import run_job
from relay.domain import delivery, event
from relay.domain.errors import JobNotClaimableError, RelayError, UnavailableError
from relay.domain.event import Event
from relay.domain.idempotency import Reservation, reservation
from relay.domain.ids import EventId, JobId, TenantId
from relay.domain.job import Job, JobStatus
from relay.domain.wheel import Hint, Purpose
from relay.use_cases.submit_job import Draft, SubmitJob
from tests.fakes import jobs as fake_jobs
from tests.fakes.changes import JobChange
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.table_stream import row_change
from tests.fakes.wheel import InMemoryWheel

type Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, how to plant it, and the invariant that it breaks first."""

    name: str
    plant: Callable[[Patch], None]
    breaks: str


def no_fence(patch: Patch) -> None:
    """A save does not look at what the row has become."""

    def save(self: InMemoryJobStore, _before: Job, after: Job) -> None:
        with self._seam.around("jobs.save"):
            self._keep(self._jobs.get((after.tenant_id, after.id)), after)

    patch.setattr(InMemoryJobStore, "save", save)


def no_sweep(patch: Patch) -> None:
    """Nobody reads the wheel."""
    patch.setattr(Sweep, "__call__", lambda _self, **_: Swept())


def publish_before_commit(patch: Patch) -> None:
    """What is about to be written is told before it is."""

    def save(self: InMemoryJobStore, before: Job, after: Job) -> None:
        if self._stream is not None:
            self._stream.note(*row_change(JobChange(before, after)))
        stream, self._stream = self._stream, None
        try:
            real(self, before, after)
        finally:
            self._stream = stream

    real = InMemoryJobStore.save
    patch.setattr(InMemoryJobStore, "save", save)


def shared_result_key(patch: Patch) -> None:
    """Every attempt writes its result to the same place."""
    patch.setattr(run_job, "result_key", lambda _fence: "res#1")


def usage_added(patch: Patch) -> None:
    """What an event counts is added to what is there, instead of set."""

    def put(self: InMemoryEventStore, events: list[Event]) -> None:
        for it in events:
            there = self._events.get((it.tenant_id, it.id))
            if there is not None and there.usage is not None and it.usage is not None:
                both = (there.usage.total_tokens or 0) + (it.usage.total_tokens or 0)
                total = replace(it.usage, total_tokens=both)
                self._events[it.tenant_id, it.id] = replace(it, usage=total)
        real(self, events)

    real: Any = InMemoryEventStore.put
    patch.setattr(InMemoryEventStore, "put", put)


def trusting_ttl(patch: Patch) -> None:
    """A row that is there is taken to be in force, though its time is over."""

    def reserve(
        self: InMemoryIdempotencyStore, reservation: Reservation, *, at: datetime
    ) -> Reservation:
        held = self._held.get((reservation.tenant_id, reservation.hash))
        return held or real(self, reservation, at=at)

    real: Any = InMemoryIdempotencyStore.reserve
    patch.setattr(InMemoryIdempotencyStore, "reserve", reserve)


def claim_ignores_ready_at(patch: Patch) -> None:
    """Whatever waits is taken as soon as a message names it."""
    real = fake_jobs._is_claimable  # noqa: SLF001 - the bug is planted in there
    patch.setattr(fake_jobs, "_is_claimable", lambda job, at: real(replace(job, ready_at=None), at))


def unstable_event_id(patch: Patch) -> None:
    """An event has another id each time it is made."""
    lots = random.Random(7)  # noqa: S311 - a history must be repeatable

    def event_id(at: datetime, *parts: str) -> EventId:
        return real(at, *parts, str(lots.random()))

    real: Callable[..., EventId] = event._event_id  # noqa: SLF001 - the bug is planted in there
    patch.setattr(event, "_event_id", event_id)


def claim_ignores_leases(patch: Patch) -> None:
    """A job in somebody's hands is taken out of them."""

    def is_claimable(job: Job, at: datetime) -> bool:
        if job.status is JobStatus.IN_PROGRESS:
            return at < job.deadline and job.attempts < job.attempts_max
        return real(job, at)

    real = fake_jobs._is_claimable  # noqa: SLF001 - the bug is planted in there
    patch.setattr(fake_jobs, "_is_claimable", is_claimable)


def key_reserved_after_the_job(patch: Patch) -> None:
    """The job is made first, and the key noted after it."""

    def call(self: SubmitJob, draft: Draft, key: Any = None) -> Any:
        made = real(self, draft, None)
        if key is not None:
            at = self.clock.now()
            self.idempotency.reserve(reservation(key, made.job.id, at), at=at)
        return made

    real: Any = SubmitJob.__call__
    patch.setattr(SubmitJob, "__call__", call)


def no_watch_over_jobs(patch: Patch) -> None:
    """A job is kept without a hint on the wheel that watches over it."""
    _drop_hints(patch, Purpose.WATCH)


def no_wake_when_parked(patch: Patch) -> None:
    """A job is parked, its message deleted, and nobody is told to bring it back."""
    _drop_hints(patch, Purpose.WATCH)
    _drop_hints(patch, Purpose.WAKE)


def _drop_hints(patch: Patch, purpose: Purpose) -> None:
    def put(self: InMemoryWheel, hints: Sequence[Hint]) -> None:
        real(self, [it for it in hints if it.purpose is not purpose])

    real: Any = InMemoryWheel.put
    patch.setattr(InMemoryWheel, "put", put)


def delivery_id_by_lot(patch: Patch) -> None:
    """Each fan-out of one event makes a delivery of its own."""
    lots = random.Random(7)  # noqa: S311 - a history must be repeatable

    def delivery_id(event_id: EventId, target_id: str, at: datetime) -> str:
        return real(event_id, f"{target_id}{lots.random()}", at)

    real: Callable[..., str] = delivery.delivery_id
    patch.setattr(fan_out, "delivery_id", delivery_id)


def end_is_overwritten(patch: Patch) -> None:
    """A late expiry overwrites an end."""

    def claim(self: InMemoryJobStore, tenant_id: TenantId, job_id: JobId, **more: Any) -> Job:
        try:
            claimed: Job = real(self, tenant_id, job_id, **more)
        except JobNotClaimableError as refusal:
            job = refusal.job
            if job.status is not JobStatus.COMPLETED or job.deleted_at is not None:
                raise
            again = replace(
                job, status=JobStatus.QUEUED, finished_at=None, result=None, version=job.version + 1
            )
            self._keep(job, again)
            raise
        return claimed

    real: Any = InMemoryJobStore.claim
    patch.setattr(InMemoryJobStore, "claim", claim)


def refused_event_is_skipped(patch: Patch) -> None:
    """What could not be published is taken for published, and noted as such."""

    def call(self: PublishChanges, changes: Sequence[Change]) -> Any:
        try:
            return real(self, changes)
        except UnavailableError:
            events = [event for it in changes if (event := self._event_of(it)) is not None]
            with suppress(UnavailableError):
                self.events.put(events)
            return Published(events=[], parked=[], retry_from=None)

    real: Any = PublishChanges.__call__
    patch.setattr(PublishChanges, "__call__", call)


def deleting_leaves_the_content(patch: Patch) -> None:
    """The row is a tombstone, and what it pointed to stays."""
    patch.setattr(InMemoryContentStore, "purge", lambda _self, _job: None)


def an_answer_in_the_log(patch: Patch) -> None:
    """What went wrong is logged with what it went wrong on."""

    def too_dear(*_: object, **__: object) -> None:
        raise RelayError("canary-answer is too dear")

    patch.setattr(run_job, "cost_of", too_dear)


def any_tenants_job(patch: Patch) -> None:
    """A job is looked for by its id alone."""

    def find(self: InMemoryJobStore, _tenant_id: TenantId, job_id: JobId) -> Job:
        found = next((job for job in self._jobs.values() if job.id == job_id), None)
        return found or real(self, _tenant_id, job_id)

    real: Any = InMemoryJobStore._find  # noqa: SLF001 - the bug is planted in there
    patch.setattr(InMemoryJobStore, "_find", find)


BUGS = (
    Bug("no fence", no_fence, "I"),
    Bug("no sweep", no_sweep, "I1"),
    Bug("publish before commit", publish_before_commit, "I7"),
    Bug("shared result key", shared_result_key, "I5"),
    Bug("usage added instead of set", usage_added, "I3"),
    Bug("trusting the time to live", trusting_ttl, "I10"),
    Bug("a claim ignores ready_at", claim_ignores_ready_at, "I8"),
    Bug("unstable event id", unstable_event_id, "I6"),
    Bug("a claim ignores leases", claim_ignores_leases, "I15"),
    Bug("the key is reserved after the job", key_reserved_after_the_job, "I10"),
    Bug("no watch over jobs", no_watch_over_jobs, "I1"),
    Bug("no wake when parked", no_wake_when_parked, "I1"),
    Bug("a delivery has a random id", delivery_id_by_lot, "I6"),
    Bug("an end is overwritten", end_is_overwritten, "I2"),
    Bug("a refused event is skipped", refused_event_is_skipped, "I6"),
    Bug("deleting leaves the content", deleting_leaves_the_content, "I12"),
    Bug("an answer in the log", an_answer_in_the_log, "I17"),
    Bug("any tenant's job is found", any_tenants_job, "I11"),
)
