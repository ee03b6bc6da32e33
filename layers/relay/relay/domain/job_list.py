"""Lists of jobs: which are asked for, and where a page goes on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.domain.cursor import from_cursor, to_cursor
from relay.domain.endpoints import Endpoint
from relay.domain.ids import first_id, is_id
from relay.domain.job import Job, JobStatus

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
EXAMINED_MAX = 1000
"""How many jobs one page looks at, so that a rare filter costs a bounded read."""
_JOB = "job"


class Lane(StrEnum):
    """How a job is run. All are live so far."""

    LIVE = "live"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What a job in the list must be. Whatever is ``None`` or empty does not matter."""

    statuses: Collection[JobStatus] = ()
    endpoint: Endpoint | None = None
    model: str | None = None
    lane: Lane | None = None
    batch_id: str | None = None

    def matches(self, job: Job) -> bool:
        """Tell whether a job is asked for. None is part of a batch yet."""
        return (
            (not self.statuses or job.status in self.statuses)
            and (self.endpoint is None or job.endpoint is self.endpoint)
            and (self.model is None or self.model in (job.model, job.model_used))
            and self.lane in (None, Lane.LIVE)
            and self.batch_id is None
        )


def cursor_after(job_id: str) -> str:
    """Return the cursor of a list that goes on with the jobs before this one."""
    return to_cursor(job_id)


def read_cursor(text: str) -> str:
    """Return the id in a cursor.

    Raises:
        ValueError: it is no cursor of ours.
    """
    job_id = from_cursor(text)
    if not is_id(job_id, _JOB):
        raise ValueError("not a cursor")
    return job_id


def first_id_at(moment: datetime) -> str:
    """Return the least id that a job made at or after a moment can have."""
    return first_id(_JOB, moment)
