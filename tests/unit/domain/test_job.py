from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import IN_PLACE_BUDGET
from relay.domain.job import (
    DEADLINE_DEFAULT,
    DEADLINE_MAX,
    FINAL_STATUSES,
    LEASE_MARGIN,
    TIMEOUT_DEFAULT,
    TIMEOUT_MAX,
    ErrorCode,
    Job,
    JobStatus,
    StatusReason,
)
from tests.fakes.clock import NOON
from tests.fakes.examples import SOME_ERROR, a_completed_job, a_job, a_result, completed
from tests.fakes.strategies import jobs, moments

SECOND = timedelta(seconds=1)
CHANGES = ("claimed", "released", "completed", "failed", "expired", "spent")
held = a_job().claimed(NOON, LEASE_MARGIN)


def changed(job: Job, change: str, at: datetime) -> Job:
    match change:
        case "claimed":
            return job.claimed(at, LEASE_MARGIN)
        case "released":
            return job.released(
                at,
                ready_at=at,
                reason=StatusReason.RETRYING,
                error=SOME_ERROR,
                attempts=job.attempts,
            )
        case "completed":
            return completed(replace(job, changed_at=at))
        case "failed":
            return job.failed(at, error=SOME_ERROR, attempts=job.attempts)
        case "expired":
            return job.expired(at)
        case _:
            return job.spent(at)


@given(job=jobs(), change=st.sampled_from(CHANGES), at=moments)
def test_a_job_that_has_ended_never_changes(job: Job, change: str, at: datetime) -> None:
    if not job.status.is_final:
        return

    with pytest.raises(ValueError, match="final"):
        changed(job, change, at)


@given(st.lists(st.tuples(st.sampled_from(CHANGES), moments), max_size=12))
def test_over_any_changes_versions_grow_by_one_and_fences_with_claims(
    steps: list[tuple[str, datetime]],
) -> None:
    job, claims = a_job(attempts_max=20), 0

    for change, at in steps:
        if job.status.is_final:
            return
        before, job = job, changed(job, change, at)
        claims += change == "claimed"
        assert job.version == before.version + 1
        assert job.fence == claims
        assert 0 <= job.attempts <= job.attempts_max


def test_a_claim_beyond_the_last_attempt_is_no_job() -> None:
    with pytest.raises(ValueError, match="6 of 5 attempts"):
        a_job(attempts=5, attempts_max=5).claimed(NOON, LEASE_MARGIN)


@pytest.mark.parametrize(
    "state",
    [
        {"status": JobStatus.COMPLETED, "result": a_result()},
        {"finished_at": NOON},
        {"status": JobStatus.IN_PROGRESS},
        {"lease_until": NOON},
        {"status": JobStatus.COMPLETED, "finished_at": NOON},
        {"result": a_result()},
        {"attempts": -1},
        {"attempts": 6, "attempts_max": 5},
    ],
)
def test_a_state_that_nothing_leads_to_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=a_job().id):
        a_job(**state)


def test_exactly_four_statuses_are_final() -> None:
    assert {status for status in JobStatus if status.is_final} == FINAL_STATUSES
    assert {"completed", "failed", "cancelled", "expired"} == FINAL_STATUSES


def test_a_lease_lasts_for_the_attempt_and_its_margin() -> None:
    job = a_job(timeout=timedelta(seconds=90)).claimed(NOON, timedelta(seconds=40))

    assert job.lease_until == NOON + timedelta(seconds=130)
    assert job.started_at == NOON


def test_a_released_job_waits_and_says_why() -> None:
    job = held.released(
        NOON + SECOND,
        ready_at=NOON + 9 * SECOND,
        reason=StatusReason.RATE_LIMITED,
        error=SOME_ERROR,
        attempts=0,
    )

    assert (job.status, job.status_reason) == (JobStatus.QUEUED, StatusReason.RATE_LIMITED)
    assert (job.ready_at, job.lease_until) == (NOON + 9 * SECOND, None)
    assert (job.attempts, job.last_error) == (0, SOME_ERROR)
    assert job.next_look(NOON) == NOON + 9 * SECOND


def test_a_claim_keeps_the_last_error_and_forgets_the_wait() -> None:
    released = changed(held, "released", NOON)

    job = released.claimed(NOON, LEASE_MARGIN)

    assert job.last_error == SOME_ERROR
    assert (job.ready_at, job.status_reason) == (None, None)


def test_a_completed_job_holds_its_answer_and_no_error() -> None:
    job = a_completed_job()

    assert (job.status, job.finished_at) == (JobStatus.COMPLETED, NOON + SECOND)
    assert job.result == a_result()
    assert (job.error, job.last_error, job.lease_until) == (None, None, None)


def test_a_failed_job_says_after_how_many_attempts() -> None:
    job = held.failed(NOON, error=SOME_ERROR, attempts=1)

    assert job.error == replace(SOME_ERROR, attempts=1)


def test_a_job_that_expires_keeps_its_last_cause() -> None:
    job = changed(held, "released", NOON).expired(NOON)

    assert job.error is not None
    assert (job.error.code, job.error.reason, job.error.attempts) == (
        SOME_ERROR.code,
        "deadline_exceeded",
        1,
    )
    assert job.error.upstream == SOME_ERROR.upstream
    assert SOME_ERROR.message in job.error.message
    assert job.error.hint != SOME_ERROR.hint  # which says to wait, and there is nothing to wait for


def test_a_job_that_expires_unrun_has_timed_out() -> None:
    job = a_job().expired(NOON)

    assert job.error is not None
    assert (job.error.code, job.error.reason, job.error.attempts) == (
        ErrorCode.TIMEOUT,
        "deadline_exceeded",
        0,
    )


def test_a_spent_job_without_a_trace_says_so() -> None:
    job = changed(held, "released", NOON).spent(NOON)

    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.reason) == (
        ErrorCode.SERVICE_UNAVAILABLE,
        "attempts_exhausted",
    )


@pytest.mark.parametrize(
    ("job", "look"),
    [(a_job(), NOON), (held, held.lease_until), (a_completed_job(), NOON)],
)
def test_the_next_look_is_when_something_may_have_changed(job: Job, look: datetime) -> None:
    assert job.next_look(NOON) == look


def test_a_lease_outlives_an_attempt_and_its_waits() -> None:
    assert LEASE_MARGIN > IN_PLACE_BUDGET


def test_the_defaults_lie_within_the_limits() -> None:
    assert DEADLINE_DEFAULT <= DEADLINE_MAX
    assert TIMEOUT_DEFAULT <= TIMEOUT_MAX
