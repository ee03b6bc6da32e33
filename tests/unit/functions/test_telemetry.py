"""The log: one JSON object a line, in a fixed vocabulary, and never what it must not hold."""

import ast
import json
from datetime import timedelta
from pathlib import Path

import pytest

import functions
from relay.domain.errors import NotFoundError, UnavailableError
from relay.telemetry import FIELDS, OLDEST_DUE, in_milliseconds, measure
from tests.fakes.log import ReadableLog


def failed(text: str = "canary") -> ValueError:
    """Return an error that has been raised, as a handler catches it."""
    with pytest.raises(ValueError, match=text) as caught:
        _fail(text)
    return caught.value


def _fail(text: str) -> None:
    raise ValueError(text)


def test_each_line_is_one_json_object_with_its_time_in_utc() -> None:
    log = ReadableLog("worker")

    log.line("job.attempted", {"job_id": "job_1", "attempts": 2})
    log.line("job.attempted", {"job_id": "with a\nline feed"})

    first, second = log.lines
    assert first["message"] == "job.attempted"
    assert first["job_id"] == "job_1"
    assert first["attempts"] == 2
    assert first["level"] == "INFO"
    assert first["service"] == "worker"
    assert first["timestamp"].endswith("+00:00")
    assert second["job_id"] == "with a\nline feed"


def test_a_fact_that_is_not_known_is_left_out() -> None:
    log = ReadableLog()

    log.line("job.attempted", {"job_id": "job_1", "model": None})

    assert "model" not in log.lines[0]


def test_a_fact_that_is_not_in_the_vocabulary_is_a_mistake() -> None:
    log = ReadableLog()

    with pytest.raises(ValueError, match="body, prompt"):
        log.line("job.attempted", {"job_id": "job_1", "prompt": "canary", "body": "canary"})

    assert log.text == ""


def test_the_vocabulary_holds_nothing_that_carries_content() -> None:
    forbidden = {"body", "prompt", "result", "secret", "signature", "url", "key", "headers", "text"}

    assert not FIELDS & forbidden


def test_an_exception_is_logged_by_its_type_and_place_and_not_by_its_text() -> None:
    log = ReadableLog()

    log.line("job.attempted", {}, failed("canary"))

    (line,) = log.lines
    assert line["level"] == "ERROR"
    assert line["error_type"] == "ValueError"
    assert "test_telemetry.py" in line["error_at"]
    assert "_fail" in line["error_at"]
    assert "canary" not in log.text


def test_what_caused_an_exception_is_not_quoted_either() -> None:
    log = ReadableLog()
    error = UnavailableError("AWS answered Throttled")
    error.__cause__ = failed("canary")

    log.line("job.attempted", {}, error)

    assert "AWS answered Throttled" in log.text
    assert "canary" not in log.text


def test_our_own_errors_say_what_led_to_them() -> None:
    log = ReadableLog()
    error = UnavailableError("the bucket")
    error.__cause__ = NotFoundError("job_1")

    log.line("job.attempted", {}, error)

    assert log.lines[0]["error_text"] == "the bucket: job_1"


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    log = ReadableLog()

    log.line("job.attempted", {}, UnavailableError("x"))

    assert log.lines[0]["error_type"] == "UnavailableError"
    assert log.lines[0]["error_at"] == ""


def test_only_the_nearest_places_are_named() -> None:
    def deeper(levels: int) -> None:
        if levels == 0:
            raise ValueError("deep")
        deeper(levels - 1)

    log = ReadableLog()
    with pytest.raises(ValueError, match="deep") as caught:
        deeper(50)

    log.line("job.attempted", {}, caught.value)

    assert log.lines[0]["error_at"].count("deeper") == 6


def test_durations_are_whole_milliseconds() -> None:
    assert in_milliseconds(timedelta(seconds=1.2349)) == 1234


def test_no_function_prints_or_has_a_logger_of_its_own() -> None:
    for file in Path(functions.__path__[0]).glob("*/*.py"):
        names = {
            node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)
        }

        assert not names & {"print", "logging", "Logger"}, file.name


def test_a_metric_is_one_line_in_the_format_that_cloudwatch_reads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure(OLDEST_DUE, 62.5, namespace="MistralRelay/ours")

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    about = told.pop("_aws")
    assert told == {"OldestDue": [62.5]}
    assert about.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(about["Timestamp"], int)
    assert about["CloudWatchMetrics"] == [
        {
            "Namespace": "MistralRelay/ours",
            "Dimensions": [[]],
            "Metrics": [{"Name": "OldestDue", "Unit": "Seconds"}],
        }
    ]


def test_a_metric_of_nothing_is_told_all_the_same_since_it_is_a_heartbeat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure(OLDEST_DUE, 0, namespace="MistralRelay/ours")

    assert json.loads(capsys.readouterr().out)["OldestDue"] == [0.0]
