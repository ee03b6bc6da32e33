import base64
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from relay.domain.endpoints import Endpoint
from relay.domain.ids import JobId, ulid
from relay.domain.job import Job, JobStatus
from relay.domain.job_list import JobFilter, Lane, cursor_after, first_id_at, read_cursor
from tests.fakes.clock import NOON
from tests.fakes.examples import a_completed_job, a_job, a_job_id
from tests.fakes.strategies import jobs, moments

MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)


@given(jobs())
def test_a_cursor_reads_back_as_the_id_it_was_made_from(job: Job) -> None:
    cursor = cursor_after(job.id)

    assert read_cursor(cursor) == job.id
    assert cursor.replace("-", "").replace("_", "").isalnum()  # it needs no escaping in a URL


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "====",
        "é",
        "a b",
        a_job_id(),
        cursor_after(a_job_id())[:-1],
        cursor_after("evt_01M7YZMHG00000000000000001"),
        cursor_after("job_"),
        cursor_after(a_job_id() + "\n"),
        base64.urlsafe_b64encode(b"\xff" * 30).decode(),
    ],
)
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_cursor(text)


@given(moments, moments)
def test_the_first_id_of_a_moment_parts_earlier_jobs_from_later_ones(one: Any, other: Any) -> None:
    made = "job_" + ulid(one, b"\xff" * 10)

    assert (made >= first_id_at(other)) == (one >= other)


def test_a_moment_between_two_milliseconds_belongs_to_the_later_one() -> None:
    at_noon = "job_" + ulid(NOON, bytes(10))

    assert at_noon >= first_id_at(NOON)
    assert at_noon < first_id_at(NOON + MICROSECOND)
    assert first_id_at(NOON + MICROSECOND) == first_id_at(NOON + MILLISECOND)


@given(jobs())
def test_a_filter_that_asks_for_nothing_takes_every_job(job: Job) -> None:
    assert JobFilter().matches(job)


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(statuses=[JobStatus.COMPLETED]),
        JobFilter(statuses=[JobStatus.FAILED, JobStatus.COMPLETED]),
        JobFilter(endpoint=Endpoint.CHAT_COMPLETIONS),
        JobFilter(model="mistral-small-latest"),
        JobFilter(model="mistral-small-2603"),
        JobFilter(lane=Lane.LIVE),
        JobFilter(model="mistral-small-latest", statuses=[JobStatus.COMPLETED], lane=Lane.LIVE),
    ],
)
def test_what_is_asked_for_matches(wanted: JobFilter) -> None:
    assert wanted.matches(a_completed_job())


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(statuses=[JobStatus.FAILED]),
        JobFilter(endpoint=Endpoint.EMBEDDINGS),
        JobFilter(model="mistral-small"),
        JobFilter(lane=Lane.BATCH),
        JobFilter(batch_id="batch_01M7YZMHG00000000000000001"),
        JobFilter(model="mistral-small-latest", statuses=[JobStatus.FAILED]),
    ],
)
def test_one_thing_that_is_not_as_it_is_asked_for_is_enough_to_leave_a_job_out(
    wanted: JobFilter,
) -> None:
    assert not wanted.matches(a_completed_job())


def test_a_job_without_a_model_is_found_by_the_one_that_answered() -> None:
    agent = a_job(model=None, endpoint=Endpoint.AGENTS_COMPLETIONS)

    assert not JobFilter(model="m").matches(agent)
    assert JobFilter(model="mistral-small-2603").matches(a_completed_job(model=None))


def test_ids_of_one_kind_have_one_length_so_that_they_sort() -> None:
    assert len(first_id_at(NOON)) == len(JobId(a_job_id()))
