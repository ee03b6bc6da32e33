"""``GET /v1/jobs``: a tenant's jobs, page by page."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.content import result_key
from relay.domain.endpoints import Endpoint
from relay.domain.idempotency import message_key, reservation
from relay.domain.ids import JobId, ulid
from relay.domain.job import Job, JobStatus, Submission
from relay.domain.job_list import EXAMINED_MAX, cursor_after
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    OTHER_TENANT,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_job,
    a_job_id,
    completed,
)
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import Api, HttpAnswer

SECOND = timedelta(seconds=1)
FAILED = a_job().claimed(NOON, LEASE_MARGIN).failed(NOON, error=SOME_ERROR, attempts=1)


def made_at(moment: datetime, number: int = 0) -> Job:
    job_id = JobId("job_" + ulid(moment, number.to_bytes(10)))
    return a_job(id=job_id, created_at=moment, changed_at=moment)


def api_with(*jobs: Job) -> Api:
    api = Api()
    for job in jobs:
        api.jobs.submit(job)
    return api


def ids(answer: HttpAnswer) -> list[str]:
    assert answer.status == 200, answer.text
    return [job["id"] for job in answer.json["data"]]


def walk(api: Api, limits: list[int], **query: Any) -> list[str]:
    """Return the ids of all pages, of which each has the next limit in turn."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    for turn in range(1000):
        limit = limits[turn % len(limits)]
        page = api.list(limit=limit, **cursor, **query)
        assert len(ids(page)) <= limit
        found += ids(page)
        assert page.json["has_more"] == (page.json["next_cursor"] is not None)
        if not page.json["has_more"]:
            return found
        cursor = {"cursor": page.json["next_cursor"]}
    raise AssertionError("the list has no end")


def test_without_jobs_the_list_is_empty() -> None:
    answer = Api().list()

    assert answer.status == 200
    assert answer.json == {"object": "list", "data": [], "has_more": False, "next_cursor": None}


def test_the_newest_job_comes_first() -> None:
    oldest, middle, newest = (made_at(NOON + n * SECOND) for n in range(3))
    api = api_with(middle, newest, oldest)

    assert ids(api.list()) == [newest.id, middle.id, oldest.id]


def test_a_job_in_the_list_is_the_job_without_its_result() -> None:
    api = Api()
    claimed = a_job(metadata={"order": "4711"}).claimed(NOON, LEASE_MARGIN)
    answer = b'{"choices":[{"message":{"content":"Hello"}}]}'
    result = api.contents.put(claimed, result_key(claimed.fence), answer)
    api.jobs.submit(completed(claimed, result=result))

    (listed,) = api.list().json["data"]

    left_out = {"result": None, "output_text": None, "tool_calls": None}
    assert listed == api.get(claimed.id).json | left_out
    assert (listed["usage"], listed["cost"]) != (None, None)


def test_no_content_is_read_for_a_list() -> None:
    api = Api(Trouble("contents.get"))
    api.jobs.submit(a_completed_job())

    assert len(ids(api.list())) == 1


def test_a_page_has_20_jobs_unless_another_limit_is_asked_for() -> None:
    api = api_with(*(a_job(id=a_job_id(number)) for number in range(101)))

    assert len(ids(api.list())) == 20
    assert len(ids(api.list(limit=1))) == 1
    assert len(ids(api.list(limit=100))) == 100
    assert len(ids(api.list(limit="007"))) == 7


def test_a_page_that_ends_with_the_last_job_says_that_there_is_no_more() -> None:
    api = api_with(a_job(id=a_job_id(1)), a_job(id=a_job_id(2)))

    last = api.list(limit=2)
    cut = api.list(limit=1)

    assert (last.json["has_more"], last.json["next_cursor"]) == (False, None)
    assert cut.json["has_more"]
    assert ids(api.list(limit=1, cursor=cut.json["next_cursor"])) == [a_job_id(1)]


