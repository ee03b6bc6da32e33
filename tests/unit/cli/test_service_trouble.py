"""What is said when the service refuses, stays silent, or is another one."""

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import API_KEY, JOB_ID, FakeClock, FakeRelay, Fault, problem


def test_a_problem_is_shown_whole(relay: Relay, service: FakeRelay) -> None:
    service.faults = [
        problem(
            422,
            title="The request is not valid",
            code="invalid_request",
            detail="Two fields are wrong.",
            request_id="req-7",
            errors=[
                {"pointer": "#/body/temperature", "message": "must be at most 2"},
                {"pointer": "#/deadline", "message": "lies in the past"},
            ],
        )
    ]

    said = relay("submit", "Hello", "--json")

    assert said.exit_code == 3
    assert said.stdout == ""
    assert said.stderr.splitlines() == [
        "Refused: The request is not valid (422 invalid_request)",
        "  Two fields are wrong.",
        "  #/body/temperature: must be at most 2",
        "  #/deadline: lies in the past",
        "  Request id: req-7",
        "What to do: Correct what is named above and send it again.",
    ]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"message": "Unauthorized"}), "Unauthorized (401)"),
        (httpx.Response(403, json={"Message": "Forbidden"}), "Forbidden (403)"),
        (httpx.Response(500, html="<h1>Oh\n no</h1>"), "not JSON: <h1>Oh no</h1>"),
        (httpx.Response(500, content=b""), "Internal Server Error (500)"),
        (httpx.Response(599, text="x" * 999), "x" * 300 + "..."),
        (httpx.Response(400, json=["odd"]), "Bad Request (400)"),
        (problem(422, title="Odd", errors=[{"pointer": 4}, "odd"]), "#: is not right"),
        (problem(409, title="Final", code="job_already_final"), "Final (409 job_already_final)"),
    ],
)
def test_a_refusal_in_any_shape_ends_with_3_in_words(
    relay: Relay, service: FakeRelay, answer: httpx.Response, words: str
) -> None:
    service.faults = [answer]

    said = relay("submit", "Hello")

    assert said.exit_code == 3
    assert words in said.stderr
    assert "What to do: " in said.stderr
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (429, {"Retry-After": "9"}, "Try again in 9 s"),
        (503, {}, "Try again in a moment"),
        (409, {"Retry-After": "1"}, "still being accepted"),
        (502, {"apigw-requestid": "gw-1"}, "Request id: gw-1"),
    ],
)
def test_a_refusal_that_does_not_pass_ends_with_3_and_the_way_to_go_on_as_the_same_job(
    relay: Relay, service: FakeRelay, status: int, headers: dict[str, str], words: str
) -> None:
    service.faults = [problem(status, title="Busy", headers=headers) for _ in range(4)]

    said = relay("submit", "Hello")

    assert said.exit_code == 3
    assert words in said.stderr
    assert "as the same job, add --idempotency-key fresh-key" in said.stderr
    assert len(service.requests) == 4


def test_a_gateway_that_repeats_the_key_does_not_get_it_printed(
    relay: Relay, service: FakeRelay
) -> None:
    service.faults = [problem(401, title=f"Bad {API_KEY}", detail=f"Bearer {API_KEY} is bad")]

    said = relay("submit", "Hello")

    assert "Bearer [API key] is bad" in said.stderr


def test_a_job_that_is_not_there_is_refused_with_3(relay: Relay) -> None:
    said = relay("job", "job_01JD3Q6M8W9Y2X4Z5A7B9C1D3F", "--wait")

    assert said.exit_code == 3
    assert "Not found (404 not_found)" in said.stderr
    assert "goes on" not in said.stderr


@pytest.mark.parametrize(
    ("faults", "may_exist"),
    [
        ([httpx.ConnectError] * 4, False),
        ([httpx.ReadTimeout] * 4, True),
        ([httpx.ReadTimeout, *[httpx.ConnectError] * 3], True),
        ([problem(503, title="Busy"), *[httpx.ConnectError] * 3], True),
    ],
)
def test_a_submission_that_is_lost_each_time_ends_with_4_and_the_way_to_go_on_as_the_same_job(
    relay: Relay,
    service: FakeRelay,
    faults: list[Fault],
    *,
    may_exist: bool,
) -> None:
    service.faults = [*faults]

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 4
    assert len(service.requests) == 4
    assert ("may have been accepted" in said.stderr) is may_exist
    assert ("--idempotency-key fresh-key" in said.stderr) is may_exist


def test_a_question_is_tried_again_after_lost_connections(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.faults = [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]

    assert relay("job", JOB_ID).exit_code == 0
    assert clock.pauses == [1, 2, 4]


def test_a_question_is_given_up_after_four_attempts(relay: Relay, service: FakeRelay) -> None:
    service.faults = [httpx.ConnectError] * 9

    said = relay("job", JOB_ID)

    assert said.exit_code == 4
    assert len(service.requests) == 4
    assert "ConnectError" in said.stderr


@pytest.mark.parametrize(
    ("retry_after", "pauses"),
    [("3", [3.0]), ("0", [0.0]), ("Sat, 21 Nov 2026 12:00:05 GMT", [5.0]), ("odd", [1])],
)
def test_a_busy_service_is_asked_again_when_it_says(
    relay: Relay, service: FakeRelay, clock: FakeClock, retry_after: str, pauses: list[float]
) -> None:
    service.faults = [problem(503, title="Busy", headers={"Retry-After": retry_after})]

    assert relay("job", JOB_ID).exit_code == 0
    assert clock.pauses == pauses


def test_a_pause_longer_than_the_patience_is_not_begun(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.faults = [problem(503, title="Busy", headers={"Retry-After": "3600"})]

    said = relay("job", JOB_ID)

    assert said.exit_code == 3
    assert clock.pauses == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<p>Welcome</p>"),
        httpx.Response(200, json={"status": "ok"}),
        httpx.Response(200, json=[]),
        httpx.Response(302, headers={"Location": "https://login.example"}),
    ],
)
def test_an_answer_that_is_no_job_ends_with_4(
    relay: Relay, service: FakeRelay, answer: httpx.Response
) -> None:
    service.faults = [answer]

    said = relay("submit", "Hello")

    assert said.exit_code == 4
    assert "does not seem to be Mistral Relay" in said.stderr


def test_a_link_to_another_host_never_gets_the_key(relay: Relay, service: FakeRelay) -> None:
    service.links_to = "https://elsewhere.example"
    service.ends_after = 60

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 4
    assert "leads away" in said.stderr
    assert {request.url.host for request in service.requests} == {"relay.example"}
