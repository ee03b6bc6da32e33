"""Whatever goes wrong on its way, a message becomes one job and no message is lost."""

from datetime import timedelta
from typing import override

import pytest

from functions.intake.handler import MARGIN, WAIT_CAP, WAIT_MIN
from relay.domain.errors import UnavailableError
from tests.fakes.clock import NOON
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.trouble import Crash, Trouble
from tests.flows.seam_points import Cut, Point
from tests.unit.functions.intake_on_fakes import BODY, VISIBILITY_TIMEOUT, Intake

LARGE = {"body": {"messages": [{"role": "user", "content": "0123456789" * 100}]}}
KEY = "order-4711"


def run_through(intake: Intake) -> int:
    """Run until the queue is empty, whatever crashes meanwhile; return how often that was."""
    crashes = 0
    while True:  # ends with the queue
        try:
            intake.run_to_the_end()
        except Crash:
            crashes += 1
        else:
            return crashes


def points() -> list[Point]:
    """Return each point of the way of two messages, large and small, with a key and without."""
    cut = Cut(is_armed=True)
    intake = Intake(seam=cut)
    intake.send(LARGE, idempotency_key=KEY)
    intake.send(BODY)
    intake.run()
    return cut.met


@pytest.mark.parametrize("point", points(), ids=str)
@pytest.mark.parametrize("error", [Crash(), UnavailableError("x")], ids=["crash", "outage"])
def test_a_message_that_is_cut_at_any_point_becomes_one_job(
    point: Point, error: BaseException
) -> None:
    cut = Cut(point, error, is_armed=True)
    intake = Intake(seam=cut)
    first, second = intake.send(LARGE, idempotency_key=KEY), intake.send(BODY)

    run_through(intake)

    assert cut.was_met
    jobs = {job.submission.message_id or "": job.id for job in intake.jobs.all()}
    assert jobs.keys() == {first, second}
    assert len(intake.jobs.all()) == 2
    assert {message_id: intake.job_of(message_id) for message_id in jobs} == jobs
    assert {hint.id for hint in intake.wheel.all()} >= set(jobs.values())
    assert not intake.dead.messages
    assert not intake.events.all()


@pytest.mark.parametrize("call", ["senders.get", "idempotency.reserve", "wheel.put", "jobs.submit"])
def test_an_outage_brings_a_message_back_with_waits_that_grow(call: str) -> None:
    outage = Trouble(call)
    intake = Intake(seam=outage)
    intake.send()
    waits = []

    for _ in range(12):
        assert len(intake.run()) == 1
        comes_back_at = intake.next_at()
        assert comes_back_at is not None
        waits.append(comes_back_at - intake.clock.at)
        intake.clock.at = comes_back_at
    outage.end()
    run_through(intake)

    assert all(WAIT_MIN <= wait <= WAIT_CAP for wait in waits)
    assert sum(waits[:3], timedelta(0)) < timedelta(minutes=1) < max(waits)
    assert len(intake.jobs.all()) == 1
    assert intake.dead.messages == []


def test_a_job_whose_own_message_could_not_be_sent_gets_it_at_the_next_receipt() -> None:
    intake = Intake(seam=Trouble("jobs.send", times=1))
    intake.send()

    run_through(intake)

    assert intake.outcomes == ["error", "replayed"]
    assert len(intake.jobs_queue.messages) == 1
    assert {hint.id for hint in intake.wheel.all()} == {intake.job.id}


def test_only_those_that_failed_come_back() -> None:
    intake = Intake(seam=Trouble("jobs.submit", times=1))
    failing = intake.send()
    intake.send("canary")
    intake.send({**BODY, "timeout_seconds": 5})

    assert intake.run() == [failing]

    assert intake.outcomes == ["error", "refused", "accepted"]
    assert [message.id for message in intake.submissions.messages] == [failing]


def test_a_defect_in_one_message_does_not_touch_the_others() -> None:
    intake = Intake(seam=Trouble("jobs.submit", RuntimeError("canary"), times=1))
    failing = intake.send()
    intake.send({**BODY, "timeout_seconds": 5})

    assert intake.run() == [failing]

    assert intake.outcomes == ["error", "accepted"]
    assert intake.log.lines[0]["error_type"] == "RuntimeError"
    assert "canary" not in intake.log.text


def test_a_record_that_is_none_comes_back() -> None:
    intake = Intake()
    message_id = intake.send()
    event = intake.submissions.received()
    del event["Records"][0]["attributes"]["SenderId"]

    answer = intake.handle(event, FakeLambdaContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": message_id}]}


def test_an_outage_of_the_queue_s_own_loses_no_message() -> None:
    intake = Intake(seam=Trouble("submissions.postpone", times=1))
    intake.send()
    intake.send("canary")
    trouble = Trouble("jobs.submit", times=1)
    intake.jobs._seam = trouble  # noqa: SLF001 - two things go wrong at once

    assert len(intake.run()) == 1

    assert intake.next_at() == NOON + VISIBILITY_TIMEOUT
    run_through(intake)
    assert len(intake.jobs.all()) == 1


def test_what_there_is_no_time_for_is_not_begun_and_comes_back() -> None:
    intake = Intake()
    first, second = intake.send(), intake.send()

    assert intake.run(left=MARGIN) == [first, second]

    assert intake.outcomes == ["late", "late"]
    assert intake.jobs.all() == []
    run_through(intake)
    assert len(intake.jobs.all()) == 2


def test_an_outage_that_takes_its_time_leaves_the_rest_of_the_batch_for_later() -> None:
    class SlowOutage(Trouble):
        @override
        def before(self, call: str) -> None:
            if call == "jobs.submit":
                intake.clock.wait(timedelta(seconds=10))
            super().before(call)

    outage = SlowOutage("jobs.submit")
    intake = Intake(seam=outage)
    for _ in range(10):
        intake.send()

    assert len(intake.run()) == 10

    assert intake.outcomes == ["error"] * 2 + ["late"] * 8
    assert intake.clock.at - NOON <= timedelta(seconds=29)
    assert {message.receives for message in intake.submissions.messages} == {1}