@given(
    numbers=st.sets(st.integers(0, 500), max_size=40),
    limits=st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_the_pages_joined_are_the_list_whatever_their_limits(
    numbers: set[int], limits: list[int]
) -> None:
    api = api_with(*(a_job(id=a_job_id(number)) for number in numbers))

    assert walk(api, limits) == [a_job_id(number) for number in sorted(numbers, reverse=True)]


STATES = {"queued": a_job(), "failed": FAILED, "gone": FAILED.deleted(NOON)}


@given(
    states=st.lists(st.sampled_from(list(STATES)), max_size=40),
    limits=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    wanted=st.sampled_from(["queued", "failed"]),
)
def test_the_pages_of_a_filtered_list_joined_are_what_the_filter_takes(
    states: list[str], limits: list[int], wanted: str
) -> None:
    made = [(a_job_id(number), state) for number, state in enumerate(states)]
    api = api_with(*(replace(STATES[state], id=job_id) for job_id, state in made))

    expected = [job_id for job_id, state in reversed(made) if state == wanted]
    assert walk(api, limits, status=wanted) == expected


@given(
    before=st.sets(st.integers(0, 500), max_size=20),
    meanwhile=st.lists(st.integers(501, 999), unique=True, max_size=20),
    limit=st.integers(1, 5),
)
def test_jobs_that_are_submitted_meanwhile_do_not_disturb(
    before: set[int], meanwhile: list[int], limit: int
) -> None:
    api = api_with(*(a_job(id=a_job_id(number)) for number in before))
    newer = iter(meanwhile)
    page = api.list(limit=limit)
    found = ids(page)
    while page.json["has_more"]:
        for number in newer:
            api.jobs.submit(a_job(id=a_job_id(number)))
            break
        page = api.list(limit=limit, cursor=page.json["next_cursor"])
        found += ids(page)

    assert found == [a_job_id(number) for number in sorted(before, reverse=True)]


ONE_OF_EACH = {
    "queued": a_job(id=a_job_id(1)),
    "in_progress": a_job(id=a_job_id(2)).claimed(NOON, LEASE_MARGIN),
    "completed": a_completed_job(id=a_job_id(3), model="m", endpoint=Endpoint.EMBEDDINGS),
    "failed": replace(FAILED, id=a_job_id(4)),
    "cancelled": a_job(id=a_job_id(5)).cancelled(NOON),
    "expired": a_job(id=a_job_id(6)).expired(NOON),
}


@pytest.mark.parametrize("status", JobStatus)
def test_jobs_can_be_asked_for_by_their_status(status: JobStatus) -> None:
    api = api_with(*ONE_OF_EACH.values())

    expected = [ONE_OF_EACH[status].id] if status in ONE_OF_EACH else []
    assert ids(api.list(status=status)) == expected


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ({"status": "queued,expired"}, ["expired", "queued"]),
        ({"status": "queued, expired"}, ["expired", "queued"]),
        ({"status": "queued,queued"}, ["queued"]),
        ({"endpoint": "/v1/embeddings"}, ["completed"]),
        ({"endpoint": "/v1/ocr"}, []),
        ({"model": "m"}, ["completed"]),
        ({"model": "mistral-small-2603"}, ["completed"]),
        ({"model": "mistral-small-latest", "status": "failed,completed"}, ["failed"]),
        ({"model": "unheard-of"}, []),
        ({"lane": "live", "status": "queued"}, ["queued"]),
        ({"lane": "batch"}, []),
        ({"batch_id": "batch_01M7YZMHG00000000000000001"}, []),
        ({"status": "queued", "endpoint": "", "model": "", "cursor": "", "limit": ""}, ["queued"]),
    ],
)
def test_every_filter_leaves_out_what_is_not_asked_for(
    query: dict[str, str], statuses: list[str]
) -> None:
    api = api_with(*ONE_OF_EACH.values())

    assert ids(api.list(**query)) == [ONE_OF_EACH[status].id for status in statuses]


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ({"created_after": "2026-11-21T12:00:01Z"}, [2, 1]),
        ({"created_after": "2026-11-21T12:00:01.0005Z"}, [2]),
        ({"created_after": "2026-11-21T13:00:01+01:00"}, [2, 1]),
        ({"created_after": "1969-12-31T00:00:00Z"}, [2, 1, 0]),
        ({"created_after": "2027-01-01T00:00:00Z"}, []),
        ({"created_before": "2026-11-21T12:00:01Z"}, [0]),
        ({"created_before": "2026-11-21T12:00:01.0005Z"}, [1, 0]),
        ({"created_before": "1969-12-31T00:00:00Z"}, []),
        ({"created_before": "9999-12-31T23:59:59Z"}, [2, 1, 0]),
        (
            {"created_after": "2026-11-21T12:00:01Z", "created_before": "2026-11-21T12:00:02Z"},
            [1],
        ),
        ({"created_after": "2026-11-21T12:00:02Z", "created_before": "2026-11-21T12:00:01Z"}, []),
    ],
)
def test_jobs_can_be_asked_for_by_when_they_were_made(
    query: dict[str, str], seconds: list[int]
) -> None:
    made = [made_at(NOON + n * SECOND) for n in range(3)]
    api = api_with(*made)

    assert ids(api.list(**query)) == [made[n].id for n in seconds]


