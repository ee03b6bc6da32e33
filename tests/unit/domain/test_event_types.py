import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.event_types import (
    ALL,
    EVENT_TYPES,
    PATTERN,
    is_chosen,
    is_of_job,
    is_pattern,
    matches_a_type,
)

types = st.sampled_from(EVENT_TYPES)


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("*", set(EVENT_TYPES)),
        (
            "job.*",
            {
                "job.started",
                "job.completed",
                "job.failed",
                "job.cancelled",
                "job.expired",
                "job.requires_action",
            },
        ),
        ("job.failed", {"job.failed"}),
        ("webhook_endpoint.*", {"webhook_endpoint.disabled"}),
        ("endpoint.*", {"endpoint.test"}),
        ("job.fail", set()),
        ("job", set()),
        ("", set()),
        ("*.failed", set()),
        ("*.*", set()),
        ("jo*", set()),
    ],
)
def test_a_pattern_chooses_everything_one_kind_or_one_type(pattern: str, chosen: set[str]) -> None:
    assert {it for it in EVENT_TYPES if is_chosen(it, [pattern])} == chosen


@given(event_type=types, patterns=st.lists(types | st.just("batch.*")))
def test_one_pattern_that_matches_is_enough(event_type: str, patterns: list[str]) -> None:
    assert is_chosen(event_type, patterns) is (event_type in patterns)
    assert is_chosen(event_type, [*patterns, ALL])


def test_without_a_pattern_nothing_is_chosen() -> None:
    assert not any(is_chosen(it, []) for it in EVENT_TYPES)


@pytest.mark.parametrize("text", ["*", "job.*", "job.failed", "webhook_endpoint.disabled", "a.b"])
def test_what_can_be_a_pattern_is_one(text: str) -> None:
    assert is_pattern(text)
    assert re.fullmatch(PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job",
        "job.",
        ".failed",
        "*.failed",
        "*.*",
        "job.fail*",
        "JOB.*",
        "job.*\n",
        "a.b.c",
        "**",
    ],
)
def test_what_can_be_no_pattern_is_none(text: str) -> None:
    assert not is_pattern(text)


@given(types)
def test_each_type_is_a_pattern_and_so_is_its_kind(event_type: str) -> None:
    kind = event_type.partition(".")[0] + ".*"

    assert is_pattern(event_type)
    assert is_pattern(kind)
    assert matches_a_type(event_type)
    assert matches_a_type(kind)


def test_a_slip_of_the_pen_matches_no_type() -> None:
    assert matches_a_type("*")
    assert not matches_a_type("jobs.*")
    assert not matches_a_type("job.complete")


def test_what_tells_of_a_job_is_known_by_its_type() -> None:
    of_jobs = {it for it in EVENT_TYPES if is_of_job(it)}

    assert of_jobs == {it for it in EVENT_TYPES if is_chosen(it, ["job.*"])}
