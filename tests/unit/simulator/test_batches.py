"""Batch jobs: their life by the clock, their two files, the list."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.driving import BEGINNING, CHAT, HandTurnedClock, Wire, chat
from tools.simulator.batch_job import LINES_PER_LOOK, BatchJob
from tools.simulator.batch_lines import LINES_MAX, Line, LineResult
from tools.simulator.simulator import Simulator

JOBS = "/v1/batch/jobs"
HOUR = 3600
GOOD = {"messages": [{"role": "user", "content": "Why do bees build hexagons?"}]}


def line(custom_id: str | None, **body: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "body": {**GOOD, **body}}


def created(wire: Wire, *requests: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"endpoint": CHAT, "model": "mistral-small-latest", **fields}
    answer = wire.post(JOBS, {**body, "requests": requests} if requests else body)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def look(wire: Wire, job: dict[str, Any], query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = wire.get(f"{JOBS}/{job['id']}{query}").json()
    return found


def records(wire: Wire, file_id: str) -> dict[str | None, dict[str, Any]]:
    content = wire.get(f"/v1/files/{file_id}/content").text
    return {each["custom_id"]: each for each in map(json.loads, content.splitlines())}


def test_a_job_waits_runs_and_succeeds_by_the_clock(wire: Wire, clock: HandTurnedClock) -> None:
    wire.behave(batch_seconds=100)
    job = created(wire, *(line(str(number)) for number in range(9)))

    seen = [(job["status"], job["completed_requests"], job["output_file"])]
    for seconds in (9, 1, 10, 79):
        clock.turn(seconds)
        now = look(wire, job)
        seen.append((now["status"], now["completed_requests"], now["output_file"]))
    clock.turn(1)
    ended = look(wire, job)

    assert seen == [
        ("QUEUED", 0, None),
        ("QUEUED", 0, None),
        ("RUNNING", 0, None),
        ("RUNNING", 1, None),
        ("RUNNING", 8, None),
    ]
    assert ended["status"] == "SUCCESS"
    assert (ended["succeeded_requests"], ended["failed_requests"]) == (9, 0)
    assert (ended["started_at"], ended["completed_at"]) == (BEGINNING + 10, BEGINNING + 100)
    assert ended["error_file"] is None


def test_a_line_is_answered_as_a_live_call_is(wire: Wire) -> None:
    live = wire.post(CHAT, chat(max_tokens=9)).json()

    job = look(wire, created(wire, line("a", max_tokens=9)))

    record = records(wire, job["output_file"])["a"]
    answer = record["response"]["body"]
    assert record["response"]["status_code"] == 200
    assert record["error"] is None
    assert record["id"].startswith(f"batch-{job['id'][:8]}-1-")
    assert {**answer, "id": ""} == {**live, "id": ""}


def test_failing_lines_go_into_the_error_file_in_both_forms(wire: Wire) -> None:
    requests = [line("1", temperature=9), line("2", temperature=9), line("3"), line("4", n=0)]

    job = look(wire, created(wire, *requests))

    failed = records(wire, job["error_file"])
    assert (job["status"], job["succeeded_requests"], job["failed_requests"]) == ("SUCCESS", 1, 3)
    assert list(records(wire, job["output_file"])) == ["3"]
    assert failed["1"]["response"]["status_code"] == 422
    assert failed["1"]["error"] is None
    assert failed["2"]["response"] is None
    assert failed["2"]["error"]["code"] == "422"
    assert [each["count"] for each in job["errors"]] == [2, 1]


def test_an_unknown_model_and_a_stream_fail_their_lines(wire: Wire) -> None:
    job = created(wire, line("1", model="absent"), model=None)
    stream = created(wire, line("1", stream=True))

    assert look(wire, job)["errors"] == [{"message": "Invalid model: absent", "count": 1}]
    assert look(wire, stream)["failed_requests"] == 1


def test_the_lines_of_files_are_answered_in_another_order(wire: Wire) -> None:
    lines = [json.dumps(line(str(number))).encode() for number in range(20)]
    halves = [b"\n".join(lines[:10]), b"\n".join(lines[10:]) + b"\n\n"]
    files = [wire.upload(half).json()["id"] for half in halves]

    begun = created(wire, input_files=files)
    job = look(wire, begun)

    answered = list(records(wire, job["output_file"]))
    assert begun["total_requests"] == 0
    assert job["total_requests"] == 20
    assert sorted(answered, key=str) == sorted(map(str, range(20)))
    assert answered != [str(number) for number in range(20)]


def test_the_files_of_a_job_are_listed_as_mistrals(wire: Wire) -> None:
    job = look(wire, created(wire, line("1"), line("2", n=0)))

    files = wire.get("/v1/files?source=mistral").json()["data"]

    assert {file["id"]: file["sample_type"] for file in files} == {
        job["output_file"]: "batch_result",
        job["error_file"]: "batch_error",
    }


def test_answers_are_inline_when_they_are_asked_for(wire: Wire) -> None:
    job = created(wire, line("1"), line("2", n=0))

    inline = look(wire, job, "?inline=true")

    assert [output["custom_id"] for output in inline["outputs"]] == ["1"]
    assert look(wire, job)["outputs"] is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"custom_id": "1"}', b'{"body": {}, "method": "POST"}', b"[]"],
)
def test_a_file_that_holds_no_requests_fails_the_job(wire: Wire, content: bytes) -> None:
    job = look(wire, created(wire, input_files=[wire.upload(content).json()["id"]]))

    assert job["status"] == "FAILED"
    assert len(job["errors"]) == 1
    assert (job["output_file"], job["error_file"]) == (None, None)


def test_a_file_of_too_many_lines_fails_the_job(wire: Wire) -> None:
    file_id = wire.upload(b"{}\n" * (LINES_MAX + 1)).json()["id"]

    job = look(wire, created(wire, input_files=[file_id]))

    assert job["status"] == "FAILED"
    assert str(LINES_MAX) in job["errors"][0]["message"]


def test_a_job_has_one_model(wire: Wire) -> None:
    other = line("1", model="mistral-large-latest")
    file_id = wire.upload(json.dumps(other).encode()).json()["id"]
    body = {"endpoint": CHAT, "model": "mistral-small-latest", "requests": [other]}

    refused = wire.post(JOBS, body)
    failed = look(wire, created(wire, input_files=[file_id]))

    assert (refused.status_code, refused.json()["code"]) == (400, "3051")
    assert failed["status"] == "FAILED"


def test_a_cancelled_job_ends_a_while_later_with_what_it_has(
    wire: Wire, clock: HandTurnedClock
) -> None:
    wire.behave(batch_seconds=100)
    job = created(wire, *(line(str(number)) for number in range(9)))
    clock.turn(55)

    asked = wire.post(f"{JOBS}/{job['id']}/cancel", None).json()
    clock.turn(9)
    going = look(wire, job)
    clock.turn(1)
    ended = look(wire, job)

    assert (asked["status"], going["status"]) == ("CANCELLATION_REQUESTED",) * 2
    assert ended["status"] == "CANCELLED"
    assert ended["completed_requests"] == len(records(wire, ended["output_file"])) == 4


def test_a_job_that_ended_cannot_be_cancelled(wire: Wire) -> None:
    job = created(wire, line("1"))

    answer = wire.post(f"{JOBS}/{job['id']}/cancel", None)

    assert (answer.status_code, answer.json()["status"]) == (200, "SUCCESS")


def test_a_job_ends_at_its_deadline_with_what_it_has(wire: Wire, clock: HandTurnedClock) -> None:
    wire.behave(batch_seconds=2 * HOUR)
    job = created(wire, *(line(str(number)) for number in range(9)), timeout_hours=1)

    clock.turn(HOUR)

    ended = look(wire, job)
    assert (ended["status"], ended["completed_requests"]) == ("TIMEOUT_EXCEEDED", 4)
    assert ended["completed_at"] == BEGINNING + HOUR


@pytest.mark.parametrize("end", ["FAILED", "TIMEOUT_EXCEEDED"])
@pytest.mark.parametrize("seconds", [0, 100])
def test_a_job_can_be_doomed_to_end_half_way(
    wire: Wire, clock: HandTurnedClock, end: str, seconds: int
) -> None:
    wire.behave(batch_seconds=seconds, batch_rate={end: 1})
    job = created(wire, *(line(str(number)) for number in range(9)))

    clock.turn(seconds / 2)

    ended = look(wire, job)
    assert (ended["status"], ended["completed_requests"]) == (end, 4)
    assert len(records(wire, ended["output_file"])) == 4
    assert bool(ended["errors"]) == (end == "FAILED")


def test_a_share_of_the_lines_can_be_made_to_fail(wire: Wire) -> None:
    wire.behave(seed=5, batch_rate={"line": 0.3})

    job = look(wire, created(wire, *(line(str(number)) for number in range(200))))

    failed = records(wire, job["error_file"])
    assert job["status"] == "SUCCESS"
    assert 40 < job["failed_requests"] < 80
    assert job["errors"] == [{"message": "Internal server error", "count": len(failed)}]


def test_a_deleted_job_is_gone(wire: Wire) -> None:
    path = f"{JOBS}/{created(wire, line('1'))['id']}"

    assert wire.ask("DELETE", path).json()["deleted"] is True
    assert wire.get(path).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["c", "b", "a"]),
        ("order_by=created", ["a", "b", "c"]),
        ("page=1&page_size=2", ["a"]),
        ("name=b", ["b"]),
        ("status=SUCCESS&status=FAILED", ["a"]),
        ("status=QUEUED", ["c", "b"]),
        ("created_after=2026-09-21T14:13:20Z", ["c", "b"]),
        ("model=mistral-large-latest", []),
    ],
)
def test_the_list_is_filtered_and_paged(
    wire: Wire, clock: HandTurnedClock, query: str, expected: list[str]
) -> None:
    created(wire, line("1"), metadata={"name": "a"})
    wire.behave(batch_seconds=100)
    for name in "bc":
        clock.turn(1)
        created(wire, line("1"), metadata={"name": name})

    answer = wire.get(f"{JOBS}?{query}").json()

    assert [job["metadata"]["name"] for job in answer["data"]] == expected


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422),
        ({"requests": [], "input_files": []}, 422),
        ({"requests": [line("1")], "input_files": ["x"]}, 422),
        ({"requests": [line("1")], "endpoint": "/v1/agents/completions"}, 422),
        ({"requests": [line("1")], "timeout_hours": 169}, 422),
        ({"requests": [line("1")], "metadata": {"a": ""}}, 422),
        ({"requests": [line("1")], "callback_url": "https://e.invalid"}, 422),
        ({"requests": [line("1")] * 10_001}, 422),
        ({"input_files": ["absent"]}, 404),
    ],
)
def test_a_job_that_cannot_be_made_is_refused(
    wire: Wire, fields: dict[str, Any], status: int
) -> None:
    answer = wire.post(JOBS, {"endpoint": CHAT, "model": "mistral-small-latest", **fields})

    assert answer.status_code == status


def test_a_file_for_another_purpose_is_no_input(wire: Wire) -> None:
    file_id = wire.upload(b"{}", purpose="ocr").json()["id"]

    answer = wire.post(JOBS, {"endpoint": CHAT, "input_files": [file_id]})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/embeddings", {"model": "mistral-embed", "input": "a"}),
        ("/v1/fim/completions", {"model": "codestral-latest", "prompt": "def f("}),
        ("/v1/moderations", {"model": "mistral-moderation-2603", "input": "a"}),
        ("/v1/conversations", {"model": "mistral-small-latest", "inputs": "Hi"}),
        (
            "/v1/audio/transcriptions",
            {"model": "voxtral-mini-latest", "file_url": "https://e.invalid/a.mp3"},
        ),
    ],
)
def test_other_endpoints_answer_batches_too(
    wire: Wire, endpoint: str, body: dict[str, Any]
) -> None:
    job = created(wire, {"body": body}, endpoint=endpoint, model=None)

    assert look(wire, job)["succeeded_requests"] == 1


def test_a_very_large_job_takes_several_looks(simulator: Simulator) -> None:
    job = BatchJob(
        id="job",
        endpoint=CHAT,
        created_at=0,
        seconds=0,
        deadline=HOUR,
        lines=[Line(body={})] * (LINES_PER_LOOK + 1),
    )

    job.advance(at=simulator.clock() - BEGINNING, answer=lambda _line, _number: LineResult({}))
    first = job.status
    job.advance(at=1, answer=lambda _line, _number: LineResult({}))

    assert (first, job.status) == ("RUNNING", "SUCCESS")


looks = st.lists(st.floats(0, 300), min_size=1, max_size=8).map(sorted)


@settings(deadline=None)
@given(looks=looks, seconds=st.floats(0, 200), deadline=st.floats(1, 200), count=st.integers(1, 20))
def test_how_often_a_job_is_looked_at_makes_no_difference(
    looks: list[float], seconds: float, deadline: float, count: int
) -> None:
    def job() -> BatchJob:
        lines = [Line(body={})] * count
        return BatchJob(
            id="job", endpoint=CHAT, created_at=0, seconds=seconds, deadline=deadline, lines=lines
        )

    often, once = job(), job()
    for at in looks:
        often.advance(at=at, answer=lambda _line, _number: LineResult({}))
    once.advance(at=looks[-1], answer=lambda _line, _number: LineResult({}))

    assert often.as_json() == once.as_json()
