"""Submitting under an idempotency key: one job, whatever is cut short and whoever comes second."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from relay.domain.endpoints import Endpoint
from relay.domain.errors import (
    KeyReusedError,
    NotFoundError,
    StillAcceptingError,
    UnavailableError,
    UnreadableRowError,
)
from relay.domain.idempotency import ACCEPTING_TIME, KEPT_FOR, IdempotencyKey, reservation
from relay.domain.ids import made_at
from relay.domain.job import Job, Submission
from relay.domain.messages import job_message
from relay.use_cases.submit_job import Draft, SubmitJob, Submitted
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.dice import FakeDice
from tests.fakes.examples import TENANT, a_job_id
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Crash
from tests.fakes.wheel import InMemoryWheel
from tests.flows.seam_points import Cut, Point

SECOND = timedelta(seconds=1)
LARGE = b'"' + bytes(range(32, 127)).replace(b'"', b"").replace(b"\\", b"") * 9 + b'"'
DRAFT = Draft(
    tenant_id=TENANT,
    submission=Submission(source="http", idempotency_key="k"),
    endpoint=Endpoint.CHAT_COMPLETIONS,
    model="mistral-small-latest",
    body=LARGE,
    deadline=NOON + timedelta(days=2),
    attempts_max=5,
    timeout=timedelta(minutes=1),
    callback=None,
    notify_started=False,
    demands_tool_call=False,
    annotates_pages=False,
)


def a_key(key: str = "k", *, fingerprint: str = "f") -> IdempotencyKey:
    return IdempotencyKey(tenant_id=TENANT, route="POST /v1/jobs", key=key, fingerprint=fingerprint)


@dataclass
class World:
    seam: Seam = QUIET
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.jobs = InMemoryJobStore(self.seam, inline_bytes_max=10)
        self.contents = InMemoryContentStore(self.seam)
        self.wheel = InMemoryWheel(self.seam)
        self.idempotency = InMemoryIdempotencyStore(self.seam)
        self.queue = InMemoryQueue(self.clock, self.seam, name="jobs")
        self.use_case = SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            wheel=self.wheel,
            idempotency=self.idempotency,
            queue=self.queue,
            clock=self.clock,
            dice=FakeDice(),
            retention=timedelta(days=30),
        )

    def submit(self) -> Submitted:
        return self.use_case(DRAFT, a_key())

    def submit_until_it_is_done(self) -> Submitted:
        """Do as a client does: try again when told to."""
        for _ in range(5):
            try:
                return self.submit()
            except StillAcceptingError as early:
                self.clock.at = early.until
            except UnavailableError:
                self.clock.at += 5 * SECOND
        raise AssertionError("it was never accepted")


def check_that_there_is_one_job(world: World, submitted: Submitted) -> Job:
    (job,) = world.jobs.all()
    assert submitted.job == job
    assert len(world.jobs.changes) == 1
    assert world.contents.get(job, job.request) == LARGE
    assert {hint.id for hint in world.wheel.all()} == {job.id}
    assert all(message.body == _text_of(job) for message in world.queue.messages)
    return job


def _text_of(job: Job) -> str:
    queue = InMemoryQueue(FakeClock())
    queue.send(job_message(job), group=job.tenant_id)
    return queue.messages[0].body


def cut_at(point: Point | None, error: BaseException) -> tuple[World, Cut]:
    """Return a world in which one submission has been cut."""
    cut = Cut(point, error, is_armed=True)
    world = World(cut)
    try:
        world.submit()
    except (Crash, UnavailableError):
        assert cut.was_met
    cut.is_armed = False
    return world, cut


POINTS = cut_at(None, Crash())[1].met


def points_of_the_next_try(first: Point) -> list[Point]:
    """Return where a client's second try can be cut, whose first was cut at a point."""
    world, cut = cut_at(first, Crash())
    cut.at, cut.met, cut.is_armed = None, [], True
    world.clock.at += ACCEPTING_TIME
    world.submit()
    return cut.met


PAIRS = [(first, second) for first in POINTS for second in points_of_the_next_try(first)]


def test_a_submission_meets_every_port() -> None:
    assert [point.call for point in POINTS if point.is_after] == [
        "idempotency.reserve",
        "contents.put",
        "wheel.put",
        "jobs.submit",
        "jobs.send",
    ]


@pytest.mark.parametrize("error", [Crash(), UnavailableError("x")], ids=["crash", "outage"])
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_after_a_cut_at_any_point_trying_again_makes_one_job(
    point: Point, error: BaseException
) -> None:
    world, _ = cut_at(point, error)

    submitted = world.submit_until_it_is_done()

    check_that_there_is_one_job(world, submitted)
    assert world.submit() == Submitted(submitted.job, is_replay=True)


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
def test_after_two_cuts_at_any_points_trying_again_makes_one_job(
    first: Point, second: Point
) -> None:
    world, cut = cut_at(first, Crash())
    world.clock.at += ACCEPTING_TIME
    cut.at, cut.met, cut.was_met, cut.is_armed = second, [], False, True
    with pytest.raises(Crash):
        world.submit()
    cut.is_armed = False

    submitted = world.submit_until_it_is_done()

    assert cut.was_met
    check_that_there_is_one_job(world, submitted)


