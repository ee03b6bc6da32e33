"""Taking a job in: the same for the API and for the submissions queue."""

from dataclasses import dataclass, replace
from datetime import timedelta

from relay.domain.body_rules import annotates_pages, demands_tool_call
from relay.domain.content import REQUEST_KEY, inline
from relay.domain.ids import RANDOM_BYTES, JobId, TenantId, ulid
from relay.domain.job import Job, Submission
from relay.domain.job_request import CheckedSubmission
from relay.domain.messages import job_message
from relay.ports import Clock, ContentStore, Dice, JobStore, Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitJob:
    """Keeps a job, then sends the message that gets it run."""

    jobs: JobStore
    contents: ContentStore
    queue: Queue
    clock: Clock
    dice: Dice
    retention: timedelta

    def __call__(
        self, checked: CheckedSubmission, *, tenant_id: TenantId, submission: Submission
    ) -> Job:
        """Return the job as it is kept.

        The row comes before the message: a message without a row would be a promise that nobody
        can keep.

        Raises:
            UnavailableError: the job may or may not be kept; whoever submits must do so again.
        """
        at = self.clock.now()
        request = checked.request
        job = Job(
            id=JobId("job_" + ulid(at, self.dice.randomness(RANDOM_BYTES))),
            tenant_id=tenant_id,
            endpoint=request.endpoint,
            model=checked.model,
            created_at=at,
            changed_at=at,
            deadline=checked.deadline,
            purge_at=(at + self.retention).replace(microsecond=0),
            submission=submission,
            request=inline(REQUEST_KEY, checked.body),
            attempts_max=request.attempts_max,
            timeout=timedelta(seconds=request.timeout_seconds),
            callback=checked.callback,
            notify_started=request.notify_started,
            demands_tool_call=demands_tool_call(request.body),
            annotates_pages=annotates_pages(request.body),
            metadata=request.metadata,
        )
        if not self.jobs.has_room_for(job):
            job = replace(job, request=self.contents.put(job, REQUEST_KEY, checked.body))
        self.jobs.submit(job)
        self.queue.send(job_message(job), group=tenant_id)
        return job
