"""``DELETE /v1/jobs/{id}``: content gone for good, and what is left of the job."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from relay.domain.content import REQUEST_KEY, result_key
from relay.domain.errors import LostLeaseError
from relay.domain.job import Callback, Job
from relay.domain.job_error import ErrorCode
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, a_completed_job, a_job, completed
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api, HttpAnswer

SECOND = timedelta(seconds=1)
JOB_ID = a_job().id


def api_with(job: Job, seam: Seam = QUIET) -> Api:
    api = Api(seam)
    api.jobs.submit(job)
    return api


def with_content_of_two_attempts(seam: Seam = QUIET) -> Api:
    """Return an API with a completed job whose first attempt left a result that nobody names."""
    api = Api(seam)
    job = a_job().claimed(NOON, LEASE_MARGIN)
    job = replace(job, request=api.contents.put(job, REQUEST_KEY, b'{"a":1}'))
    api.contents.put(job, result_key(job.fence), b'{"b":2}')
    again = replace(job, fence=job.fence + 1)
    result = api.contents.put(again, result_key(again.fence), b'{"c":3}')
    api.jobs.submit(completed(again, result=result))
    return api


def test_a_deleted_job_is_204_with_nothing_to_read() -> None:
    api = api_with(a_completed_job())

    answer = api.delete(JOB_ID)

    assert answer.status == 204
    assert answer.text == ""
    assert answer.headers == {"cache-control": "no-store"}


def test_the_content_of_every_attempt_is_gone() -> None:
    api = with_content_of_two_attempts()
    assert len(api.contents.of(JOB_ID)) == 3

    api.delete(JOB_ID)

    assert api.contents.of(JOB_ID) == {}


def test_a_request_that_lay_in_the_job_s_row_is_gone_from_there() -> None:
    api = api_with(a_completed_job())

    api.delete(JOB_ID)

    (left,) = api.jobs.all()
    assert left.request.inline is None


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(Api.get, id="get"),
        pytest.param(Api.cancel, id="cancel"),
        pytest.param(Api.rerun, id="rerun"),
    ],
)
def test_to_everything_else_a_deleted_job_is_not_there(
    act: Callable[[Api, str], HttpAnswer],
) -> None:
    api = api_with(a_job().cancelled(NOON))
    api.delete(JOB_ID)

    answer = act(api, JOB_ID)

    assert (answer.status, answer.problem["code"]) == (404, "not_found")
    assert len(api.jobs.all()) == 1
    assert api.list().json["data"] == []


def test_deleted_twice_is_deleted() -> None:
    api = api_with(a_completed_job())

    first, second = api.delete(JOB_ID), api.delete(JOB_ID)

    assert (first.status, second.status) == (204, 204)
    assert len(api.jobs.changes) == 2


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(a_job(), id="queued"),
        pytest.param(a_job().claimed(NOON, LEASE_MARGIN), id="in_progress"),
    ],
)
def test_a_job_that_has_not_ended_is_409_and_keeps_everything(job: Job) -> None:
    api = api_with(job)
    api.contents.put(job, REQUEST_KEY, b"{}")

    answer = api.delete(job.id)

    assert (answer.status, answer.problem["code"]) == (409, "job_not_final")
    assert job.status in answer.problem["detail"]
    assert api.jobs.all() == [job]
    assert api.contents.of(job.id)


@pytest.mark.parametrize("job_id", [JOB_ID[:-1] + "Z", "job_1", ""])
def test_what_was_never_there_is_404(job_id: str) -> None:
    api = api_with(a_completed_job())

    assert api.delete(job_id).status == 404
    assert api.get(JOB_ID).status == 404  # its result was never kept
    assert len(api.jobs.changes) == 1


def test_a_job_whose_time_is_over_is_404_deleted_or_not() -> None:
    api = api_with(a_completed_job())
    api.clock.at = a_job().purge_at

    assert api.delete(JOB_ID).status == 404
    assert len(api.jobs.changes) == 1


def test_the_tombstone_keeps_what_totals_are_made_of_and_nothing_that_tells_of_anyone() -> None:
    job = a_completed_job(
        metadata={"order": "4711"}, callback=Callback(url="https://example.com/hooks")
    )
    api = api_with(job)
    api.clock.at += SECOND

    api.delete(JOB_ID)

    (left,) = api.jobs.all()
    assert left.deleted_at == NOON + SECOND
    assert (left.status, left.version) == (job.status, job.version)
    assert (left.usage, left.cost, left.model_used) == (job.usage, job.cost, job.model_used)
    assert left.purge_at == job.purge_at
    assert (left.metadata, left.callback) == ({}, None)


def test_the_tombstone_of_a_failed_job_forgets_what_went_wrong() -> None:
    error = replace(SOME_ERROR, code=ErrorCode.INVALID_REQUEST, message="canary")
    api = api_with(a_job().claimed(NOON, LEASE_MARGIN).failed(NOON, error=error, attempts=1))

    api.delete(JOB_ID)

    (left,) = api.jobs.all()
    assert left.error is None
    assert "canary" not in repr(left)


def test_what_a_cancelled_job_s_call_cost_is_kept_though_it_is_told_just_before() -> None:
    """Both writes keep the job's version, so that alone tells neither of the other."""
    worker = Meanwhile("jobs.save")
    job = a_job().claimed(NOON, LEASE_MARGIN).cancelled(NOON)
    api = api_with(job, worker)
    spent = job.spent_on(Usage(total_tokens=9), Money(Decimal("0.01")))
    worker.act = lambda: api.jobs.save(job, spent)

    answer = api.delete(JOB_ID)

    (left,) = api.jobs.all()
    assert answer.status == 204
    assert (left.deleted_at, left.usage, left.cost) == (NOON, spent.usage, spent.cost)


