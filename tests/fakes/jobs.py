from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, override

from relay.domain.errors import (
    AlreadyExistsError,
    JobNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job, JobStatus
from relay.ports import JobStore
from tests.fakes.seam import QUIET, Seam


class JobChange(NamedTuple):
    """One write, as the table's stream would tell it."""

    before: Job | None
    after: Job


class InMemoryJobStore(JobStore):
    """Jobs by tenant and id. ``changes`` is every write in order; ``hints`` is the wheel."""

    def __init__(self, seam: Seam = QUIET, *, inline_bytes_max: int = 300) -> None:
        self.changes: list[JobChange] = []
        self.hints: set[JobId] = set()
        self._jobs: dict[tuple[TenantId, JobId], Job] = {}
        self._seam = seam
        self._inline_bytes_max = inline_bytes_max

    @override
    def has_room_for(self, job: Job) -> bool:
        return len(job.request.inline or b"") <= self._inline_bytes_max

    @override
    def submit(self, job: Job) -> None:
        with self._seam.around("jobs.hint"):
            self.hints.add(job.id)
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
            if job.purge_at <= at:
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
            if job == after:
                return
            if job is None or job.version != before.version:
                raise LostLeaseError(after.id)
            self._keep(job, after)

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
        return after


def _is_claimable(job: Job, at: datetime) -> bool:
    is_due = job.status is JobStatus.QUEUED and (job.ready_at is None or job.ready_at <= at)
    is_abandoned = job.lease_until is not None and job.lease_until < at
    return (is_due or is_abandoned) and at < job.deadline and job.attempts < job.attempts_max
