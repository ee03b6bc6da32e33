"""``POST /v1/jobs/{id}/cancel``."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from relay.domain.job import Job, StatusReason
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, a_completed_job, a_job, completed
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api

SECOND = timedelta(seconds=1)
KEY = {"idempotency-key": "order-4711"}


def waiting() -> Job:
    """Return a job that waits for another attempt."""
    return released(a_job().claimed(NOON, LEASE_MARGIN), NOON + 60 * SECOND)


def released(job: Job, ready_at: datetime) -> Job:
    return job.released(
        NOON,
        ready_at=ready_at,
        reason=StatusReason.RETRYING,
        error=SOME_ERROR,
        attempts=job.attempts,
    )


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(a_job(), id="queued"),
        pytest.param(a_job().claimed(NOON, LEASE_MARGIN), id="in progress"),
        pytest.param(waiting(), id="waiting"),
    ],
)
def test_a_job_that_has_not_ended_is_cancelled(job: Job) -> None:
    api = Api()
    api.jobs.submit(job)
    api.clock.at += SECOND

    answer = api.cancel(job.id)

    assert answer.status == 200
    assert answer.json["status"] == "cancelled"
    assert answer.json["finished_at"] == "2026-11-21T12:00:01.000Z"
    assert answer.json["attempts"] == job.attempts
    assert (answer.json["status_reason"], answer.json["next_attempt_at"]) == (None, None)
    assert (answer.json["error"], answer.json["result"]) == (None, None)
    assert answer.json == api.get(job.id).json
    assert "idempotent-replayed" not in answer.headers


def test_cancelled_twice_a_job_stays_as_the_first_left_it() -> None:
    api = Api()
    api.jobs.submit(a_job())
    first = api.cancel(a_job().id)
    api.clock.at += SECOND

    second = api.cancel(a_job().id)

    assert second.status == 200
    assert second.json == first.json
    assert len(api.jobs.changes) == 2


def test_under_a_key_the_second_says_that_it_is_a_repetition() -> None:
    api = Api()
    api.jobs.submit(a_job())

    first = api.cancel(a_job().id, headers=KEY)
    api.clock.wait(SECOND)
    second = api.cancel(a_job().id, headers=KEY)

    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json == first.json


def test_a_key_that_cannot_be_one_cancels_nothing() -> None:
    api = Api()
    api.jobs.submit(a_job())

    answer = api.cancel(a_job().id, headers={"idempotency-key": "one two"})

    assert (answer.status, answer.problem["code"]) == (422, "invalid_idempotency_key")
    assert api.jobs.all() == [a_job()]


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(a_completed_job(), id="completed"),
        pytest.param(
            a_job().claimed(NOON, LEASE_MARGIN).failed(NOON, error=SOME_ERROR, attempts=1),
            id="failed",
        ),
        pytest.param(a_job().expired(NOON), id="expired"),
    ],
)
def test_a_job_that_ended_otherwise_is_409_and_says_how(job: Job) -> None:
    api = Api()
    api.jobs.submit(job)

    answer = api.cancel(job.id)

    assert (answer.status, answer.problem["code"]) == (409, "job_already_final")
    assert job.status in answer.problem["detail"]
    assert api.jobs.all() == [job]


def test_a_worker_that_completes_first_wins() -> None:
    worker = Meanwhile("jobs.save")
    api = Api(worker)
    job = a_job().claimed(NOON, LEASE_MARGIN)
    api.jobs.submit(job)
    worker.act = lambda: api.jobs.save(job, completed(job))

    answer = api.cancel(job.id)

    assert (answer.status, answer.problem["code"]) == (409, "job_already_final")
    assert api.jobs.all() == [completed(job)]


def test_a_worker_that_claims_it_first_is_cancelled_all_the_same() -> None:
    worker = Meanwhile("jobs.save")
    api = Api(worker)
    job = a_job()
    api.jobs.submit(job)
    claim: dict[str, Any] = {"at": NOON, "lease_margin": LEASE_MARGIN}
    worker.act = lambda: api.jobs.claim(job.tenant_id, job.id, **claim)

    answer = api.cancel(job.id)

    assert answer.status == 200
    assert answer.json["attempts"] == 1
    assert [job.status for job in api.jobs.all()] == ["cancelled"]


def test_a_client_that_cancels_it_first_does_no_harm() -> None:
    other = Meanwhile("jobs.save")
    api = Api(other)
    api.jobs.submit(a_job())
    other.act = lambda: api.cancel(a_job().id)

    answer = api.cancel(a_job().id)

    assert answer.status == 200
    assert [change.after.status for change in api.jobs.changes] == ["queued", "cancelled"]


def test_a_job_that_changes_before_each_write_is_503_and_nothing_goes_on_for_ever() -> None:
    worker = Meanwhile("jobs.save", times=100)
    api = Api(worker)
    api.jobs.submit(a_job())

    def turn() -> None:
        (job,) = api.jobs.all()
        if job.lease_until is None:
            api.jobs.save(job, replace(job, attempts=0).claimed(NOON, LEASE_MARGIN))
        else:
            api.jobs.save(job, released(job, NOON))

    worker.act = turn

    answer = api.cancel(a_job().id)

    assert answer.status == 503
    assert not api.jobs.all()[0].status.is_final


def test_an_outage_that_hides_the_write_is_503_and_the_next_try_is_told_of_it() -> None:
    api = Api(Trouble("jobs.save", is_after=True, times=1))
    api.jobs.submit(a_job())

    first = api.cancel(a_job().id)
    second = api.cancel(a_job().id)

    assert (first.status, second.status) == (503, 200)
    assert second.json["status"] == "cancelled"
    assert len(api.jobs.changes) == 2
