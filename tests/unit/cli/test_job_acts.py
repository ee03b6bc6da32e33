"""``relay cancel``, ``relay rerun`` and ``relay delete``."""

import httpx
import pytest

from tests.unit.cli.conftest import Relay, TerminalInput
from tests.unit.cli.fake_relay import JOB_ID, FakeRelay, problem

NOT_A_JOB = "job_../../v1/api_keys"


def asked(service: FakeRelay) -> list[tuple[str, str]]:
    return [(request.method, request.url.path) for request in service.requests]


def test_a_job_is_cancelled(relay: Relay, service: FakeRelay) -> None:
    said = relay("cancel", JOB_ID)

    assert said.exit_code == 0
    assert said.stdout == f"{JOB_ID} cancelled\n"
    assert asked(service) == [("POST", f"/v1/jobs/{JOB_ID}/cancel")]


def test_a_cancelled_job_is_one_json_object(relay: Relay) -> None:
    said = relay("cancel", JOB_ID, "--json")

    assert said.json["status"] == "cancelled"
    assert said.stderr == ""


def test_a_lost_cancellation_is_asked_for_again(relay: Relay, service: FakeRelay) -> None:
    service.faults = [httpx.ReadError]

    assert relay("cancel", JOB_ID).stdout == f"{JOB_ID} cancelled\n"


def test_a_cancellation_that_nobody_answered_may_be_done(relay: Relay, service: FakeRelay) -> None:
    service.faults = [httpx.ReadError] * 4

    said = relay("cancel", JOB_ID)

    assert said.exit_code == 4
    assert "what was asked may be done" in said.stderr
    assert "--idempotency-key" not in said.stderr


def test_a_refused_cancellation_says_what_to_do(relay: Relay, service: FakeRelay) -> None:
    ended = "The job has ended already: it is completed."
    service.faults = [problem(409, title="Conflict", code="job_already_final", detail=ended)]

    said = relay("cancel", JOB_ID)

    assert said.exit_code == 3
    assert ended in said.stderr
    assert "What to do: Look at what is there now." in said.stderr


def test_a_rerun_tells_the_new_jobs_id(relay: Relay, service: FakeRelay) -> None:
    service.ends_after = 60

    said = relay("rerun", JOB_ID)

    assert said.exit_code == 0
    assert said.stdout == f"{JOB_ID} queued\n"
    assert asked(service) == [("POST", f"/v1/jobs/{JOB_ID}/rerun")]
    assert service.requests[0].headers["idempotency-key"] == "fresh-key"


def test_a_rerun_may_be_waited_for_as_a_submission_is(relay: Relay, service: FakeRelay) -> None:
    service.ends_after = 60

    said = relay("rerun", JOB_ID, "--wait")

    assert said.exit_code == 0
    assert said.stdout == "Because of Rayleigh.\n"
    assert [request.headers["prefer"] for request in service.requests] == ["wait=25"] * 3


def test_an_interrupted_rerun_may_be_asked_for_as_the_same_job(
    relay: Relay, service: FakeRelay
) -> None:
    service.faults = [KeyboardInterrupt]

    said = relay("rerun", JOB_ID)

    assert said.exit_code == 130
    assert "--idempotency-key fresh-key" in said.stderr


def test_a_job_is_deleted_without_a_question_where_nobody_could_answer(
    relay: Relay, service: FakeRelay
) -> None:
    said = relay("delete", JOB_ID)

    assert (said.exit_code, said.stdout, said.stderr) == (0, f"{JOB_ID} deleted\n", "")
    assert asked(service) == [("DELETE", f"/v1/jobs/{JOB_ID}")]


@pytest.mark.parametrize(
    ("typed", "is_deleted"),
    [(b"y\n", True), (b"Yes\n", True), (b"\n", False), (b"no\n", False), (b"\xff", False)],
)
def test_a_person_is_asked_first(
    relay: Relay, service: FakeRelay, typed: bytes, *, is_deleted: bool
) -> None:
    relay.input, relay.stdin = TerminalInput, typed

    said = relay("delete", JOB_ID)

    assert said.stderr.startswith(f"Delete the content of {JOB_ID} for good? [y/N]")
    assert said.exit_code == (0 if is_deleted else 2)
    assert bool(service.requests) is is_deleted


def test_yes_answers_the_question(relay: Relay) -> None:
    relay.input = TerminalInput

    said = relay("delete", JOB_ID, "--yes")

    assert (said.exit_code, said.stderr) == (0, "")


def test_a_refused_deletion_says_why(relay: Relay, service: FakeRelay) -> None:
    detail = "The job is queued. Cancel it first, or wait for its end."
    service.faults = [problem(409, title="Conflict", code="job_not_final", detail=detail)]

    said = relay("delete", JOB_ID)

    assert said.exit_code == 3
    assert detail in said.stderr


def test_a_deletion_that_is_answered_by_a_stranger_is_not_believed(
    relay: Relay, service: FakeRelay
) -> None:
    service.faults = [httpx.Response(200, text="<html/>")]

    assert relay("delete", JOB_ID).exit_code == 4


@pytest.mark.parametrize("command", ["cancel", "rerun", "delete"])
def test_an_id_of_something_else_is_wrong_usage_and_says_how_to_find_one(
    relay: Relay, service: FakeRelay, command: str
) -> None:
    said = relay(command, NOT_A_JOB)

    assert said.exit_code == 2
    assert "relay jobs" in said.stderr
    assert service.requests == []
