"""``relay jobs``: the jobs that there are."""

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import FakeRelay, a_job, problem

JOBS = "/v1/jobs"


def rows(count: int) -> list[dict[str, object]]:
    return [a_job(id=f"job_{number:03}", status="completed") for number in range(count)]


def test_jobs_are_shown_as_a_table_with_why_they_wait_or_failed(
    relay: Relay, service: FakeRelay
) -> None:
    waiting = a_job(id="job_2", status_reason="rate_limited")
    failed = a_job(id="job_1", status="failed", error={"code": "model_not_found"})
    service.lists[JOBS] = [waiting, failed]

    said = relay("jobs")

    assert said.exit_code == 0
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["job", "job_2", "job_1"]
    assert "queued (rate_limited)" in said.stdout
    assert "failed (model_not_found)" in said.stdout
    assert said.stderr == ""


def test_filters_are_the_services(relay: Relay, service: FakeRelay) -> None:
    service.lists[JOBS] = []
    of_job = ("--model", "m&m", "--endpoint", "/v1/ocr", "--limit", "5")

    relay("jobs", "--status", "failed", "--status", "expired", *of_job)

    assert dict(service.requests[0].url.params) == {
        "status": "failed,expired",
        "model": "m&m",
        "endpoint": "/v1/ocr",
        "limit": "6",
    }


def test_pages_are_followed_up_to_the_limit(relay: Relay, service: FakeRelay) -> None:
    service.lists[JOBS] = rows(250)
    service.page_size_max = 70

    said = relay("jobs", "--limit", "200", "--json")

    assert [job["id"] for job in said.json] == [row["id"] for row in rows(200)]
    asked = [request.url.params.get("cursor") for request in service.requests]
    assert asked == [None, "70", "140"]


def test_a_short_page_that_is_not_the_last_is_gone_on_from(
    relay: Relay, service: FakeRelay
) -> None:
    empty = {"object": "list", "data": [], "has_more": True, "next_cursor": "0"}
    service.faults = [httpx.Response(200, json=empty)]
    service.lists[JOBS] = rows(1)

    assert [job["id"] for job in relay("jobs", "--json").json] == ["job_000"]


@pytest.mark.parametrize(("count", "is_told"), [(20, False), (21, True)])
def test_that_there_are_more_is_told_only_where_there_are(
    relay: Relay, service: FakeRelay, count: int, *, is_told: bool
) -> None:
    service.lists[JOBS] = rows(count)

    said = relay("jobs")

    assert len(said.stdout.splitlines()) == 21
    assert ("--limit" in said.stderr) is is_told


def test_no_jobs_are_said_to_people_and_are_an_empty_array_to_programs(
    relay: Relay, service: FakeRelay
) -> None:
    service.lists[JOBS] = []

    shown, read = relay("jobs"), relay("jobs", "--json")

    assert (shown.stdout, shown.stderr) == ("", "There are no such jobs.\n")
    assert (read.json, read.stderr) == ([], "")


def test_a_refused_filter_ends_with_3_and_the_services_words(
    relay: Relay, service: FakeRelay
) -> None:
    errors = [{"pointer": "#/query/status", "message": "must be one of queued"}]
    service.faults = [problem(422, title="Unprocessable", code="invalid_request", errors=errors)]

    said = relay("jobs", "--status", "nonsense")

    assert said.exit_code == 3
    assert "#/query/status: must be one of queued" in said.stderr


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list"},
        {"data": [1]},
        {"data": [{"id": "job_1"}]},
        ["a"],
    ],
)
def test_what_is_no_list_of_jobs_ends_with_4(
    relay: Relay, service: FakeRelay, answer: object
) -> None:
    service.faults = [httpx.Response(200, json=answer)]

    said = relay("jobs")

    assert said.exit_code == 4
    assert said.stdout == ""


@pytest.mark.parametrize("limit", ["0", "10001", "many"])
def test_a_limit_that_cannot_be_is_wrong_usage(
    relay: Relay, service: FakeRelay, limit: str
) -> None:
    assert relay("jobs", "--limit", limit).exit_code == 2
    assert service.requests == []
