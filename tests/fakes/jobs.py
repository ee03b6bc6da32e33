from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import override

from relay.domain.errors import (
    AlreadyExistsError,
    JobNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job, JobStatus
from relay.ports import Found, JobStore
from tests.fakes.changes import Changes, JobChange
from tests.fakes.seam import QUIET, Seam
from tests.fakes.table_stream import row_change


class InMemoryJobStore(JobStore):
    """Jobs by tenant and id. ``changes`` is every write in order, as ``stream`` hears of it."""

    def __init__(
        self, seam: Seam = QUIET, *, stream: Changes | None = None, inline_bytes_max: int = 300
    ) -> None:
        self.changes: list[JobChange] = []
        self.unreadable: set[JobId] = set()
        self._stream = stream
        self._jobs: dict[tuple[TenantId, JobId], Job] = {}
        self._seam = seam
        self._inline_bytes_max = inline_bytes_max

    @override
    def has_room_for(self, job: Job) -> bool:
        return len(job.request.inline or b"") <= self._inline_bytes_max

    @override
    def submit(self, job: Job) -> None:
        with self._seam.around("jobs.submit"):
            there = self._jobs.get((job.tenant_id, job.id))
            if there not in (None, job):
                raise AlreadyExistsError(job.id)
            if there is None:
                self._keep(None, replace(job, metadata=MappingProxyType(dict(job.metadata))))

    @override
    def get(self, tenant_id: TenantId, job_id: JobId, *, at: datetime) -> Job:
        with self._seam.around("jobs.get"):
            job = self._find(tenant_id, job_id)
            if job.purge_at <= at or job.deleted_at is not None:
                raise NotFoundError(job_id)
            return job

    @override
    def claim(
        self, tenant_id: TenantId, job_id: JobId, *, at: datetime, lease_margin: timedelta
    ) -> Job:
        with self._seam.around("jobs.claim"):
            job = self._find(tenant_id, job_id)
            if not _is_claimable(job, at):
                raise JobNotClaimableError(job)
            return self._keep(job, job.claimed(at, lease_margin))

    @override
    def save(self, before: Job, after: Job) -> None:
        with self._seam.around("jobs.save"):
            job = self._jobs.get((after.tenant_id, after.id))
            if after in (before, job):
                return
            if job is None or _facts(job) != _facts(before):
                raise LostLeaseError(after.id)
            self._keep(job, after)

    @override
    def find(self, names: Collection[tuple[TenantId, JobId]]) -> Found[JobId, Job]:
        with self._seam.around("jobs.find"):
            there = {name[1]: self._jobs[name] for name in names if name in self._jobs}
            return Found(
                rows={it: job for it, job in there.items() if it not in self.unreadable},
                unreadable=frozenset(there.keys() & self.unreadable),
            )

    @override
    def newest_first(
        self, tenant_id: TenantId, *, before: str | None = None, since: str | None = None
    ) -> Iterator[Job]:
        with self._seam.around("jobs.list"):
            found = [job for (owner, _), job in self._jobs.items() if owner == tenant_id]
        for job in sorted(found, key=lambda job: job.id, reverse=True):
            is_in = (before is None or job.id < before) and (since is None or job.id >= since)
            if is_in and job.id not in self.unreadable:
                yield job

    def all(self) -> list[Job]:
        """Return every job as it is, whatever its age."""
        return list(self._jobs.values())

    def _find(self, tenant_id: TenantId, job_id: JobId) -> Job:
        try:
            return self._jobs[tenant_id, job_id]
        except KeyError as error:
            raise NotFoundError(job_id) from error

    def _keep(self, before: Job | None, after: Job) -> Job:
        self._jobs[after.tenant_id, after.id] = after
        self.changes.append(JobChange(before, after))
        if self._stream is not None:
            self._stream.note(*row_change(self.changes[-1]))
        return after


def _is_claimable(job: Job, at: datetime) -> bool:
    is_due = job.status is JobStatus.QUEUED and (job.ready_at is None or job.ready_at <= at)
    is_abandoned = job.lease_until is not None and job.lease_until < at
    return (is_due or is_abandoned) and at < job.deadline and job.attempts < job.attempts_max


def _facts(job: Job) -> tuple[int, int, bool, bool]:
    """Return what tells that a job has changed: what an end gains keeps the version."""
    return job.version, job.told_again, job.deleted_at is not None, job.usage is not None
