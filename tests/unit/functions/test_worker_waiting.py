"""When a job is tried again: in place while that is short, out of the invocation otherwise."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from functions.worker.outcome import LOOK_AGAIN_AFTER
from functions.worker.run_job import RECORDING_TIME
from relay.adapters.sqs_queue import VISIBILITY_MAX
from relay.domain.answer import Answer
from relay.domain.backoff import IN_PLACE_BUDGET, RELEASES_BY_MESSAGE
from relay.domain.circuit import PROBES_APART
from relay.domain.content import REQUEST_KEY
from relay.domain.errors import UnavailableError
from relay.domain.job import DEADLINE_MAX, LEASE_MARGIN, JobStatus, StatusReason
from relay.domain.job_error import ErrorCode
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice, LoadedDice
from tests.fakes.examples import BODY, a_job
from tests.fakes.mistral import MistralCall, always, chat_answer, refusal
from tests.fakes.trouble import Trouble
from tests.unit.functions.worker_on_fakes import INVOCATION, Worker
from tools.template import read_template

NEARLY_ONE = 0.999
_TEMPLATE = Path(__file__).parents[3] / "template.yaml"


def jobs_queue_receives_max() -> int:
    queue = read_template(_TEMPLATE)["Resources"]["JobsQueue"]["Properties"]
    receives_max: int = queue["RedrivePolicy"]["maxReceiveCount"]
    return receives_max


def test_a_lease_leaves_time_to_record_after_every_wait_in_place() -> None:
    assert LEASE_MARGIN > IN_PLACE_BUDGET + RECORDING_TIME


def test_a_message_can_be_hidden_until_the_next_look() -> None:
    assert LOOK_AGAIN_AFTER < VISIBILITY_MAX


def test_short_waits_happen_in_place_and_grow() -> None:
    worker = Worker(refusal(503), refusal(503), chat_answer(), dice=LoadedDice(NEARLY_ONE))
    worker.add()

    assert worker.run() == []

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 3
    assert worker.job.fence == 1
    assert worker.clock.at - NOON == timedelta(milliseconds=999 + 1998)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("status", [429, 503])
def test_no_claim_waits_in_place_for_longer_than_its_budget(seed: int, status: int) -> None:
    worker = Worker(refusal(status), dice=FakeDice(seed))
    worker.add(a_job(attempts_max=20))

    failures = worker.run()

    assert worker.clock.at - NOON <= IN_PLACE_BUDGET
    if failures:
        assert worker.job.status is JobStatus.QUEUED
        assert worker.job.ready_at is not None
        assert worker.job.ready_at > worker.clock.at


def test_what_waits_longer_leaves_the_invocation_and_its_message_comes_back_then() -> None:
    worker = Worker(refusal(503), dice=LoadedDice(NEARLY_ONE))
    worker.add(a_job(attempts_max=20))

    assert worker.run() == ["jobs-message-1"]

    job = worker.job
    assert job.status is JobStatus.QUEUED
    assert job.status_reason is StatusReason.UPSTREAM_UNAVAILABLE
    assert job.lease_until is None
    assert job.ready_at is not None
    assert worker.comes_back_at is not None
    assert timedelta(0) <= worker.comes_back_at - job.ready_at < timedelta(seconds=1)


def test_a_job_that_comes_back_as_often_as_it_may_waits_longer_each_time() -> None:
    worker = Worker(refusal(503), dice=LoadedDice(NEARLY_ONE))
    worker.add(a_job(attempts_max=20))
    waits = []

    while worker.job.status is not JobStatus.FAILED:
        worker.run_next()
        if worker.job.ready_at is not None:
            waits.append(worker.job.ready_at - worker.clock.at)

    assert waits == sorted(waits)
    assert waits[-1] > timedelta(minutes=30)
    assert len(worker.mistral.calls) == 20


def test_retry_after_is_waited_for_in_place_where_it_is_short() -> None:
    worker = Worker(refusal(429, retry_after="7"), chat_answer())
    worker.add()

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.clock.at - NOON == timedelta(seconds=7)


def test_retry_after_is_waited_for_out_of_the_invocation_where_it_is_long() -> None:
    worker = Worker(refusal(429, retry_after="120"), chat_answer())
    worker.add()

    worker.run()

    assert worker.clock.at == NOON
    assert worker.job.status_reason is StatusReason.RATE_LIMITED
    assert worker.job.ready_at == NOON + timedelta(seconds=120)
    assert worker.comes_back_at == NOON + timedelta(seconds=120)


def test_retry_after_as_a_date_is_understood() -> None:
    worker = Worker(refusal(503, retry_after="Sat, 21 Nov 2026 12:02:00 GMT"))
    worker.add()

    worker.run()

    assert worker.job.ready_at == NOON + timedelta(minutes=2)


def test_a_retry_after_that_is_shorter_than_our_own_wait_does_not_hurry_us() -> None:
    worker = Worker(refusal(429, retry_after="1"), chat_answer(), dice=LoadedDice(NEARLY_ONE))
    worker.add(a_job(fence=3))

    worker.run()

    assert worker.clock.at - NOON > timedelta(seconds=7)


def test_retry_after_is_cut_to_the_deadline_and_there_the_job_expires() -> None:
    worker = Worker(refusal(429, retry_after="3000"))
    deadline = NOON + timedelta(minutes=10)
    worker.add(a_job(deadline=deadline))

    worker.run()
    assert worker.job.ready_at == deadline
    worker.run_to_the_end()

    job = worker.job
    assert job.status is JobStatus.EXPIRED
    assert job.finished_at == deadline
    assert job.error is not None
    assert job.error.reason == "deadline_exceeded"
    assert job.error.code is ErrorCode.RATE_LIMIT_EXCEEDED
    assert len(worker.mistral.calls) == 1


def test_a_wait_in_place_never_goes_beyond_the_deadline() -> None:
    worker = Worker(refusal(503), dice=LoadedDice(NEARLY_ONE))
    worker.add(a_job(deadline=NOON + timedelta(milliseconds=2500)))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.job.error is not None
    assert worker.job.error.code is ErrorCode.SERVICE_UNAVAILABLE
    assert len(worker.mistral.calls) == 2
    assert worker.clock.at - NOON < timedelta(seconds=4)


def test_an_answer_that_was_asked_for_in_time_counts_after_the_deadline() -> None:
    worker = Worker(takes=timedelta(seconds=30))
    worker.add(a_job(deadline=NOON + timedelta(seconds=1)))

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED


def test_a_call_ends_with_its_time_limit_and_is_no_more_tried_in_place() -> None:
    worker = Worker(takes=timedelta(seconds=61))
    worker.add()

    worker.run()

    assert len(worker.mistral.calls) == 1
    assert worker.clock.at - NOON == timedelta(seconds=60)
    assert worker.job.status_reason is StatusReason.RETRYING
    assert worker.job.last_error is not None
    assert worker.job.last_error.code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(("seconds_left", "calls"), [(75.9, 1), (77, 2), (660, 3)])
def test_no_attempt_starts_that_would_not_end_before_the_invocation(
    seconds_left: float, calls: int
) -> None:
    worker = Worker(refusal(503), refusal(503), chat_answer(), dice=LoadedDice(NEARLY_ONE))
    worker.add()

    worker.run(timedelta(seconds=seconds_left))

    assert len(worker.mistral.calls) == calls


def test_the_longest_attempt_fits_into_an_invocation_with_what_surrounds_it() -> None:
    worker = Worker(takes=timedelta(seconds=600))
    worker.add(a_job(timeout=timedelta(seconds=600)))

    worker.run()

    assert worker.job.status is JobStatus.COMPLETED
    assert timedelta(seconds=600) + LEASE_MARGIN < INVOCATION


@pytest.mark.parametrize("status", [401, 402])
def test_a_refused_key_is_probed_once_a_minute_at_most_and_no_job_fails_for_it(
    status: int,
) -> None:
    worker = Worker(refusal(status))
    worker.add(a_job(attempts_max=1))

    while worker.job.status is not JobStatus.EXPIRED:
        worker.run_next()

    gaps = [later - earlier for earlier, later in pairwise(worker.mistral.called_at)]
    assert min(gaps) >= PROBES_APART
    assert worker.job.finished_at == worker.job.deadline
    assert worker.job.attempts == 0
    assert JobStatus.FAILED not in worker.states()


@pytest.mark.parametrize("status", [401, 429])
@pytest.mark.parametrize("seed", range(2))
def test_no_wait_however_long_wears_out_a_message(status: int, seed: int) -> None:
    """A message that is received too often is given up, and nobody would end its job then."""
    worker = Worker(refusal(status), dice=FakeDice(seed))
    worker.add(a_job(deadline=NOON + DEADLINE_MAX))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.job.finished_at is not None
    assert worker.job.finished_at - worker.job.deadline < timedelta(seconds=1)
    assert worker.receives_most <= RELEASES_BY_MESSAGE + 1 < jobs_queue_receives_max()


def test_an_outage_where_requests_lie_costs_no_attempt() -> None:
    """Each look at the store was charged once, until a job failed that Mistral never saw."""
    outage = Trouble("contents.get")
    worker = Worker(seam=outage)
    large = worker.contents.put(a_job(), "req", BODY)
    worker.add(a_job(request=large, attempts_max=2))

    for _ in range(10):
        worker.run_next()
    assert worker.mistral.calls == []
    assert worker.job.attempts == 0
    outage.end()
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 1
    assert len(worker.mistral.calls) == 1


def test_an_outage_of_the_secret_that_mistral_asks_for_costs_no_attempt() -> None:
    """Mistral was not called then either, yet each try was charged."""
    outage = Trouble("mistral.call")
    worker = Worker(seam=outage)
    worker.add(a_job(attempts_max=2))

    for _ in range(10):
        worker.run_next()
    assert worker.job.attempts == 0
    assert worker.job.status_reason is StatusReason.RETRYING
    outage.end()
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 1


def test_an_outage_after_failed_attempts_in_place_keeps_them_charged() -> None:
    outage = Trouble("mistral.call")

    def fails_once(_: MistralCall) -> Answer:
        worker.mistral.script = always(chat_answer())
        outage.times = 1
        return refusal(503)

    outage.end()
    worker = Worker(seam=outage)
    worker.mistral.script = fails_once
    worker.add()

    worker.run()
    assert worker.job.attempts == 1
    worker.run_to_the_end()

    assert worker.job.status is JobStatus.COMPLETED
    assert worker.job.attempts == 2


def test_an_outage_where_requests_lie_ends_with_the_deadline_at_the_latest() -> None:
    worker = Worker(seam=Trouble("contents.get"))
    large = worker.contents.put(a_job(), "req", BODY)
    worker.add(a_job(request=large, deadline=NOON + timedelta(hours=1)))

    worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.log.named("job.attempted")[0]["error_type"] == UnavailableError.__name__


def test_a_day_without_the_request_wears_out_no_message_and_charges_nothing() -> None:
    """At one receipt a minute the message went to the dead-letter queue after nine hours."""
    worker = Worker(seam=Trouble("contents.get"))
    worker.add(a_job(request=worker.contents.put(a_job(), REQUEST_KEY, BODY)))

    looks = worker.run_to_the_end()

    assert worker.job.status is JobStatus.EXPIRED
    assert worker.job.attempts == 0
    assert worker.mistral.calls == []
    assert looks < 100
    assert worker.receives_most <= RELEASES_BY_MESSAGE + 1
