"""A crash, or an outage, at any single point of a job's way: one history for each.

What must hold in all of them: the job ends once, that end is told under one id, Mistral is not
called more often than faults explain, and the subscriber is told what is true.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from relay.domain.errors import UnavailableError
from tests.fakes.mistral import Script, always, chat_answer, in_turn, refusal
from tests.fakes.trouble import Crash
from tests.flows.seam_points import Cut, Point
from tests.flows.world import World

HOOK = "https://example.com/hooks"
LARGE = {"messages": [{"role": "user", "content": "".join(f"{n:x}" for n in range(900))}]}


@dataclass(frozen=True, slots=True)
class Plot:
    """What Mistral answers, made anew for each history, and how many answers are its faults."""

    script: Callable[[], Script]
    faults: int = 0


PLOTS = {
    "good": Plot(lambda: always(chat_answer())),
    "good after a limit": Plot(
        lambda: in_turn(refusal(429, retry_after="60"), chat_answer()), faults=1
    ),
    "refused": Plot(lambda: always(refusal(400))),
}


def history(name: str, cut: Cut, *, is_everything_twice: bool = False) -> World:
    """Return a world in which one job, told at its start and its end, has come to rest."""
    world = World(seam=cut, mistral=PLOTS[name].script(), is_everything_twice=is_everything_twice)
    world.submit(body=LARGE, callback_url=HOOK, notify_started=True)
    cut.is_armed = True
    world.settle()
    cut.is_armed = False
    return world


def points_of(name: str) -> list[Point]:
    """Return each point of the history in which nothing goes wrong.

    Of the pages of the wheel, which are all alike, only the first.
    """
    cut = Cut()
    history(name, cut)
    return [it for it in cut.met if it.call != "wheel.page" or it.number == 1]


CASES = [(name, point) for name in PLOTS for point in points_of(name)]


def check_what_must_hold(world: World, *, calls_max: int) -> None:
    (job,) = world.jobs.all()
    endings = [c for c in world.jobs.changes if c.after.status.is_final]
    told: dict[str, set[bytes]] = {}
    for post in world.subscriber.posts:
        told.setdefault(post.headers["webhook-id"], set()).add(post.body)
    bodies: list[Any] = [json.loads(body) for versions in told.values() for body in versions]

    assert job.status.is_final
    assert len(endings) == 1
    assert len(world.mistral.calls) <= calls_max
    assert all(len(versions) == 1 for versions in told.values())
    assert Counter(body["type"] for body in bodies) == {"job.started": 1, f"job.{job.status}": 1}
    assert {body["id"] for body in bodies} == {event.id for event in world.events.all()}
    assert {delivery.status for delivery in world.deliveries.all()} == {"delivered"}
    assert world.next_at() is None
    assert world.dead_letters == []


def test_a_history_without_trouble_meets_every_port() -> None:
    calls = {point.call for point in points_of("good after a limit")}

    assert calls == {
        "circuits.get",
        "calls.reserve",
        "jobs.claim",
        "contents.get",
        "mistral.call",
        "jobs.save",
        "jobs.postpone",
        "contents.put",
        "bus.put",
        "events.put",
        "jobs.get",
        "endpoints.of_tenant",
        "deliveries.create",
        "deliveries.send_all",
        "deliveries.claim",
        "secrets.get",
        "callback_secrets.get",
        "webhooks.post",
        "deliveries.save",
        "wheel.put",
        "wheel.positions",
        "wheel.page",
        "wheel.advance",
        "jobs.find",
        "deliveries.find",
        "events.published",
    }


@pytest.mark.parametrize(
    ("name", "point"), CASES, ids=[f"{name}, {point}" for name, point in CASES]
)
def test_a_crash_at_any_point_ends_the_job_once(name: str, point: Point) -> None:
    cut = Cut(point, Crash())

    world = history(name, cut)

    assert cut.was_met
    assert world.crashes == 1
    check_what_must_hold(world, calls_max=1 + PLOTS[name].faults + world.crashes)


@pytest.mark.parametrize(
    ("name", "point"), CASES, ids=[f"{name}, {point}" for name, point in CASES]
)
def test_an_outage_at_any_point_ends_the_job_once(name: str, point: Point) -> None:
    cut = Cut(point, UnavailableError(str(point)))

    world = history(name, cut)

    assert cut.was_met
    is_an_answer_lost = point.call == "mistral.call" and point.is_after
    check_what_must_hold(world, calls_max=1 + PLOTS[name].faults + is_an_answer_lost)


@pytest.mark.parametrize(
    ("name", "point"), CASES, ids=[f"{name}, {point}" for name, point in CASES]
)
def test_a_crash_at_any_point_ends_the_job_once_though_everything_comes_twice(
    name: str, point: Point
) -> None:
    cut = Cut(point, Crash())

    world = history(name, cut, is_everything_twice=True)

    assert cut.was_met
    check_what_must_hold(world, calls_max=1 + PLOTS[name].faults + world.crashes)


@pytest.mark.parametrize("point", points_of("good"), ids=str)
def test_after_a_crash_the_result_is_that_of_the_attempt_that_won(point: Point) -> None:
    cut = Cut(point, Crash())
    texts = iter(["first", "second"])
    world = World(seam=cut, mistral=lambda _: chat_answer(next(texts)))
    job_id = world.submit(callback_url=HOOK)
    cut.is_armed = True
    world.settle()
    cut.is_armed = False

    expected = ["first", "second"][len(world.mistral.calls) - 1]
    assert world.job(job_id)["output_text"] == expected
    for post in world.subscriber.posts:
        assert json.loads(post.body)["data"]["output_text"] == expected


def submission(cut: Cut) -> tuple[World, int]:
    """Return a world at rest after one submission that was cut, and what the client was told."""
    world = World(seam=cut)
    cut.is_armed = True
    reply = world.request("POST", "/v1/jobs", {"body": LARGE, "callback_url": HOOK})
    cut.is_armed = False
    world.settle()
    return world, reply.status


def points_of_a_submission() -> list[Point]:
    cut = Cut()
    submission(cut)
    return cut.met


@pytest.mark.parametrize("error", [Crash(), UnavailableError("x")], ids=["crash", "outage"])
@pytest.mark.parametrize("point", points_of_a_submission(), ids=str)
def test_a_submission_that_is_cut_is_never_called_accepted(
    point: Point, error: BaseException
) -> None:
    cut = Cut(point, error)

    world, status = submission(cut)

    assert cut.was_met
    assert status in (500, 503)
    assert len(world.mistral.calls) <= 1
    assert len(world.jobs.all()) <= 1


def test_what_is_called_accepted_ends() -> None:
    world, status = submission(Cut())

    assert status == 202
    assert [job.status.is_final for job in world.jobs.all()] == [True]
