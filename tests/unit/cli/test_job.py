"""``relay job``: a job that exists."""

import pytest

from tests.unit.cli.conftest import ENVIRONMENT, Relay, TerminalStream
from tests.unit.cli.fake_relay import JOB_ID, FakeRelay

ESCAPE = "\x1b"


def test_a_job_is_shown_as_a_table(relay: Relay) -> None:
    said = relay("job", JOB_ID)

    assert said.exit_code == 0
    rows = dict(line.split(maxsplit=1) for line in said.stdout.splitlines())
    assert rows["job"].strip() == JOB_ID
    assert rows["status"].strip() == "completed"
    assert rows["attempts"].strip() == "1 of 5"
    assert rows["cost"].strip() == "USD 0.000123"
    assert rows["answer"].strip() == "Because of Rayleigh."


def test_a_running_job_is_shown_with_what_it_waits_for(relay: Relay, service: FakeRelay) -> None:
    service.ends_after = 9
    service.waiting = {"status": "requires_action"}

    said = relay("job", JOB_ID)

    assert said.exit_code == 0
    assert "requires_action (tool_outputs_required)" in said.stdout


def test_a_long_answer_is_not_cut_where_no_terminal_limits_it(
    relay: Relay, service: FakeRelay
) -> None:
    service.ending = {"output_text": "word " * 60 + "end"}

    assert "word " * 60 + "end" in relay("job", JOB_ID).stdout


def test_an_answer_kept_elsewhere_is_named(relay: Relay, service: FakeRelay) -> None:
    service.ending = {"output_text": None, "result_url": "https://results.example/r"}

    assert "--json has a link" in relay("job", JOB_ID).stdout


def test_json_is_the_job_as_the_service_gave_it(relay: Relay) -> None:
    said = relay("job", JOB_ID, "--json")

    assert said.json["metadata"] == {"order": "4711"}
    assert said.stderr == ""


def test_waiting_ends_when_the_job_does(relay: Relay, service: FakeRelay) -> None:
    service.ends_after = 120

    said = relay("job", JOB_ID, "--wait", "--json")

    assert said.exit_code == 0
    assert said.json["status"] == "completed"


def test_an_id_of_something_else_is_wrong_usage(relay: Relay, service: FakeRelay) -> None:
    said = relay("job", "job_../../v1/api_keys")

    assert said.exit_code == 2
    assert service.requests == []


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_gets_colours_unless_it_wants_none(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, is_coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    relay.environment = ENVIRONMENT | environment
    relay.stream = TerminalStream

    assert (ESCAPE in relay("job", JOB_ID).stdout) is is_coloured


def test_a_pipe_gets_no_colours(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    said = relay("job", JOB_ID)

    assert ESCAPE not in said.stdout + said.stderr
