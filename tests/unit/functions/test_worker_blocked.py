"""While Mistral refuses the key or the account nobody is burnt, and one call a minute probes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from relay.domain.answer import Answer
from relay.domain.circuit import PROBES_APART, WAIT_MAX
from relay.domain.errors import MistralCallError, UnavailableError
from relay.domain.event_types import UPSTREAM_BLOCKED
from relay.domain.job import JobStatus, StatusReason
from relay.domain.job_error import ErrorCode
from relay.domain.wheel import WRITTEN_AHEAD
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import a_job, a_job_id
from tests.fakes.mistral import Script, always, chat_answer, refusal
from tests.fakes.trouble import Trouble
from tests.unit.functions.worker_on_fakes import Worker

JOBS = 60
BATCH = 10
WHEEL_LATE = timedelta(minutes=1) + WRITTEN_AHEAD
"""How late the wheel can be with what is due at once."""


def add_jobs(worker: Worker, count: int) -> None:
    for number in range(1, count + 1):
        worker.add(a_job(id=a_job_id(number), attempts_max=1))


def refused_until(worker: Worker, until: datetime, answer: Answer) -> Script:
    return lambda _: answer if worker.clock.at < until else chat_answer()


def statuses(worker: Worker) -> set[str]:
    return {job.status for job in worker.jobs.all()}


def openings(worker: Worker) -> Sequence[str]:
    """Return the reason of each ``upstream.blocked``, in order."""
    events = [event for event in worker.events() if event.type == UPSTREAM_BLOCKED]
    assert len({event.id for event in events}) == len(events)
    return [event.data["status_reason"] for event in events]


def longest_wait(lasted: timedelta) -> timedelta:
    """Return how long a circuit that has been open for so long lets a job wait at most."""
    return min(max(lasted, 2 * PROBES_APART), WAIT_MAX) + WHEEL_LATE


@pytest.mark.parametrize(("status", "minutes"), [(401, 10), (402, 10), (401, 300)])
def test_an_outage_of_the_key_burns_no_job_and_takes_about_one_call_a_minute(
    status: int, minutes: int
) -> None:
    outage, worker = timedelta(minutes=minutes), Worker(dice=FakeDice())
    worker.mistral.script = refused_until(worker, NOON + outage, refusal(status))
    add_jobs(worker, JOBS)

    worker.run_to_the_end(invocations_max=5000)

    refused = [at for at in worker.mistral.called_at if at < NOON + outage]
    assert BATCH < len(refused) <= BATCH + outage // PROBES_APART
    assert {(job.status, job.attempts) for job in worker.jobs.all()} == {(JobStatus.COMPLETED, 1)}
    assert len(worker.mistral.calls) == len(refused) + JOBS
    assert len(openings(worker)) == 1
    assert not worker.circuits.circuit.is_open
    # One wait until somebody probes, and one for those who met the circuit just before.
    first = longest_wait(outage)
    assert worker.clock.at <= NOON + outage + first + longest_wait(outage + first)


def test_an_outage_of_the_key_costs_each_job_a_few_looks_and_not_one_a_minute() -> None:
    outage, worker = timedelta(hours=20), Worker(dice=FakeDice())
    worker.mistral.script = refused_until(worker, NOON + outage, refusal(401))
    add_jobs(worker, 1)

    looks = worker.run_to_the_end()

    assert statuses(worker) == {"completed"}
    assert looks < 50


def test_who_meets_the_refusal_is_parked_at_once_and_its_message_goes() -> None:
    worker = Worker(refusal(401), dice=FakeDice())
    add_jobs(worker, 1)

    assert worker.run() == []

    assert worker.clock.at == NOON
    assert worker.queue.messages == []
    assert worker.job.status_reason is StatusReason.INVALID_API_KEY
    assert worker.job.ready_at is not None
    assert PROBES_APART <= worker.job.ready_at - NOON < 2 * PROBES_APART
    assert worker.wakes_at == worker.job.ready_at


def test_who_meets_the_open_circuit_is_parked_unclaimed_and_says_why() -> None:
    worker = Worker(refusal(402), dice=FakeDice())
    add_jobs(worker, BATCH + 1)
    worker.run()

    assert worker.run() == []

    held = worker.jobs.all()[-1]
    assert held.id == a_job_id(BATCH + 1)
    assert (held.status, held.fence, held.attempts) == (JobStatus.QUEUED, 0, 0)
    assert held.status_reason is StatusReason.INSUFFICIENT_CREDITS
    assert held.started_at is None
    assert len(worker.mistral.calls) == BATCH
    assert worker.queue.messages == []
    assert len([hint for hint in worker.wheel.all() if hint.id == held.id]) == 1


def test_a_refusal_for_another_reason_is_told_anew() -> None:
    worker = Worker(refusal(401), refusal(401), refusal(402), refusal(402), chat_answer())
    add_jobs(worker, 1)

    worker.run_to_the_end()

    assert openings(worker) == ["invalid_api_key", "insufficient_credits"]
    assert worker.job.status is JobStatus.COMPLETED


def test_a_refusal_after_it_had_healed_is_told_anew() -> None:
    worker = Worker(refusal(401), chat_answer(), refusal(401), chat_answer())
    add_jobs(worker, 1)
    worker.run_to_the_end()
    worker.add(a_job(id=a_job_id(2)))

    worker.run_to_the_end()

    assert openings(worker) == ["invalid_api_key"] * 2
    assert statuses(worker) == {"completed"}


@pytest.mark.parametrize(
    "came",
    [
        pytest.param(chat_answer(), id="an answer"),
        pytest.param(refusal(400), id="a refusal of the body"),
        pytest.param(refusal(429, retry_after="60"), id="a refusal of the rate"),
    ],
)
def test_a_probe_that_mistral_takes_closes_the_circuit(came: Answer) -> None:
    worker = Worker(refusal(401), came, chat_answer())
    add_jobs(worker, 1)
    worker.run()

    worker.run_next()

    assert len(worker.mistral.calls) == 2
    assert not worker.circuits.circuit.is_open


@pytest.mark.parametrize(
    "came",
    [
        pytest.param(refusal(503, retry_after="60"), id="503"),
        pytest.param(refusal(408, retry_after="60"), id="408"),
        pytest.param(Answer(status=302, headers={"retry-after": "60"}, body=b""), id="302"),
        pytest.param(Answer(status=200, headers={}, body=b"<html>"), id="a page"),
        pytest.param(MistralCallError(ErrorCode.TIMEOUT, "no answer"), id="no answer"),
        pytest.param(MistralCallError(ErrorCode.CONNECTION_FAILED, "x"), id="no connection"),
    ],
)
def test_a_probe_that_is_not_answered_decides_nothing(came: Answer | Exception) -> None:
    worker = Worker(refusal(401), came)
    worker.add(a_job(attempts_max=20))
    worker.run()
    before = worker.circuits.circuit

    worker.run_next()

    circuit = worker.circuits.circuit
    assert len(worker.mistral.calls) > 1
    assert circuit.probe_at is not None
    assert circuit.probe_at > worker.clock.at
    assert (circuit.reason, circuit.version) == (before.reason, before.version)
    assert worker.job.status_reason is not StatusReason.INVALID_API_KEY


def test_an_answer_to_a_call_from_before_the_refusal_closes_nothing() -> None:
    worker = Worker(refusal(401), chat_answer())
    add_jobs(worker, 2)

    worker.run()

    assert statuses(worker) == {"queued", "completed"}
    assert worker.circuits.circuit.is_open


def test_a_message_that_is_no_job_does_not_use_up_the_probes() -> None:
    """It came back each minute, just when a probe was due, and nobody else ever got one."""
    worker = Worker(refusal(401), chat_answer(), dice=FakeDice())
    worker.queue.send_text("not a message of ours")
    add_jobs(worker, 1)
    worker.run()

    for _ in range(60):
        worker.run_next()

    assert statuses(worker) == {"completed"}


def test_a_probe_whose_request_cannot_be_read_is_another_s_turn() -> None:
    outage = Trouble("mistral.call", times=0)
    worker = Worker(refusal(401), chat_answer(), seam=outage)
    add_jobs(worker, 1)
    worker.run()
    outage.times = 1

    worker.run_next()

    assert len(worker.mistral.called_at) == 2
    assert worker.circuits.circuit.probe_at == worker.clock.at


def test_a_job_that_expires_while_the_key_is_refused_says_that_this_was_why() -> None:
    worker = Worker(refusal(401), dice=FakeDice())
    add_jobs(worker, 1)
    worker.run()
    hurried = a_job(id=a_job_id(2), deadline=NOON + timedelta(seconds=30))
    worker.add(hurried)

    worker.run()
    worker.run_next()

    ended = worker.jobs.get(hurried.tenant_id, hurried.id, at=NOON)
    assert ended.status is JobStatus.EXPIRED
    assert ended.error is not None
    assert ended.error.code is ErrorCode.INVALID_API_KEY
    assert (ended.error.reason, ended.error.attempts) == ("deadline_exceeded", 0)
    assert len(worker.mistral.calls) == 1


def test_a_gate_that_cannot_be_asked_lets_all_run_and_tells_the_log() -> None:
    worker = Worker(seam=Trouble("circuits.get"))
    add_jobs(worker, 3)

    worker.run()

    assert statuses(worker) == {"completed"}
    (line,) = worker.log.named("gate.not_asked")
    assert (line["records"], line["error_type"]) == (3, UnavailableError.__name__)


def test_a_refusal_that_cannot_be_noted_burns_nobody_either() -> None:
    worker = Worker(seam=Trouble("circuits.save"), dice=FakeDice())
    worker.mistral.script = always(refusal(401))
    add_jobs(worker, 3)

    for _ in range(10):
        worker.run_next()

    assert statuses(worker) == {"queued"}
    assert {job.attempts for job in worker.jobs.all()} == {0}
