import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from relay.domain.content import Place
from relay.domain.egress import EgressPolicy
from relay.domain.errors import UnavailableError
from relay.domain.ids import is_id
from relay.domain.job import DEADLINE_MAX, Callback, Job, JobStatus, Submission
from relay.domain.job_request import BodyDefaults, check_submission
from relay.domain.messages import JobMessage, read_job_message
from relay.domain.wheel import HintKind, watch
from relay.use_cases.submit_job import Draft, SubmitJob
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice
from tests.fakes.examples import BODY, TENANT, a_job
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Trouble
from tests.fakes.wheel import InMemoryWheel
from tests.flows.seam_points import Cut

HTTP = Submission(source="http")


@dataclass
class World:
    seam: Seam = QUIET
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.jobs = InMemoryJobStore(self.seam)
        self.contents = InMemoryContentStore(self.seam)
        self.wheel = InMemoryWheel(self.seam)
        self.queue = InMemoryQueue(self.clock, self.seam)
        self.use_case = SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            wheel=self.wheel,
            idempotency=InMemoryIdempotencyStore(self.seam),
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
        submitted = self.use_case(Draft.of(checked, TENANT, HTTP))
        assert not submitted.is_replay
        return submitted.job


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
        fallback_models=["a", "b"],
    )

    assert world.jobs.get(TENANT, job.id, at=NOON) == job
    assert is_id(job.id, "job")
    assert (job.status, job.version, job.submission) == (JobStatus.QUEUED, 1, HTTP)
    assert (job.attempts_max, job.timeout) == (3, timedelta(seconds=90))
    assert job.callback == Callback(url="https://example.com/hooks")
    assert job.notify_started
    assert job.fallback_models == ("a", "b")
    assert (job.created_at, job.changed_at) == (NOON, NOON)
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


def test_a_submission_is_watched_over_from_its_first_minutes_on(world: World) -> None:
    job = world.submit()

    (hint,) = world.wheel.all()
    assert hint == watch(HintKind.JOB, TENANT, job.id, NOON)
    assert timedelta(minutes=2) < hint.at - NOON <= timedelta(minutes=5)


@pytest.mark.parametrize("call", ["wheel.put", "jobs.submit"])
def test_without_a_row_there_is_no_message(call: str) -> None:
    world = World(Trouble(call))

    with pytest.raises(UnavailableError):
        world.submit()

    assert world.queue.messages == []
    assert world.jobs.all() == []


def test_without_a_message_there_is_a_row_and_its_hint_to_find_it_by() -> None:
    world = World(Trouble("queue.send"))

    with pytest.raises(UnavailableError):
        world.submit()

    (job,) = world.jobs.all()
    assert [hint.id for hint in world.wheel.all()] == [job.id]


def test_nothing_is_looked_up_or_reserved_without_a_key() -> None:
    cut = Cut(is_armed=True)

    World(seam=cut).submit()

    assert [point.call for point in cut.met if point.is_after] == [
        "wheel.put",
        "jobs.submit",
        "queue.send",
    ]


def test_a_job_made_again_has_as_much_time_as_it_had_and_never_more_than_may_be_asked_for() -> None:
    """A job that was made long after its id was given has a later deadline than its age allows."""
    usual = a_job(deadline=NOON + timedelta(minutes=7))
    late = a_job(deadline=NOON + DEADLINE_MAX + timedelta(days=3))

    deadlines = [Draft.again(job, BODY, HTTP, at=NOON).deadline for job in (usual, late)]

    assert deadlines == [NOON + timedelta(minutes=7), NOON + DEADLINE_MAX]
