"""What became of one message from the jobs queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.domain.job import Job
from relay.domain.messages import JobMessage

LOOK_AGAIN_AFTER = timedelta(seconds=60)
"""For a job whose row could not be read or written, or is in other hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``result`` is a word for the log. The message comes back at ``look_again_at``, or goes."""

    result: str
    message: JobMessage
    job: Job | None = None
    look_again_at: datetime | None = None
    has_called: bool = False
    """Whether Mistral was called, and what came of it is written down."""
    error: BaseException | None = None


def look_again(result: str, message: JobMessage, job: Job, at: datetime) -> Outcome:
    """Return the outcome of a job that changed under our hands: the next look says how."""
    return Outcome(result=result, message=message, job=job, look_again_at=at + LOOK_AGAIN_AFTER)
