"""The worker's real handler on fakes, and the queue that it reads."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.worker.handler import make_handler
from functions.worker.run_job import RunJob
from relay.domain.answer import Answer
from relay.domain.content import Content, result_key
from relay.domain.job import LEASE_MARGIN, Job
from relay.domain.messages import job_message
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice, LoadedDice
from tests.fakes.examples import a_job, completed
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.log import ReadableLog
from tests.fakes.mistral import FakeMistral, always, chat_answer, in_turn
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.unit.functions.sample_events import failures

INVOCATION = timedelta(seconds=660)
VISIBILITY_TIMEOUT = timedelta(seconds=3960)


class Context:
    """Lambda's, as far as time goes."""

    def __init__(self, remaining: timedelta) -> None:
        self._remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining // timedelta(milliseconds=1)


class Worker:
    """Answers come in turn, the last one for ever; without any, each call gets a good one."""

    def __init__(
        self,
        *answers: Answer | Exception,
        seam: Seam = QUIET,
        dice: FakeDice | None = None,
        takes: timedelta = timedelta(0),
    ) -> None:
        self.clock = FakeClock()
        self.jobs = InMemoryJobStore(seam)
        self.contents = InMemoryContentStore(seam)
        self.queue = InMemoryQueue(
            self.clock, seam, name="jobs", visibility_timeout=VISIBILITY_TIMEOUT
        )
        script = in_turn(*answers) if answers else always(chat_answer())
        self.mistral = FakeMistral(script, clock=self.clock, takes=takes, seam=seam)
        self.log = ReadableLog("worker")
        self.handle = make_handler(
            RunJob(
                jobs=self.jobs,
                contents=self.contents,
                mistral=self.mistral,
                clock=self.clock,
                dice=dice or LoadedDice(0.5),
                offload=offload,
            ),
            self.queue,
            clock=self.clock,
            run=asyncio.run,
            log=self.log,
        )

    def add(self, job: Job | None = None) -> Job:
        """Keep a job and queue the message that names it."""
        job = job or a_job()
        self.jobs.submit(job)
        self.send(job)
        return job

    def send(self, job: Job) -> None:
        self.queue.send_text(json.dumps(job_message(job)), group=job.tenant_id)

    def run(self, remaining: timedelta = INVOCATION) -> list[str]:
        """Let one invocation work on what can be received; return the messages it wants back."""
        event = self.queue.received()
        assert event["Records"], "nothing can be received now"
        answer = self.handle(event, Context(remaining))
        self.queue.settle(event, answer)
        return failures(answer)

    def run_to_the_end(self, *, invocations_max: int = 1000) -> int:
        """Run until the queue is empty, whenever there is something; return how often that was."""
        for invocations in range(invocations_max):
            visible_at = self.queue.next_visible_at()
            if visible_at is None:
                return invocations
            # No invocation is done at once: a lease that just ends has ended by the next one.
            self.clock.at = max(self.clock.at + timedelta(milliseconds=1), visible_at)
            self.run()
        raise AssertionError(f"still at work after {invocations_max} invocations")

    @property
    def job(self) -> Job:
        """The only job, as it is now."""
        (job,) = self.jobs.all()
        return job

    @property
    def status(self) -> str:
        """The only job's status, as the word that it is."""
        return str(self.job.status)

    @property
    def comes_back_at(self) -> datetime | None:
        return self.queue.next_visible_at()

    def rival_completes(self, job: Job, answer: bytes) -> Job:
        """Let another worker claim a job and end it, with this answer of Mistral's."""
        claimed = self.jobs.claim(
            job.tenant_id, job.id, at=self.clock.now(), lease_margin=LEASE_MARGIN
        )
        result: Content = self.contents.put(claimed, result_key(claimed.fence), answer)
        ended = completed(claimed, result=result)
        self.jobs.save(claimed, ended)
        return ended

    def states(self) -> Sequence[str]:
        """Return each status that the only job went through."""
        return [change.after.status for change in self.jobs.changes]
