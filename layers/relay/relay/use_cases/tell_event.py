"""What an event tells of: the data of its envelope, the same each time it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from relay.domain.event import job_as_of
from relay.domain.ids import JobId, TenantId
from relay.domain.job_view import RESULT_BYTES_MAX, event_view, thin_view
from relay.ports import ContentStore, JobStore


class Told(NamedTuple):
    """What an event tells of: a job, as it was then, or ``data`` that came along."""

    tenant_id: TenantId
    event_type: str
    sequence: int
    job_id: JobId | None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """Returns the data of events. ``api_url`` is where links start."""

    jobs: JobStore
    contents: ContentStore
    api_url: str

    def __call__(
        self, told: Told, *, payload: Literal["full", "thin"], at: datetime
    ) -> dict[str, Any]:
        """Return what an event of a job tells, or the ``data`` that came with one of no job.

        Raises:
            NotFoundError: the job, or its result, is gone.
        """
        if told.job_id is None:
            return dict(told.data or {})
        job = self.jobs.get(told.tenant_id, told.job_id, at=at)
        job = job_as_of(job, told.event_type, told.sequence)
        if payload == "thin":
            return thin_view(job)
        result = None
        if job.result is not None and job.result.size_bytes <= RESULT_BYTES_MAX:
            result = self.contents.get(job, job.result)
        return event_view(job, api_url=self.api_url, result=result)