@given(
    offsets=st.lists(st.integers(0, 50), max_size=20),
    after=st.integers(0, 50),
    before=st.integers(0, 50),
)
def test_a_span_of_time_holds_just_the_jobs_that_say_they_were_made_in_it(
    offsets: list[int], after: int, before: int
) -> None:
    made = [made_at(NOON + n * SECOND / 1000, number) for number, n in enumerate(offsets)]
    api = api_with(*made)
    span = [to_iso(NOON + n * SECOND / 1000) for n in (after, before)]

    found = ids(api.list(created_after=span[0], created_before=span[1], limit=100))

    expected = [job.id for job in made if span[0] <= to_iso(job.created_at) < span[1]]
    assert sorted(found) == sorted(expected)


def test_a_cursor_goes_on_within_the_span_that_is_asked_for() -> None:
    made = [made_at(NOON + n * SECOND) for n in range(4)]
    api = api_with(*made)
    span = {"created_after": to_iso(made[1].created_at), "created_before": "2026-11-21T12:00:03Z"}

    assert walk(api, [1], **span) == [made[2].id, made[1].id]


def with_a_message(api: Api, job: Job) -> None:
    api.jobs.submit(job)
    key = message_key(job.tenant_id, "m-1", "f", timedelta(days=30))
    api.idempotency.reserve(reservation(key, job.id, NOON), at=NOON)


SUBMITTED_BY_SQS = replace(FAILED, submission=Submission(source="sqs", message_id="m-1"))


def test_a_producer_finds_the_job_that_its_message_became() -> None:
    api = api_with(a_job(id=a_job_id(2)))
    with_a_message(api, SUBMITTED_BY_SQS)

    answer = api.list(message_id="m-1")

    assert ids(answer) == [SUBMITTED_BY_SQS.id]
    assert answer.json["data"][0]["submission"]["message_id"] == "m-1"
    assert not answer.json["has_more"]


@pytest.mark.parametrize(
    "query",
    [
        {"message_id": "m-2"},
        {"message_id": "m-1", "status": "queued"},
        {"message_id": "m-1", "created_after": "2026-11-21T12:00:01Z"},
        {"message_id": "m-1", "created_before": "2026-11-21T12:00:00Z"},
        {"message_id": "m-1", "cursor": cursor_after(SUBMITTED_BY_SQS.id)},
    ],
)
def test_a_message_that_is_not_all_that_is_asked_for_finds_nothing(query: dict[str, str]) -> None:
    api = Api()
    with_a_message(api, SUBMITTED_BY_SQS)

    assert ids(api.list(**query)) == []