def test_what_a_cancelled_job_s_call_cost_does_not_bring_the_job_back() -> None:
    job = a_job().claimed(NOON, LEASE_MARGIN).cancelled(NOON)
    api = api_with(job)
    api.delete(JOB_ID)

    with pytest.raises(LostLeaseError):
        api.jobs.save(job, job.spent_on(Usage(total_tokens=9), None))

    assert api.get(JOB_ID).status == 404


def test_two_that_delete_at_once_both_hear_that_it_is_done() -> None:
    other = Meanwhile("jobs.save")
    api = api_with(a_completed_job(), other)
    answers: list[HttpAnswer] = []
    other.act = lambda: answers.append(api.delete(JOB_ID))

    answers.append(api.delete(JOB_ID))

    assert [answer.status for answer in answers] == [204, 204]
    assert api.get(JOB_ID).status == 404


def test_a_job_that_cannot_be_read_is_not_called_gone() -> None:
    """With 404 its client would take the content for deleted, and it is kept."""
    api = with_content_of_two_attempts()
    api.jobs.unreadable.add(JOB_ID)

    assert api.delete(JOB_ID).status == 500
    assert api.contents.of(JOB_ID)


def test_an_outage_before_the_tombstone_leaves_the_job_as_it_is() -> None:
    api = with_content_of_two_attempts(Trouble("jobs.save", times=1))

    assert api.delete(JOB_ID).status == 503
    assert api.get(JOB_ID).json["result"] == {"c": 3}


@pytest.mark.parametrize(
    ("call", "is_after"), [("jobs.save", True), ("contents.purge", False), ("contents.purge", True)]
)
def test_an_outage_after_the_tombstone_is_503_and_asked_again_the_rest_is_done(
    call: str, *, is_after: bool
) -> None:
    api = with_content_of_two_attempts(Trouble(call, is_after=is_after, times=1))

    first = api.delete(JOB_ID)
    between = api.get(JOB_ID)
    second = api.delete(JOB_ID)

    assert (first.status, between.status, second.status) == (503, 404, 204)
    assert api.contents.of(JOB_ID) == {}
    assert api.get(JOB_ID).status == 404
