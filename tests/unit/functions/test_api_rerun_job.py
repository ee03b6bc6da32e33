"""``POST /v1/jobs/{id}/rerun``: a new job of an old one's request."""

import json
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.content import Place
from relay.domain.job import Callback, Job, Submission
from relay.domain.messages import job_message
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    BODY,
    LEASE_MARGIN,
    SOME_ERROR,
    a_completed_job,
    a_job,
    a_job_id,
)
from tests.unit.functions.api_on_fakes import Api

LATER = NOON + timedelta(hours=2)
KEY = {"idempotency-key": "order-4711"}
IN_PROGRESS = a_job().claimed(NOON, LEASE_MARGIN)
EVERY_STATUS = {
    "queued": a_job(),
    "in_progress": IN_PROGRESS,
    "completed": a_completed_job(),
    "failed": IN_PROGRESS.failed(NOON, error=SOME_ERROR, attempts=1),
    "cancelled": a_job().cancelled(NOON),
    "expired": a_job().expired(NOON),
}


def api_with(*jobs: Job) -> Api:
    api = Api()
    for job in jobs:
        api.jobs.submit(job)
    api.clock.at = LATER
    return api


def made_by(api: Api) -> Job:
    """Return the job that is not the first."""
    (made,) = [job for job in api.jobs.all() if job.id != a_job_id()]
    return made


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_a_job_of_any_status_is_made_anew_and_stays_as_it_is(status: str) -> None:
    job = EVERY_STATUS[status]
    api = api_with(job)

    answer = api.rerun(job.id)

    made = made_by(api)
    assert (job.status, answer.status) == (status, 202)
    assert answer.json["id"] == made.id
    assert answer.json["rerun_of"] == job.id
    assert answer.json["status"] == "queued"
    assert (answer.json["attempts"], answer.json["error"], answer.json["usage"]) == (0, None, None)
    assert answer.headers["location"] == answer.json["urls"]["self"]
    assert api.jobs.get(job.tenant_id, job.id, at=LATER) == job
    assert api.contents.get(made, made.request) == BODY


def test_the_new_job_is_queued_and_watched_over_as_any_other() -> None:
    api = api_with(a_completed_job())

    api.rerun(a_job_id())

    made = made_by(api)
    assert [json.loads(message.body) for message in api.queue.messages] == [job_message(made)]
    assert [hint.id for hint in api.wheel.all()] == [made.id]


def test_what_the_client_chose_is_chosen_again() -> None:
    chosen: dict[str, Any] = {
        "callback": Callback(url="https://example.com/hooks", payload="thin"),
        "metadata": {"order": "4711"},
        "fallback_models": ("a", "b"),
        "attempts_max": 3,
        "timeout": timedelta(seconds=90),
        "notify_started": True,
        "demands_tool_call": True,
        "annotates_pages": True,
    }
    api = api_with(a_completed_job(**chosen))

    api.rerun(a_job_id())

    made = made_by(api)
    assert {name: getattr(made, name) for name in chosen} == chosen


def test_the_deadline_is_as_far_ahead_as_it_was_and_it_is_kept_as_long_as_a_new_job() -> None:
    api = api_with(a_job(deadline=NOON + timedelta(hours=1)).expired(NOON))

    view = api.rerun(a_job_id()).json

    assert view["created_at"] == "2026-11-21T14:00:00.000Z"
    assert view["deadline"] == "2026-11-21T15:00:00.000Z"
    assert view["purge_at"] == "2026-12-21T14:00:00.000Z"


def test_who_submitted_the_first_says_nothing_of_the_second() -> None:
    theirs = Submission(source="sqs", message_id="m-1", idempotency_key="k-1")
    api = api_with(a_completed_job(submission=theirs))

    view = api.rerun(a_job_id(), headers=KEY).json

    assert view["submission"] == {
        "source": "http",
        "message_id": None,
        "idempotency_key": "order-4711",
    }


def test_a_large_request_is_copied_so_that_deleting_one_leaves_the_other() -> None:
    api = Api()
    text = "".join(f"{number:x}" for number in range(900))
    first = api.submit({"body": {"messages": [{"role": "user", "content": text}]}}).json["id"]
    second = api.rerun(first).json["id"]
    api.cancel(first)

    api.delete(first)

    made = next(job for job in api.jobs.all() if job.id == second)
    assert made.request.place is not Place.INLINE
    assert text.encode() in api.contents.get(made, made.request)


def test_a_rerun_can_be_rerun() -> None:
    api = api_with(a_completed_job())
    second = api.rerun(a_job_id()).json["id"]

    third = api.rerun(second).json

    assert third["rerun_of"] == second


def test_without_its_request_a_job_is_gone() -> None:
    api = Api()
    text = "".join(f"{number:x}" for number in range(900))
    job_id = api.submit({"body": {"messages": [{"role": "user", "content": text}]}}).json["id"]
    (job,) = api.jobs.all()
    api.contents.lose(job, job.request)

    answer = api.rerun(job_id)

    assert (answer.status, answer.problem["code"]) == (404, "not_found")
    assert api.jobs.all() == [job]


@pytest.mark.parametrize("job_id", [a_job_id(2), "job_1"])
def test_what_is_not_there_cannot_be_rerun(job_id: str) -> None:
    api = api_with(a_completed_job())

    assert api.rerun(job_id).status == 404
    assert len(api.jobs.all()) == 1


def test_a_client_may_wait_for_it() -> None:
    api = api_with(a_completed_job())

    answer = api.rerun(a_job_id(), headers={"prefer": "wait=3"})

    assert answer.status == 202
    assert api.clock.at - LATER == timedelta(seconds=3)


def test_under_a_key_it_is_rerun_once() -> None:
    api = api_with(a_completed_job())

    first = api.rerun(a_job_id(), headers=KEY)
    second = api.rerun(a_job_id(), headers=KEY)

    assert second.json == first.json
    assert second.headers["idempotent-replayed"] == "true"
    assert len(api.jobs.all()) == 2
    assert len({message.body for message in api.queue.messages}) == 1


def test_another_job_s_rerun_is_another_request_though_the_key_is_the_same() -> None:
    api = api_with(a_completed_job(), a_completed_job(id=a_job_id(2)))

    first = api.rerun(a_job_id(1), headers=KEY)
    second = api.rerun(a_job_id(2), headers=KEY)

    assert (first.status, second.status) == (202, 202)
    assert (first.json["rerun_of"], second.json["rerun_of"]) == (a_job_id(1), a_job_id(2))


def test_the_key_still_stands_for_the_new_job_when_the_old_one_is_deleted() -> None:
    """The key goes first: the same request means the same job, whatever is gone since."""
    api = api_with(a_completed_job())
    first = api.rerun(a_job_id(), headers=KEY)
    api.delete(a_job_id())

    second = api.rerun(a_job_id(), headers=KEY)

    assert second.status == 202
    assert second.json == first.json
    assert second.headers["idempotent-replayed"] == "true"
