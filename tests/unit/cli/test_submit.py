"""``relay submit``: what is sent, and what is printed when all goes well."""

from pathlib import Path

import httpx
import pytest

from tests.unit.cli.conftest import Relay, TerminalStream
from tests.unit.cli.fake_relay import JOB_ID, FakeClock, FakeRelay, problem


def test_a_prompt_alone_becomes_a_chat_with_the_deployments_defaults(
    relay: Relay, service: FakeRelay
) -> None:
    said = relay("submit", "Why is the sky blue?")

    assert said.exit_code == 0
    assert service.submissions == [
        {"body": {"messages": [{"role": "user", "content": "Why is the sky blue?"}]}}
    ]


def test_every_option_arrives_where_the_api_expects_it(relay: Relay, service: FakeRelay) -> None:
    chat = ("--model", "m", "--system", "Be brief.", "--max-tokens", "9", "--temperature", "0.5")
    job = ("--callback-url", "https://me.example/hook", "--deadline", "2h")
    metadata = ("--metadata", "order=4711", "--metadata", "note=a=b")

    said = relay("submit", *chat, *job, *metadata, "Hello")

    assert said.exit_code == 0
    assert service.submissions == [
        {
            "body": {
                "model": "m",
                "max_tokens": 9,
                "temperature": 0.5,
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hello"},
                ],
            },
            "callback_url": "https://me.example/hook",
            "metadata": {"order": "4711", "note": "a=b"},
            "deadline": "2026-11-21T14:00:00Z",
        }
    ]


def test_a_deadline_is_sent_in_utc(relay: Relay, service: FakeRelay) -> None:
    relay("submit", "Hello", "--deadline", "2026-11-22T14:00:00+02:00")

    assert service.submissions[0]["deadline"] == "2026-11-22T12:00:00Z"


def test_a_hyphen_reads_the_prompt_from_standard_input(relay: Relay, service: FakeRelay) -> None:
    relay.stdin = "Was heißt das?".encode()

    relay("submit", "-")

    assert service.submissions[0]["body"]["messages"][0]["content"] == "Was heißt das?"


@pytest.mark.parametrize("prompt", ["-5 degrees, is it cold?", "- milk\n- eggs", "--- ?"])
def test_a_prompt_may_begin_with_a_hyphen(relay: Relay, service: FakeRelay, prompt: str) -> None:
    relay("submit", prompt)

    assert service.submissions[0]["body"]["messages"][0]["content"] == prompt


@pytest.mark.parametrize("is_piped", [True, False])
def test_a_body_is_sent_as_it_is_to_its_endpoint(
    relay: Relay, service: FakeRelay, tmp_path: Path, *, is_piped: bool
) -> None:
    content = b'{"model": "mistral-embed", "input": ["a"]}'
    (tmp_path / "body.json").write_bytes(content)
    relay.stdin = content

    source = "-" if is_piped else str(tmp_path / "body.json")
    relay("submit", "--endpoint", "/v1/embeddings", "--body", source)

    assert service.submissions == [
        {"endpoint": "/v1/embeddings", "body": {"model": "mistral-embed", "input": ["a"]}}
    ]


def test_without_waiting_the_id_and_the_way_to_follow_it_are_printed(
    relay: Relay, service: FakeRelay
) -> None:
    service.ends_after = 60

    said = relay("submit", "Hello")

    assert said.exit_code == 0
    assert said.stdout == f"{JOB_ID} queued\n"
    assert said.stderr == f"Follow it with: relay job {JOB_ID} --wait\n"
    assert "prefer" not in service.requests[0].headers


def test_waiting_prints_the_answer_alone_on_stdout_and_the_bill_on_stderr(
    relay: Relay, service: FakeRelay
) -> None:
    service.ends_after = 40

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 0
    assert said.stdout == "Because of Rayleigh.\n"
    assert said.stderr == (
        f"{JOB_ID} completed, mistral-small-2603, 12 + 34 tokens, cost USD 0.000123, ran 1.8 s\n"
    )