def test_a_message_whose_job_is_not_there_yet_or_no_longer_finds_nothing() -> None:
    api = Api()
    key = message_key(TENANT, "m-0", "f", timedelta(days=30))
    api.idempotency.reserve(reservation(key, a_job_id(9), NOON), at=NOON)
    with_a_message(api, SUBMITTED_BY_SQS)
    api.delete(SUBMITTED_BY_SQS.id)

    assert ids(api.list(message_id="m-0")) == []
    assert ids(api.list(message_id="m-1")) == []


def test_what_is_deleted_or_past_its_time_is_not_listed() -> None:
    old = a_job(id=a_job_id(1), purge_at=NOON + SECOND).cancelled(NOON)
    kept = a_job(id=a_job_id(2)).cancelled(NOON)
    gone = a_job(id=a_job_id(3)).cancelled(NOON)
    api = api_with(old, kept, gone)
    api.clock.at += SECOND

    api.delete(gone.id)

    assert ids(api.list()) == [kept.id]


def test_a_rare_filter_costs_a_bounded_read_and_the_page_says_that_there_is_more() -> None:
    api = api_with(*(a_job(id=a_job_id(number)) for number in range(1, EXAMINED_MAX + 5)))
    api.jobs.submit(replace(FAILED, id=a_job_id(0)))

    first = api.list(status="failed")
    second = api.list(status="failed", cursor=first.json["next_cursor"])

    assert (ids(first), first.json["has_more"]) == ([], True)
    assert (ids(second), second.json["has_more"]) == ([a_job_id(0)], False)


def test_a_list_of_just_so_many_as_are_looked_at_says_that_there_is_no_more() -> None:
    api = api_with(*(a_job(id=a_job_id(number)) for number in range(EXAMINED_MAX)))

    answer = api.list(status="failed")

    assert (ids(answer), answer.json["has_more"]) == ([], False)


@pytest.mark.parametrize("query", [{}, {"message_id": "m-1"}, {"cursor": cursor_after(a_job_id())}])
def test_another_tenant_s_jobs_are_never_listed(query: dict[str, str]) -> None:
    api = Api()
    with_a_message(api, a_job(id=a_job_id(0), tenant_id=OTHER_TENANT))
    api.jobs.submit(a_job(id=a_job_id(2), tenant_id=OTHER_TENANT))

    assert api.list(**query).json == Api().list().json
    assert api.list(OTHER_TENANT, **query).json["data"]


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"status": "done"}, ["status"]),
        ({"status": "queued,"}, ["status"]),
        ({"endpoint": "/v1/conversations"}, ["endpoint"]),
        ({"lane": "fast"}, ["lane"]),
        *(({"limit": text}, ["limit"]) for text in ("0", "101", "-1", "1.5", "x", "01000", "²")),
        ({"limit": "1" * 5000}, ["limit"]),
        ({"cursor": "job_1"}, ["cursor"]),
        ({"created_after": "yesterday"}, ["created_after"]),
        ({"created_after": "2026-11-21T12:00:00"}, ["created_after"]),
        ({"created_after": "2026-11-21T12:00:00 02:00"}, ["created_after"]),
        ({"created_after": "0001-01-01T00:00:00+12:00"}, ["created_after"]),
        ({"created_before": "9999-12-31T23:59:59-12:00"}, ["created_before"]),
        ({"created_before": "9999-12-31T23:59:59.999999Z"}, ["created_before"]),
        ({"state": "queued"}, ["state"]),
        ({"limit": "0", "cursor": "x", "order": "asc"}, ["order", "limit", "cursor"]),
    ],
)
def test_what_cannot_be_right_is_422_and_the_pointers_say_where(
    query: dict[str, str], pointers: list[str]
) -> None:
    answer = Api().list(**query)

    assert (answer.status, answer.problem["code"]) == (422, "invalid_request")
    errors = answer.problem["errors"]
    assert [error["pointer"] for error in errors] == [f"#/query/{name}" for name in pointers]
    assert all(error["message"] for error in errors)


def test_an_outage_while_reading_is_503() -> None:
    assert Api(Trouble("jobs.list")).list().status == 503
