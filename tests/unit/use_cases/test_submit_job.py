import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import override

import pytest

from relay.domain.content import Place
from relay.domain.egress import EgressPolicy
from relay.domain.errors import UnavailableError
from relay.domain.ids import is_id
from relay.domain.job import Callback, Job, JobStatus, Submission
from relay.domain.job_request import BodyDefaults, check_submission
from relay.domain.messages import JobMessage, read_job_message
from relay.use_cases.submit_job import SubmitJob
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice
from tests.fakes.examples import TENANT
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import Seam

HTTP = Submission(source="http")


class FailingSeam(Seam):
    """Fails before the call of one name."""

    def __init__(self, call: str = "") -> None:
        self.failing = call

    @override
    def before(self, call: str) -> None:
        if call == self.failing:
            raise UnavailableError(call)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    seam: FailingSeam = field(default_factory=FailingSeam)

    def __post_init__(self) -> None:
        self.jobs = InMemoryJobStore(self.seam)
        self.contents = InMemoryContentStore(self.seam)
        self.queue = InMemoryQueue(self.clock, self.seam)
        self.use_case = SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            queue=self.queue,
            clock=self.clock,
            dice=FakeDice(),
            retention=timedelta(days=30),
        )

    def submit(self, *, prompt: str = "Hello", **fields: object) -> Job:
        body = {"messages": [{"role": "user", "content": prompt}]}
        checked = check_submission(
            json.dumps({"body": body} | fields).encode(),
            at=self.clock.now(),
            defaults=BodyDefaults(model="mistral-small-latest"),
            policy=EgressPolicy(allow_loopback_http=False),
        )
        return self.use_case(checked, tenant_id=TENANT, submission=HTTP)


@pytest.fixture
def world() -> World:
    return World()


def test_a_submission_is_kept_as_it_is_returned(world: World) -> None:
    job = world.submit(
        attempts_max=3,
        timeout_seconds=90,
        metadata={"order": "4711"},
        callback_url="https://example.com/hooks",
        notify_started=True,
    )

    assert world.jobs.get(TENANT, job.id, at=NOON) == job
    assert is_id(job.id, "job")
    assert (job.status, job.version, job.submission) == (JobStatus.QUEUED, 1, HTTP)
    assert (job.attempts_max, job.timeout) == (3, timedelta(seconds=90))
    assert job.callback == Callback(url="https://example.com/hooks")
    assert job.notify_started
    assert job.deadline == NOON + timedelta(hours=24)
    assert job.purge_at == NOON + timedelta(days=30)


def test_a_submission_is_sent_to_be_run(world: World) -> None:
    job = world.submit()

    (record,) = world.queue.received()["Records"]
    assert read_job_message(record["body"]) == JobMessage(TENANT, job.id)
    assert record["attributes"]["MessageGroupId"] == TENANT


def test_a_small_request_lies_in_its_jobs_row(world: World) -> None:
    job = world.submit()

    assert job.request.place is Place.INLINE
    assert json.loads(world.contents.get(job, job.request))["model"] == "mistral-small-latest"


def test_a_large_request_is_kept_before_the_job_that_names_it(world: World) -> None:
    prompt = "".join(chr(0x4E00 + number) for number in range(2_000))

    job = world.submit(prompt=prompt)

    assert job.request.place is Place.ROW
    kept = json.loads(world.contents.get(job, job.request))
    assert kept["messages"][0]["content"] == prompt


def test_two_submissions_are_two_jobs(world: World) -> None:
    assert world.submit().id != world.submit().id


@pytest.mark.parametrize("call", ["jobs.hint", "jobs.submit"])
def test_without_a_row_there_is_no_message(world: World, call: str) -> None:
    world.seam.failing = call

    with pytest.raises(UnavailableError):
        world.submit()

    assert world.queue.messages == []
    assert world.jobs.all() == []


def test_without_a_message_there_is_a_row_and_its_hint_to_find_it_by(world: World) -> None:
    world.seam.failing = "queue.send"

    with pytest.raises(UnavailableError):
        world.submit()

    (job,) = world.jobs.all()
    assert job.id in world.jobs.hints
