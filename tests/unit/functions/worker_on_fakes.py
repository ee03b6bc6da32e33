"""The worker's real handler on fakes, the queue that it reads, and the wheel that it writes to."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import override

from functions.worker.gate import BACKLOG_SHARE, Gate
from functions.worker.handler import make_handler
from functions.worker.run_job import RunJob
from functions.worker.setting_aside import SetAside
from functions.worker.unclaimed import Unclaimed
from relay.aws import circuit_row
from relay.domain.answer import Answer
from relay.domain.content import Content, result_key
from relay.domain.event import Event, event_of, event_of_circuit
from relay.domain.ids import JobId
from relay.domain.job import LEASE_MARGIN, Job
from relay.domain.messages import job_message
from relay.domain.wheel import Hint, Purpose, Watched, look
from relay.ports import Clock, Dice
from tests.fakes.changes import Changes
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice, LoadedDice
from tests.fakes.examples import a_job, completed
from tests.fakes.gate import InMemoryCircuitStore, InMemoryRateBucket
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.log import ReadableLog
from tests.fakes.mistral import FakeMistral, Script, always, chat_answer, in_turn
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.sample_events import failures

INVOCATION = timedelta(seconds=660)
VISIBILITY_TIMEOUT = timedelta(seconds=3960)


class Context:
    """Lambda's, as far as time goes."""

    def __init__(self, remaining: timedelta) -> None:
        self._remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining // timedelta(milliseconds=1)


class Rival(Seam):
    """Somebody else, who acts once: between a caller's decision and its call."""

    def __init__(self, call: str) -> None:
        self.act: Callable[[], object] | None = None
        self._call = call

    @override
    def before(self, call: str) -> None:
        if call == self._call and self.act is not None:
            act, self.act = self.act, None
            act()


class TimedMistral(FakeMistral):
    """Notes when it was called."""

    def __init__(self, script: Script, clock: Clock, takes: timedelta, seam: Seam) -> None:
        super().__init__(script, clock=clock, takes=takes, seam=seam)
        self.called_at: list[datetime] = []
        self._now = clock.now

    @override
    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        self.called_at.append(self._now())
        return await super().call(path, body, time_limit=time_limit)


