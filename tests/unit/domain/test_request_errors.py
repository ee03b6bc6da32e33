"""Each refusal is in words of our own, which say what to do and repeat nothing that was sent."""

import json
from typing import Any

import pytest
from pydantic import BaseModel

from relay.domain.account_request import SENDER_PATTERN, KeyRequest, SenderRequest
from relay.domain.body_rules import FieldError
from relay.domain.egress import EgressPolicy
from relay.domain.job_request import (
    BodyDefaults,
    InvalidSubmissionError,
    check_submission,
    read_request,
)
from tests.fakes.clock import NOON

BODY = {"messages": [{"role": "user", "content": "Hello"}]}
HOOK = "https://example.com/hooks"
A_MOMENT = "must be a moment with its offset, such as 2026-11-25T12:00:00Z"
NO_FIELD = "is not a field that this version takes"


def errors_of(whole: Any) -> list[FieldError]:
    with pytest.raises(InvalidSubmissionError) as refusal:
        check_submission(
            json.dumps(whole).encode(),
            at=NOON,
            defaults=BodyDefaults(model="mistral-small-latest"),
            policy=EgressPolicy(allow_loopback_http=False),
        )
    return refusal.value.errors


def error_of(**fields: Any) -> str:
    (error,) = errors_of({"body": BODY} | fields)
    return error.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"body": "text"}, "must be an object"),
        ({"callback": HOOK}, "must be an object"),
        ({"metadata": []}, "must be an object"),
        ({"metadata": {"order": 4711}}, "must be a text"),
        ({"metadata": {"": "v"}}, "must have at least 1 character"),
        ({"metadata": {"k": "v" * 513}}, "must have at most 512 characters"),
        ({"metadata": {str(n): "" for n in range(17)}}, "must hold at most 16 entries"),
        ({"fallback_models": "m"}, "must be a list"),
        ({"fallback_models": ["m"] * 6}, "must hold at most 5 entries"),
        ({"notify_started": "yes"}, "must be true or false"),
        ({"attempts_max": "3"}, "must be a whole number"),
        ({"attempts_max": 2.5}, "must be a whole number"),
        ({"attempts_max": 0}, "must be at least 1"),
        ({"attempts_max": 21}, "must be at most 20"),
        ({"deadline": 1795262400}, A_MOMENT),
        ({"deadline": "tomorrow"}, A_MOMENT),
        ({"deadline": "2026-13-22"}, A_MOMENT),
        ({"deadline": "2026-11-22T12:00:00"}, A_MOMENT),
        ({"callback": {"url": HOOK, "payload": "all"}}, "must be full or thin"),
        ({"callback": {}}, "is required"),
    ],
)
def test_what_is_wrong_is_said_in_our_own_words(fields: dict[str, Any], message: str) -> None:
    assert error_of(**fields) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lane": "batch"}, "must be live; the batch lane is not there yet"),
        ({"stream": True}, "must be false; streams are not there yet"),
        (
            {"on_tool_calls": "pause"},
            "must be return; pausing for tool outputs is not there yet",
        ),
    ],
)
def test_what_is_still_to_come_is_told_from_what_is_wrong(
    fields: dict[str, Any], message: str
) -> None:
    assert error_of(**fields) == message


def test_an_endpoint_that_is_none_of_mistral_s_is_answered_with_those_that_are() -> None:
    message = error_of(endpoint="/v1/conversations")

    assert message.startswith("must be one of /v1/chat/completions, /v1/embeddings")
    assert message.endswith("conversations and audio are not there yet")


def test_requests_of_other_shapes_are_told_in_the_same_words() -> None:
    def message(model: type[BaseModel], **fields: Any) -> str:
        with pytest.raises(InvalidSubmissionError) as refusal:
            read_request(model, json.dumps(fields).encode())
        (error,) = refusal.value.errors
        return error.message

    assert message(KeyRequest, scopes=[]) == "must hold at least 1 entry"
    assert message(KeyRequest, scopes=["root"]).startswith("must be one of jobs:read")
    assert (
        message(SenderRequest, sender_id="AROA:session", tenant_id="ten_1")
        == f"must match {SENDER_PATTERN}"
    )


def test_a_field_whose_name_is_slightly_wrong_is_recognised() -> None:
    assert error_of(metdata={}) == f"{NO_FIELD}; did you mean metadata?"
    assert error_of(callback_uri=HOOK) == f"{NO_FIELD}; did you mean callback_url?"


@pytest.mark.parametrize("fields", [{"colour": 1}, {"callback": {"url": HOOK, "playload": 1}}])
def test_a_field_like_none_of_ours_is_answered_with_no_guess(fields: dict[str, Any]) -> None:
    assert error_of(**fields) == NO_FIELD


@pytest.mark.parametrize("whole", [None, [], "text", 7])
def test_a_request_that_is_no_object_is_told_so(whole: Any) -> None:
    assert errors_of(whole) == [FieldError("#", "must be an object")]


def test_nothing_that_was_sent_is_repeated() -> None:
    fields = {
        "lane": "canary",
        "endpoint": "canary",
        "deadline": "canary",
        "attempts_max": "canary",
        "metadata": {"k": "canary" * 100},
    }

    messages = [error.message for error in errors_of({"body": BODY} | fields)]

    assert len(messages) == len(fields)
    assert "canary" not in "".join(messages)
