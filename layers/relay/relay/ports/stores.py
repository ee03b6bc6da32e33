"""Where jobs, content, events and idempotency keys are kept.

Each method may raise ``UnavailableError``; then the act may or may not have been done, and doing
it again must be safe. Other errors are named where they can occur.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from relay.domain.content import Content
from relay.domain.event import Event
from relay.domain.idempotency import Reservation
from relay.domain.ids import EventId, JobId, TenantId
from relay.domain.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Found[Id, Row]:
    """Rows by id, and the ids of those that are there and cannot be read."""

    rows: Mapping[Id, Row] = field(default_factory=dict)
    unreadable: frozenset[Id] = frozenset()


class JobStore(Protocol):
    """Jobs. The row is the lock: each change is one conditional write."""

    def has_room_for(self, job: Job) -> bool:
        """Tell whether the job, its inline request included, is cheap to write all its life."""
        ...

    def submit(self, job: Job) -> None:
        """Keep a new job.

        Raises:
            AlreadyExistsError: another job of this id is there; nothing was changed.
        """
        ...

    def get(self, tenant_id: TenantId, job_id: JobId, *, at: datetime) -> Job:
        """Return the job as it is now, all writes that were answered before included.

        Raises:
            NotFoundError: the tenant has no such job, it is deleted, or its time is over.
        """
        ...

    def find(self, names: Collection[tuple[TenantId, JobId]]) -> "Found[JobId, Job]":
        """Return those jobs that are there, each as it is now, tombstones and old ones included.

        A row that cannot be read is among the unreadable, and holds up no other.
        """
        ...

    def newest_first(
        self, tenant_id: TenantId, *, before: str | None = None, since: str | None = None
    ) -> Iterator[Job]:
        """Yield a tenant's jobs by id, the newest first, reading only as far as is asked for.

        ``before`` is an id that is left out with all newer ones, ``since`` the least id to come.
        Tombstones and what is past its time come along. Rows that cannot be read are left out.
        """
        ...

    def claim(
        self, tenant_id: TenantId, job_id: JobId, *, at: datetime, lease_margin: timedelta
    ) -> Job:
        """Take the job for one worker, for its own time-out and a margin, and raise its fence.

        Done in one write, if the job is not final, not under a live lease, due, before its
        deadline, and has an attempt left.

        Raises:
            JobNotClaimableError: one of these does not hold; the error carries the job as it is.
            NotFoundError: there is no such job.
        """
        ...

    def save(self, before: Job, after: Job) -> None:
        """Write ``after``, if the row is still just as ``before`` was read or written.

        For a claimed job that means: held under the same fencing token. A write that had been
        done already counts as done now. A change that keeps the version makes no event, but for one
        that asks for the last one anew.

        Raises:
            LostLeaseError: the row has changed since; nothing was written.
        """
        ...


class ContentStore(Protocol):
    """Requests and results, which are too large for a job's own row."""

    def put(self, job: Job, key: str, body: bytes) -> Content:
        """Keep bytes under the job and a key of their own. They are never changed afterwards."""
        ...

    def get(self, job: Job, content: Content) -> bytes:
        """Return the bytes.

        Raises:
            NotFoundError: they have been deleted or have expired.
        """
        ...

    def discard(self, job: Job, content: Content) -> None:
        """Remove one content that came to nothing."""
        ...

    def purge(self, job: Job) -> None:
        """Remove all content of a job, whoever wrote it. Done twice it is done."""
        ...

    def link(self, job: Job, content: Content, *, lifetime: timedelta) -> str:
        """Return an address at which anyone who has it can read an object for a while."""
        ...


class EventStore(Protocol):
    """Events, kept once they are on the bus; or inserted before, as their own outbox."""

    def put(self, events: Sequence[Event]) -> None:
        """Keep events that are on the bus. One that is kept already is the same, by its id."""
        ...

    def insert(self, event: Event) -> None:
        """Keep an event that the publisher has yet to put on the bus, unless it is there."""
        ...

    def published(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        """Return those of the events that are kept and were put on the bus."""
        ...

    def unpublished(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        """Return those of the events that were inserted and wait for the bus."""
        ...

    def tell_again(self, tenant_id: TenantId, event_id: EventId) -> None:
        """Make the publisher look once more at an event that was inserted, if it is there."""
        ...

    def get(self, tenant_id: TenantId, event_id: EventId) -> Event:
        """Return an event.

        Raises:
            NotFoundError: the tenant has no such event.
        """
        ...

    def oldest_first(
        self, tenant_id: TenantId, *, after: str, before: str | None = None, at: datetime
    ) -> Iterator[Event]:
        """Yield a tenant's events by id, the oldest first, reading only as far as is asked for.

        Strongly consistent. ``after`` is an id, or the least one of a moment, and is left out
        itself; ``before`` is the first that is not wanted any more. Those that wait for the bus
        come along, what is past its time at ``at`` and rows that cannot be read do not.
        """
        ...


class IdempotencyStore(Protocol):
    """Idempotency keys, and the resources they stand for."""

    def reserve(self, reservation: Reservation, *, at: datetime) -> Reservation:
        """Keep a reservation, unless one is in force, and return the one that is.

        In one conditional write. A reservation of ours that was made and not heard of is ours.
        """
        ...

    def take_over(self, before: Reservation, after: Reservation) -> None:
        """Go on in place of whoever reserved a key and did not finish.

        Raises:
            LostRaceError: somebody else has taken it over.
        """
        ...

    def get(self, tenant_id: TenantId, key_hash: str, *, at: datetime) -> Reservation:
        """Return the reservation in force.

        Raises:
            NotFoundError: there is none, or its time is over.
        """
        ...