class Worker:
    """Answers come in turn, the last one for ever; without any, each call gets a good one.

    Calls lie ``interval`` apart; without one nothing but Mistral holds them back.
    """

    def __init__(
        self,
        *answers: Answer | Exception,
        seam: Seam = QUIET,
        dice: FakeDice | None = None,
        takes: timedelta = timedelta(0),
        interval: timedelta = timedelta(0),
    ) -> None:
        self.clock = FakeClock()
        self.dice: Dice = dice or LoadedDice(0.5)
        self.stream = Changes()
        self.jobs = InMemoryJobStore(seam, stream=self.stream)
        self.contents = InMemoryContentStore(seam)
        self.wheel = InMemoryWheel(seam)
        self.circuits = InMemoryCircuitStore(seam, stream=self.stream)
        self.calls = InMemoryRateBucket(seam, interval=interval)
        self.backlog = InMemoryRateBucket(seam, interval=interval / BACKLOG_SHARE, name="backlog")
        self.queue = InMemoryQueue(
            self.clock, seam, name="jobs", visibility_timeout=VISIBILITY_TIMEOUT
        )
        script = in_turn(*answers) if answers else always(chat_answer())
        self.mistral = TimedMistral(script, self.clock, takes, seam)
        self.log = ReadableLog("worker")
        self.gate = Gate(
            circuits=self.circuits,
            calls=self.calls,
            backlog=self.backlog,
            clock=self.clock,
            dice=self.dice,
            offload=offload,
        )
        self.handle = make_handler(
            self._run_job(), self.queue, clock=self.clock, run=asyncio.run, log=self.log
        )
        self.receives_most = 0
        self._woken: set[Hint] = set()

    def _run_job(self) -> RunJob:
        """Wire it as ``functions/worker/main.py`` does."""
        set_aside = SetAside(
            jobs=self.jobs, wheel=self.wheel, clock=self.clock, dice=self.dice, offload=offload
        )
        return RunJob(
            jobs=self.jobs,
            contents=self.contents,
            mistral=self.mistral,
            gate=self.gate,
            unclaimed=Unclaimed(
                jobs=self.jobs,
                contents=self.contents,
                set_aside=set_aside,
                clock=self.clock,
                offload=offload,
            ),
            set_aside=set_aside,
            clock=self.clock,
            dice=self.dice,
            offload=offload,
        )

    def add(self, job: Job | None = None) -> Job:
        """Keep a job and queue the message that names it."""
        job = job or a_job()
        self.jobs.submit(job)
        self.send(job)
        return job

    def send(self, job: Job, *, comes_back: bool = False) -> None:
        message = job_message(job, comes_back=comes_back)
        self.queue.send_text(json.dumps(message), group=job.tenant_id)

    def run(self, remaining: timedelta = INVOCATION) -> list[str]:
        """Let one invocation work on what can be received; return the messages it wants back."""
        event = self.queue.received()
        assert event["Records"], "nothing can be received now"
        receives = (int(it["attributes"]["ApproximateReceiveCount"]) for it in event["Records"])
        self.receives_most = max(self.receives_most, *receives)
        answer = self.handle(event, Context(remaining))
        self.queue.settle(event, answer)
        return failures(answer)

    def run_next(self) -> list[str]:
        """Go to when something can be received again, and run one invocation."""
        at = self.next_at
        assert at is not None, "nothing will come back"
        # No invocation is done at once: a lease that just ends has ended by the next one.
        self.clock.at = max(self.clock.at + timedelta(milliseconds=1), at)
        self.turn_the_wheel()
        visible_at = self.comes_back_at
        return self.run() if visible_at is not None and visible_at <= self.clock.at else []

    def run_to_the_end(self, *, invocations_max: int = 1000) -> int:
        """Run whenever there is something, until nothing comes back; return how often that was."""
        for invocations in range(invocations_max):
            if self.next_at is None:
                return invocations
            self.run_next()
        raise AssertionError(f"still at work after {invocations_max} invocations")

    def turn_the_wheel(self) -> None:
        """Send the messages of parked jobs whose turn it is, as the sweeper does."""
        now = self.clock.at
        jobs = {job.id: job for job in self.jobs.all()}
        for hint in self._hints():
            if hint.at > now:
                return
            self._woken.add(hint)
            job = jobs[JobId(hint.id)]
            if job.status.is_final:
                continue
            sent_at = look(hint, Watched.job(job), at=now, is_queue_busy=False).send_at
            if sent_at is not None:
                self.send(job, comes_back=True)

    def _hints(self) -> list[Hint]:
        """Return the wake hints whose turn has not come yet, the earliest first."""
        hints = [hint for hint in self.wheel.all() if hint.purpose is Purpose.WAKE]
        return [hint for hint in hints if hint not in self._woken]

    @property
    def wakes_at(self) -> datetime | None:
        """When the wheel brings the next parked job back."""
        return next((hint.at for hint in self._hints()), None)

    @property
    def comes_back_at(self) -> datetime | None:
        """When the next message can be received."""
        return self.queue.next_visible_at()

    @property
    def next_at(self) -> datetime | None:
        """When there is something to do, by message or by the wheel."""
        return min((at for at in (self.comes_back_at, self.wakes_at) if at), default=None)

    @property
    def job(self) -> Job:
        """The only job, as it is now."""
        (job,) = self.jobs.all()
        return job

    @property
    def status(self) -> str:
        """The only job's status, as the word that it is."""
        return str(self.job.status)

    def rival_completes(self, job: Job, answer: bytes) -> Job:
        """Let another worker claim a job and end it, with this answer of Mistral's."""
        claimed = self.jobs.claim(
            job.tenant_id, job.id, at=self.clock.now(), lease_margin=LEASE_MARGIN
        )
        result: Content = self.contents.put(claimed, result_key(claimed.fence), answer)
        ended = completed(claimed, result=result)
        self.jobs.save(claimed, ended)
        return ended

    def events(self) -> list[Event]:
        """Return the events that what was written makes: those of jobs, then the circuit's."""
        of_jobs = [event_of(before, after) for before, after in self.jobs.changes]
        of_circuit = [
            event_of_circuit(circuit_row.from_row(old) if old else None, circuit_row.from_row(new))
            for old, new in self.stream.made
            if circuit_row.KEY.items() <= new.items()
        ]
        return [event for event in (*of_jobs, *of_circuit) if event is not None]

    def states(self) -> Sequence[str]:
        """Return each status that the only job went through."""
        return [change.after.status for change in self.jobs.changes]