def test_waiting_asks_the_jobs_own_link_and_never_sleeps_while_the_service_holds(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.ends_after = 60

    relay("submit", "Hello", "--wait")

    asked = [(r.method, r.url.path, r.headers["prefer"]) for r in service.requests]
    assert asked == [
        ("POST", "/v1/jobs", "wait=25"),
        ("GET", f"/v1/jobs/{JOB_ID}", "wait=25"),
        ("GET", f"/v1/jobs/{JOB_ID}", "wait=25"),
    ]
    assert clock.pauses == []


def test_a_job_without_links_is_followed_by_its_location(relay: Relay, service: FakeRelay) -> None:
    service.links_to = None
    service.ends_after = 30

    said = relay("submit", "Hello", "--wait")

    assert said.stdout == "Because of Rayleigh.\n"


def test_a_service_that_does_not_hold_is_not_flooded(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.holds = False
    service.ends_after = 3

    relay("submit", "Hello", "--wait")

    assert clock.pauses == [1.0, 1.0, 1.0]


def test_retry_after_on_an_unfinished_job_is_honoured(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.holds = False
    service.ends_after = 3
    service.headers = {"Retry-After": "7"}

    relay("submit", "Hello", "--wait")

    assert clock.pauses == [7.0]


def test_the_reason_for_waiting_is_told_once(relay: Relay, service: FakeRelay) -> None:
    service.waiting = {"status_reason": "invalid_api_key"}
    service.ends_after = 80

    said = relay("submit", "Hello", "--wait")

    assert said.stderr.count("waits: Mistral refuses the service's key") == 1
    assert said.stdout == "Because of Rayleigh.\n"


@pytest.mark.parametrize("wait", [("--wait", "60"), ("--wait=60",), ("--wait", "--timeout", "60")])
def test_seconds_may_follow_wait(relay: Relay, service: FakeRelay, wait: tuple[str, ...]) -> None:
    service.ends_after = 61

    said = relay("submit", "Hello", *wait)

    assert said.exit_code == 5
    assert "After 60 s" in said.stderr


@pytest.mark.parametrize("wait", [(), ("--wait",)])
def test_json_is_one_object_and_nothing_else_is_said(
    relay: Relay, service: FakeRelay, wait: tuple[str, ...]
) -> None:
    service.waiting = {"status_reason": "rate_limited"}
    service.ends_after = 30

    said = relay("submit", "Hello", "--json", *wait)

    assert said.json["id"] == JOB_ID
    assert said.json["status"] == ("completed" if wait else "queued")
    assert said.stderr == ""


def test_an_answer_without_text_is_printed_as_its_tool_calls(
    relay: Relay, service: FakeRelay
) -> None:
    service.ending = {"output_text": None, "tool_calls": [{"id": "a"}], "result": {"choices": []}}

    assert relay("submit", "Hello", "--wait").json == [{"id": "a"}]


def test_an_answer_of_another_endpoint_is_printed_as_mistrals_json(
    relay: Relay, service: FakeRelay
) -> None:
    service.ending = {"output_text": None, "result": {"data": [{"embedding": [0.1]}]}}

    assert relay("submit", "Hello", "--wait").json == {"data": [{"embedding": [0.1]}]}


@pytest.mark.parametrize(
    "content", ["long", [{"type": "thinking"}, {"type": "text", "text": "long"}]]
)
def test_a_result_too_large_for_its_job_is_fetched_without_the_key(
    relay: Relay, service: FakeRelay, content: object
) -> None:
    service.ending = {"output_text": None, "result_url": "https://results.example/r?sig=1"}
    result = {"choices": [{"message": {"content": content}}]}
    service.stored = httpx.Response(200, json=result)

    said = relay("submit", "Hello", "--wait")

    assert said.stdout == "long\n"
    assert "authorization" not in service.requests[-1].headers


def test_every_submission_has_an_idempotency_key_a_fresh_one_or_ones_own(
    relay: Relay, service: FakeRelay
) -> None:
    relay("submit", "Hello")
    relay("submit", "Hello", "--idempotency-key", "order-4711")

    keys = [request.headers["idempotency-key"] for request in service.requests]
    assert keys == ["fresh-key", "order-4711"]


def test_a_lost_connection_is_tried_again_under_the_same_key(
    relay: Relay, service: FakeRelay, clock: FakeClock
) -> None:
    service.faults = [httpx.ReadError, problem(409, headers={"Retry-After": "34"})]

    said = relay("submit", "Hello", "--wait")

    assert said.exit_code == 0
    assert [r.headers["idempotency-key"] for r in service.requests] == ["fresh-key"] * 3
    assert len({r.content for r in service.requests}) == 1
    assert clock.pauses == [1, 34]


def test_an_answer_cannot_steer_the_terminal_but_is_piped_to_the_character(
    relay: Relay, service: FakeRelay
) -> None:
    service.ending = {"output_text": "red \x1b[31m alert"}

    piped = relay("submit", "Hello", "--wait")
    relay.stream = TerminalStream
    watched = relay("submit", "Hello", "--wait")

    assert piped.stdout == "red \x1b[31m alert\n"
    assert watched.stdout == "red \\x1b[31m alert\n"
