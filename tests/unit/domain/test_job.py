from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
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
    Job,
    JobStatus,
    StatusReason,
)
from relay.domain.job_error import ErrorCode
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import SOME_ERROR, a_completed_job, a_job, a_result, completed
from tests.fakes.strategies import jobs, moments

SECOND = timedelta(seconds=1)
CHANGES = ("claimed", "released", "completed", "failed", "expired", "spent", "cancelled")
USAGE = Usage(prompt_tokens=10, completion_tokens=4, total_tokens=14)
COST = Money(Decimal("0.0000039"))
held = a_job().claimed(NOON, LEASE_MARGIN)


def changed(job: Job, change: str, at: datetime) -> Job:
    changes: dict[str, Callable[[], Job]] = {
        "claimed": lambda: job.claimed(at, LEASE_MARGIN),
        "released": lambda: job.released(
            at, ready_at=at, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=job.attempts
        ),
        "completed": lambda: completed(replace(job, changed_at=at)),
        "failed": lambda: job.failed(at, error=SOME_ERROR, attempts=job.attempts),
        "expired": lambda: job.expired(at),
        "spent": lambda: job.spent(at),
        "cancelled": lambda: job.cancelled(at),
    }
    return changes[change]()


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
        {"deleted_at": NOON},
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


def test_a_cancelled_job_has_ended_and_holds_nothing() -> None:
    job = held.cancelled(NOON + SECOND)

    assert (job.status, job.finished_at) == (JobStatus.CANCELLED, NOON + SECOND)
    assert (job.lease_until, job.ready_at, job.status_reason) == (None, None, None)
    assert (job.error, job.result, job.usage) == (None, None, None)


def test_what_a_cancelled_job_s_call_cost_is_noted_once_and_is_no_change_of_its_state() -> None:
    job = held.cancelled(NOON)

    spent = job.spent_on(USAGE, COST)

    assert spent == replace(job, usage=USAGE, cost=COST)
    with pytest.raises(ValueError, match=job.id):
        spent.spent_on(USAGE, COST)


@pytest.mark.parametrize("job", [a_job(), held, a_completed_job(), a_job().expired(NOON)])
def test_only_of_a_cancelled_job_it_is_noted_what_a_lost_call_cost(job: Job) -> None:
    with pytest.raises(ValueError, match=job.id):
        job.spent_on(USAGE, COST)


@given(job=jobs())
def test_an_end_that_is_told_again_is_the_same_end(job: Job) -> None:
    again = job.asked_to_tell_again()

    assert again != job
    assert replace(again, told_again=job.told_again) == job


@given(job=jobs(), at=moments)
def test_only_what_has_ended_is_deleted_and_keeps_what_totals_are_made_of(
    job: Job, at: datetime
) -> None:
    if not job.status.is_final:
        with pytest.raises(ValueError, match="not final"):
            job.deleted(at)
        return

    left = job.deleted(at)

    assert (left.status, left.version, left.usage, left.cost) == (
        job.status, job.version, job.usage, job.cost,
    )  # fmt: skip
    assert (left.error, left.callback, dict(left.metadata)) == (None, None, {})
    assert left.request.inline is None


@given(models=st.lists(st.text(max_size=8), min_size=1, max_size=4), failures=st.integers(0, 10**6))
def test_models_take_turns_and_each_gets_its_own(models: list[str], failures: int) -> None:
    job = a_job(model=models[0], fallback_models=tuple(models[1:]))

    turns = [job.model_in_turn(failures + number) for number in range(len(models))]

    assert sorted(str(model) for model in turns) == sorted(models)
    assert job.model_in_turn(0) == models[0]
    assert job.model_in_turn(failures + len(models)) == turns[0]


@given(failures=st.integers(0, 10**6), model=st.none() | st.text(max_size=8))
def test_without_fallbacks_it_is_always_the_job_s_own_model_s_turn(
    failures: int, model: str | None
) -> None:
    assert a_job(model=model).model_in_turn(failures) == model


@given(job=jobs(), at=moments)
def test_what_may_be_claimed_can_be_claimed_and_is_nobody_s(job: Job, at: datetime) -> None:
    if not job.is_claimable(at):
        return

    claimed = job.claimed(at, LEASE_MARGIN)

    assert not claimed.is_claimable(at)
    assert job.lease_until is None or job.lease_until < at
    assert job.ready_at is None or job.lease_until is not None or job.ready_at <= at
    assert at < job.deadline


@pytest.mark.parametrize(
    ("job", "is_claimable"),
    [
        (a_job(), True),
        (a_job(ready_at=NOON), True),
        (a_job(ready_at=NOON + SECOND), False),
        (a_job(deadline=NOON), False),
        (a_job(attempts=5, attempts_max=5), False),
        (held, False),
        (replace(held, lease_until=NOON), False),
        (replace(held, lease_until=NOON - SECOND), True),
        (replace(held, lease_until=NOON - SECOND, deadline=NOON), False),
        (a_completed_job(), False),
        (a_job().cancelled(NOON), False),
        (a_job(status=JobStatus.REQUIRES_ACTION), False),
    ],
)
def test_a_claim_needs_a_job_that_is_due_nobody_s_and_not_over(
    job: Job, *, is_claimable: bool
) -> None:
    assert job.is_claimable(NOON) is is_claimable


def test_a_lease_outlives_an_attempt_and_its_waits() -> None:
    assert LEASE_MARGIN > IN_PLACE_BUDGET


def test_the_defaults_lie_within_the_limits() -> None:
    assert DEADLINE_DEFAULT <= DEADLINE_MAX
    assert TIMEOUT_DEFAULT <= TIMEOUT_MAX
