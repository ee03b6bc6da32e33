"""``Prefer: wait=N``: the answer is held until the job ends, and never longer than N seconds."""

from collections.abc import Callable
from datetime import timedelta
from typing import override

import pytest

from relay.domain.content import result_key
from relay.domain.job import LEASE_MARGIN
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.examples import a_job, completed
from tests.fakes.seam import Seam
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api

ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'


class EventfulClock(FakeClock):
    """Lets something happen once it has come so far."""

    def __init__(self) -> None:
        super().__init__()
        self.happens_at = NOON + timedelta(days=1)
        self.happening: Callable[[], None] = lambda: None

    def after(self, duration: timedelta, happening: Callable[[], None]) -> None:
        self.happens_at = self.at + duration
        self.happening = happening

    @override
    def wait(self, duration: timedelta) -> None:
        super().wait(duration)
        if self.at >= self.happens_at:
            self.happens_at += timedelta(days=1)
            self.happening()


def run_all(api: Api) -> None:
    """Complete what is queued, as a worker would."""
    for job in api.jobs.all():
        at = api.clock.now()
        claimed = api.jobs.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)
        result = api.contents.put(claimed, result_key(claimed.fence), ANSWER)
        api.jobs.save(claimed, completed(claimed, result=result))


def delete_all(api: Api) -> None:
    for job in api.jobs.all():
        assert api.cancel(job.id).status == 200
        assert api.delete(job.id).status == 204


def test_a_job_that_ends_while_the_client_waits_is_200_with_its_answer() -> None:
    clock = EventfulClock()
    api = Api(clock=clock)
    clock.after(timedelta(seconds=3), lambda: run_all(api))

    answer = api.submit(headers={"prefer": "wait=20"})

    assert answer.status == 200
    assert answer.json["status"] == "completed"
    assert answer.json["output_text"] == "Hello"
    assert answer.headers["location"] == answer.json["urls"]["self"]
    assert timedelta(seconds=3) <= clock.at - NOON <= timedelta(seconds=4)


def test_a_job_that_does_not_end_in_time_is_202_after_no_more_than_that_time() -> None:
    api = Api()

    answer = api.submit(headers={"prefer": "wait=3"})

    assert answer.status == 202
    assert answer.json["status"] == "queued"
    assert api.clock.at - NOON == timedelta(seconds=3)


def test_the_job_is_looked_at_once_more_when_the_wait_is_over() -> None:
    clock = EventfulClock()
    api = Api(clock=clock)
    clock.after(timedelta(seconds=3), lambda: run_all(api))

    assert api.submit(headers={"prefer": "wait=3"}).status == 200


def test_reading_a_job_can_wait_as_well() -> None:
    clock = EventfulClock()
    api = Api(clock=clock)
    api.jobs.submit(a_job())
    clock.after(timedelta(seconds=1), lambda: run_all(api))

    answer = api.get(a_job().id, headers={"prefer": "wait=5"})

    assert answer.status == 200
    assert answer.json["status"] == "completed"


def test_reading_a_job_that_does_not_end_in_time_is_200_all_the_same() -> None:
    api = Api()
    api.jobs.submit(a_job())

    answer = api.get(a_job().id, headers={"prefer": "wait=5"})

    assert answer.status == 200
    assert answer.json["status"] == "queued"
    assert api.clock.at - NOON == timedelta(seconds=5)


def test_a_job_that_has_ended_is_not_waited_for() -> None:
    api = Api()
    api.jobs.submit(a_job())
    run_all(api)

    assert api.get(a_job().id, headers={"prefer": "wait=25"}).json["status"] == "completed"
    assert api.clock.at == NOON


def test_waiting_costs_about_one_read_a_second() -> None:
    reads: list[str] = []

    class Counting(Seam):
        @override
        def before(self, call: str) -> None:
            reads.append(call)

    api = Api(Counting())

    api.submit(headers={"prefer": "wait=25"})

    assert 25 <= reads.count("jobs.get") <= 35


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=0", 0),
        ("wait=1", 1),
        ("wait=25", 25),
        ("wait=26", 25),
        ("wait=99", 25),
        ("wait=99999999999999999999", 25),
        ("WAIT = 2", 2),
        ('wait="2"', 2),
        ("respond-async, wait=2", 2),
        ("respond-async; foo=bar, wait=2", 2),
        ("wait=2, respond-async", 2),
        ("", 0),
        ("wait", 0),
        ("wait=", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("wait=soon", 0),
        ("await=5", 0),
        ("wait=5s", 0),
    ],
)
def test_the_header_is_read_as_its_standard_says_and_cut_to_25_seconds(
    prefer: str, seconds: int
) -> None:
    api = Api()

    assert api.submit(headers={"prefer": prefer}).status == 202
    assert api.clock.at - NOON == timedelta(seconds=seconds)


@pytest.mark.parametrize("call", ["jobs.get", "contents.get"])
def test_an_outage_while_the_client_waits_does_not_take_the_acceptance_back(call: str) -> None:
    """It did once: 503 invited the client to submit again what was queued already."""
    clock = EventfulClock()
    api = Api(Trouble(call), clock=clock)
    clock.after(timedelta(seconds=1), lambda: run_all(api))

    answer = api.submit(headers={"prefer": "wait=5"})

    assert answer.status == 202
    assert answer.json["status"] == "queued"
    assert len(api.jobs.all()) == len(api.queue.messages) == 1
    assert answer.headers["location"].endswith(api.jobs.all()[0].id)


@pytest.mark.parametrize(
    "headers", [{}, {"idempotency-key": "order-4711"}], ids=["", "under a key"]
)
def test_a_job_that_is_deleted_while_the_client_waits_is_404(headers: dict[str, str]) -> None:
    clock = EventfulClock()
    api = Api(clock=clock)
    clock.after(timedelta(seconds=1), lambda: delete_all(api))

    answer = api.submit(headers={"prefer": "wait=5"} | headers)

    assert (answer.status, answer.problem["code"]) == (404, "not_found")


def test_a_defect_while_the_client_waits_is_still_500() -> None:
    api = Api(Trouble("jobs.get", RuntimeError("a defect")))

    assert api.submit(headers={"prefer": "wait=5"}).status == 500


def test_no_answer_is_held_longer_than_the_invocation_lasts() -> None:
    """A submission that took five seconds and then waited for 25 was cut off, and sent again."""
    api = Api(invocation=timedelta(seconds=20))

    answer = api.submit(headers={"prefer": "wait=25"})

    assert answer.status == 202
    assert api.clock.at - NOON <= timedelta(seconds=16)
