"""Every way a command ends other than well, and what is said then."""

from typing import Any

import httpx
import pytest

from tests.unit.cli.conftest import Relay
from tests.unit.cli.fake_relay import JOB_ID, FakeClock, FakeRelay

FAILURE = {
    "status": "failed",
    "output_text": None,
    "error": {
        "code": "model_not_found",
        "reason": None,
        "message": "There is no model of that name.",
        "hint": "GET /v1/models lists them.",
        "upstream": {"status": 404, "code": None, "request_id": "up-1"},
    },
}


@pytest.mark.parametrize("command", [("submit", "Hello", "--wait"), ("job", JOB_ID)])
def test_a_failed_job_ends_with_1_and_its_error(
    relay: Relay, service: FakeRelay, command: tuple[str, ...]
) -> None:
    service.ending = FAILURE

    said = relay(*command)

    assert said.exit_code == 1
    assert said.stderr.splitlines() == [
        "The job failed: model_not_found",
        "  There is no model of that name.",
        "  Mistral's request id: up-1",
        f"  Job: {JOB_ID}",
        "What to do: GET /v1/models lists them.",
    ]


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_a_job_without_an_answer_or_an_error_ends_with_1(
    relay: Relay, service: FakeRelay, status: str
) -> None:
    service.ending = {"status": status, "output_text": None}

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 1
    assert said.stdout == ""
    assert status in said.stderr


def test_a_failed_job_is_still_one_json_object(relay: Relay, service: FakeRelay) -> None:
    service.ending = FAILURE

    said = relay("submit", "Hello", "--wait", "--json")

    assert said.exit_code == 1
    assert said.json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (("submit",), "Give a prompt"),
        (("submit", "  "), "empty"),
        (("submit", "-"), "empty"),
        (("submit", "--modle"), "no option --modle"),
        (("submit", "Hello", "--nope"), "--nope"),
        (("submit", "Hello", "--max-tokens", "many"), "many"),
        (("submit", "Hello", "--temperature", "nan"), "finite"),
        (("submit", "Hello \udcff"), "UTF-8"),
        (("submit", "Hello", "--metadata", "order"), "key=value"),
        (("submit", "Hello", "--metadata", "a=1", "--metadata", "a=2"), "a twice"),
        (("submit", "Hello", "--idempotency-key", "two words"), "--idempotency-key"),
        (("submit", "Hello", "--idempotency-key", ""), "--idempotency-key"),
        (("submit", "Hello", "--idempotency-key", "k" * 256), "--idempotency-key"),
        (("submit", "Hello", "--deadline", "soon"), "soon"),
        (("submit", "Hello", "--deadline", "2026-11-22T12:00:00"), "no zone"),
        (("submit", "Hello", "--deadline", "999999999d"), "999999999d"),
        (("submit", "Hello", "--timeout", "9"), "--wait"),
        (("submit", "Hello", "--wait", "--timeout", "0"), "--timeout"),
        (("submit", "Hello", "--endpoint", "/v1/ocr"), "--body"),
        (("submit", "Hello", "--body", "-"), "whole request"),
        (("submit", "--model", "m", "--body", "-"), "whole request"),
        (("submit", "--body", "absent.json"), "absent.json"),
        (("job",), "ID"),
        (("nonsense",), "nonsense"),
    ],
)
def test_wrong_usage_ends_with_2_and_sends_nothing(
    relay: Relay, service: FakeRelay, tokens: tuple[str, ...], words: str
) -> None:
    said = relay(*tokens)

    assert said.exit_code == 2
    assert said.stdout == ""
    assert words in said.stderr
    assert service.requests == []


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 200_000]
)
def test_a_body_that_is_no_json_object_ends_with_2(
    relay: Relay, service: FakeRelay, content: bytes
) -> None:
    relay.stdin = content

    said = relay("submit", "--body", "-")

    assert said.exit_code == 2
    assert "Traceback" not in said.stderr
    assert service.requests == []


def test_time_running_out_ends_with_5_and_tells_how_to_follow(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.ends_after = 9999

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 5
    assert said.stdout == ""
    assert f"relay job {JOB_ID} --wait" in said.stderr
    assert clock.seconds == 600


def test_the_last_question_is_held_no_longer_than_there_is_time(
    relay: Relay, service: FakeRelay
) -> None:
    service.ends_after = 9999

    relay("submit", "Hello", "--wait", "30")

    assert [request.headers["prefer"] for request in service.requests] == ["wait=25", "wait=5"]


def test_losing_the_service_while_waiting_tells_how_to_find_the_job_again(
    relay: Relay, service: FakeRelay
) -> None:
    service.ends_after = 60
    service.waiting = {"status": "in_progress"}
    answers: list[Any] = [httpx.Response(202, json={"id": JOB_ID, "status": "queued"})]
    service.faults = [*answers, *[httpx.ConnectError] * 4]

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 4
    assert f"The job goes on; see it with: relay job {JOB_ID} --wait" in said.stderr


@pytest.mark.parametrize("command", [("job", JOB_ID), ("job", JOB_ID, "--wait")])
def test_ctrl_c_ends_with_130_and_tells_how_to_see_the_job(
    relay: Relay, service: FakeRelay, command: tuple[str, ...]
) -> None:
    service.faults = [KeyboardInterrupt]

    said = relay(*command)

    assert said.exit_code == 130
    assert f"The job goes on; see it with: relay job {JOB_ID} --wait" in said.stderr


def test_ctrl_c_between_submission_and_end_tells_how_to_see_the_job(
    relay: Relay, service: FakeRelay
) -> None:
    accepted = httpx.Response(202, json={"id": JOB_ID, "status": "queued"})
    service.faults = [accepted, KeyboardInterrupt]

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 130
    assert f"The job goes on; see it with: relay job {JOB_ID} --wait" in said.stderr


def test_ctrl_c_before_the_id_is_known_says_that_the_job_may_exist(
    relay: Relay, service: FakeRelay
) -> None:
    service.faults = [KeyboardInterrupt]

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 130
    assert "If the request had arrived, the job goes on." in said.stderr
    assert "as the same job, add --idempotency-key fresh-key" in said.stderr


@pytest.mark.parametrize(
    ("stored", "exit_code", "words"),
    [
        (httpx.Response(403, text="<Error/>"), 3, "every look makes a new link"),
        (httpx.Response(200, text="<html/>"), 4, "not JSON"),
    ],
)
def test_a_result_that_cannot_be_fetched_is_told_without_its_link(
    relay: Relay, service: FakeRelay, stored: httpx.Response, exit_code: int, words: str
) -> None:
    service.ending = {"output_text": None, "result_url": "https://results.example/r?sig=1"}
    service.stored = stored

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == exit_code
    assert words in said.stderr
    assert "sig=1" not in said.stderr