@pytest.mark.parametrize("slow_for", [timedelta(0), ACCEPTING_TIME], ids=["at once", "too slow"])
@pytest.mark.parametrize("call", [point.call for point in POINTS if point.is_after])
def test_whoever_comes_at_any_point_of_the_first_there_is_one_job(
    call: str, slow_for: timedelta
) -> None:
    other = Meanwhile(call)
    world = World(other)
    found: list[Submitted] = []

    def come() -> None:
        world.clock.at += slow_for
        try:
            found.append(world.submit())
        except StillAcceptingError:
            assert call != "jobs.send"  # by then there is a job to be shown

    other.act = come

    try:
        found.append(world.submit())
    except StillAcceptingError:
        assert call == "idempotency.reserve"  # then the other was the first
    found.append(world.submit_until_it_is_done())

    check_that_there_is_one_job(world, found[-1])
    assert {submitted.job.id for submitted in found} == {found[-1].job.id}
    assert len([submitted for submitted in found if not submitted.is_replay]) == 1


def a_world_to_be_taken_over(seam: Seam) -> World:
    """Return a world in which the first submission got no further than its key."""
    world = World(seam)
    at = world.clock.now()
    world.idempotency.reserve(reservation(a_key(), a_job_id(), at), at=at)
    world.clock.at += ACCEPTING_TIME
    return world


def test_of_two_that_take_over_at_once_the_later_comes_back() -> None:
    rival = Meanwhile("idempotency.take_over")
    world = a_world_to_be_taken_over(rival)

    def take_over_a_bit_later() -> None:
        world.clock.at += SECOND
        world.submit()

    rival.act = take_over_a_bit_later

    with pytest.raises(StillAcceptingError) as refusal:
        world.submit()

    assert refusal.value.until == world.clock.at - SECOND + ACCEPTING_TIME
    check_that_there_is_one_job(world, world.submit())


def test_two_that_take_over_in_the_same_instant_make_the_same_job() -> None:
    """To the store they are one writer, so the job's own row has to keep them from making two."""
    rival = Meanwhile("idempotency.take_over")
    world = a_world_to_be_taken_over(rival)
    rival.act = world.submit

    submitted = world.submit()

    job = check_that_there_is_one_job(world, submitted)
    assert job.id == a_job_id()


def test_what_is_made_late_has_the_id_it_was_promised_and_was_made_when_its_id_says() -> None:
    """An id orders the lists, so a creation that contradicts it would be filtered out of them."""
    world, _ = cut_at(Point("jobs.submit", is_after=False, number=1), Crash())
    promised = world.wheel.all()[0].id
    world.clock.at += timedelta(hours=3)

    job = world.submit().job

    assert job.id == promised
    assert job.created_at == made_at(job.id) == NOON
    assert job.changed_at == NOON + timedelta(hours=3)
    assert job.purge_at == NOON + timedelta(days=30, hours=3)


def test_the_key_s_time_is_not_lengthened_by_whoever_takes_it_over() -> None:
    world, _ = cut_at(Point("wheel.put", is_after=False, number=1), Crash())
    world.clock.at = NOON + KEPT_FOR - SECOND
    first = world.submit().job
    world.clock.at = NOON + KEPT_FOR

    second = world.submit()

    assert (second.is_replay, second.job.id == first.id) == (False, False)


def test_another_request_is_refused_before_and_after_the_job_is_made() -> None:
    world, _ = cut_at(Point("wheel.put", is_after=False, number=1), Crash())
    other = a_key(fingerprint="g")

    with pytest.raises(KeyReusedError):
        world.use_case(DRAFT, other)
    world.submit_until_it_is_done()
    with pytest.raises(KeyReusedError):
        world.use_case(DRAFT, other)

    assert len(world.jobs.all()) == 1


@pytest.mark.parametrize("after", [SECOND, ACCEPTING_TIME])
def test_a_deleted_job_is_never_made_again(after: timedelta) -> None:
    world = World()
    job = world.submit().job
    cancelled = job.cancelled(NOON)
    world.jobs.save(job, cancelled)
    world.jobs.save(cancelled, cancelled.deleted(NOON))
    world.contents.purge(job)
    world.clock.at += after

    with pytest.raises(NotFoundError):
        world.submit()

    assert world.contents.of(job.id) == {}
    assert len(world.queue.messages) == len(world.wheel.all()) == 1


def test_a_job_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() -> None:
    world = World()
    job = world.submit().job
    world.jobs.unreadable.add(job.id)
    world.clock.at += ACCEPTING_TIME

    with pytest.raises(UnreadableRowError):
        world.submit()

    assert len(world.queue.messages) == 1


class TestMadeUnder:
    """Looking for an earlier job, for a request that would be refused by now."""

    def test_it_finds_the_job(self) -> None:
        world = World()
        job = world.submit().job

        assert world.use_case.made_under(a_key()) == Submitted(job, is_replay=True)

    @pytest.mark.parametrize(
        "key", [a_key("other"), a_key(fingerprint="g")], ids=["another key", "another request"]
    )
    def test_it_finds_nothing_under_what_was_never_asked(self, key: IdempotencyKey) -> None:
        world = World()
        world.submit()

        assert world.use_case.made_under(key) is None

    def test_it_finds_nothing_where_the_first_did_not_finish_and_changes_nothing(self) -> None:
        world, _ = cut_at(Point("wheel.put", is_after=False, number=1), Crash())
        world.clock.at += ACCEPTING_TIME

        assert world.use_case.made_under(a_key()) is None
        assert world.jobs.all() == []

    def test_it_finds_nothing_when_the_key_s_time_is_over(self) -> None:
        world = World()
        world.submit()
        world.clock.at += KEPT_FOR

        assert world.use_case.made_under(a_key()) is None

    def test_a_deleted_job_is_not_found(self) -> None:
        world = World()
        job = world.submit().job
        cancelled = job.cancelled(NOON)
        world.jobs.save(job, cancelled)
        world.jobs.save(cancelled, cancelled.deleted(NOON))

        with pytest.raises(NotFoundError):
            world.use_case.made_under(a_key())
