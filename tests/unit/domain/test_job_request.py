import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.body_rules import FieldError
from relay.domain.egress import EgressPolicy
from relay.domain.endpoints import Endpoint
from relay.domain.job import Callback
from relay.domain.job_request import (
    BodyDefaults,
    CheckedSubmission,
    InvalidSubmissionError,
    UnreadableSubmissionError,
    check_submission,
)
from tests.fakes.clock import NOON

MESSAGES = [{"role": "user", "content": "Hello"}]
HOOK = "https://example.com/hooks"
ONLY_MODEL = BodyDefaults(model="mistral-small-latest")
ALL_DEFAULTS = BodyDefaults(model="mistral-small-latest", max_tokens=100, temperature=0.5)
POLICY = EgressPolicy(allow_loopback_http=False)


def check(raw: bytes | str, defaults: BodyDefaults = ONLY_MODEL) -> CheckedSubmission:
    text = raw if isinstance(raw, bytes) else raw.encode()
    return check_submission(text, at=NOON, defaults=defaults, policy=POLICY)


def submission(body: Any = None, **fields: Any) -> str:
    chat = {"messages": MESSAGES}
    return json.dumps({"body": chat if body is None else body} | fields)


def errors_of(raw: bytes | str) -> list[FieldError]:
    with pytest.raises(InvalidSubmissionError) as refusal:
        check(raw)
    return refusal.value.errors


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"body": {}} trailing',
        b"\xef\xbb\xbf{}",
        b"\xff{}",
        '{"body": {}}'.encode("utf-16"),
        b'{"body": {"messages": "\\ud800"}}',
        b'{"body": {}, "metadata": {"a": "\\udc00"}}',
        b'{"body": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"body": {"x": ' + b"1" * 5_000 + b"}}",
    ],
)
def test_what_is_no_json_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableSubmissionError):
        check(raw)


@pytest.mark.parametrize("raw", ["null", "[]", '"text"', "7"])
def test_a_submission_is_an_object(raw: str) -> None:
    (error,) = errors_of(raw)

    assert error.pointer == "#"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"body": []}, "#/body"),
        ({"body": "text"}, "#/body"),
        ({"unknown": 1}, "#/unknown"),
        ({"endpoint": "/v1/nothing"}, "#/endpoint"),
        ({"endpoint": None}, "#/endpoint"),
        ({"lane": "batch"}, "#/lane"),
        ({"stream": True}, "#/stream"),
        ({"on_tool_calls": "pause"}, "#/on_tool_calls"),
        ({"notify_started": "yes"}, "#/notify_started"),
        ({"attempts_max": 0}, "#/attempts_max"),
        ({"attempts_max": 21}, "#/attempts_max"),
        ({"attempts_max": "3"}, "#/attempts_max"),
        ({"attempts_max": 3.0}, "#/attempts_max"),
        ({"attempts_max": True}, "#/attempts_max"),
        ({"timeout_seconds": 0}, "#/timeout_seconds"),
        ({"timeout_seconds": 601}, "#/timeout_seconds"),
        ({"fallback_models": "m"}, "#/fallback_models"),
        ({"fallback_models": None}, "#/fallback_models"),
        ({"fallback_models": ["m"] * 6}, "#/fallback_models"),
        ({"fallback_models": ["m", ""]}, "#/fallback_models/1"),
        ({"fallback_models": ["m" * 257]}, "#/fallback_models/0"),
        ({"fallback_models": [7]}, "#/fallback_models/0"),
        ({"metadata": None}, "#/metadata"),
        ({"metadata": {str(n): "" for n in range(17)}}, "#/metadata"),
        ({"metadata": {"order": 4711}}, "#/metadata/order"),
        ({"metadata": {"a~/b": 1}}, "#/metadata/a~0~1b"),
        ({"metadata": {"k": "v" * 513}}, "#/metadata/k"),
        ({"metadata": {"k" * 65: "v"}}, "#/metadata/" + "k" * 65),
        ({"metadata": {"": "v"}}, "#/metadata/"),
        ({"deadline": "tomorrow"}, "#/deadline"),
        ({"deadline": 1795262400}, "#/deadline"),
        ({"deadline": "2026-11-22T12:00:00"}, "#/deadline"),
        ({"deadline": "2026-11-21T12:00:00Z"}, "#/deadline"),
        ({"deadline": "2026-11-21T11:59:59Z"}, "#/deadline"),
        ({"deadline": "2026-11-28T12:00:00.001Z"}, "#/deadline"),
        ({"deadline": "9999-12-31T23:59:59-12:00"}, "#/deadline"),
        ({"deadline": "0001-01-01T00:00:00+12:00"}, "#/deadline"),
        ({"callback_url": "http://example.com"}, "#/callback_url"),
        ({"callback_url": "https://127.0.0.1/"}, "#/callback_url"),
        ({"callback_url": "https://e.com/" + "a" * 2048}, "#/callback_url"),
        ({"callback": {"url": "https://10.0.0.1/"}}, "#/callback/url"),
        ({"callback": {}}, "#/callback/url"),
        ({"callback": {"url": HOOK, "payload": "all"}}, "#/callback/payload"),
        ({"callback": {"url": HOOK, "legacy_signature": 1}}, "#/callback/legacy_signature"),
        ({"callback": {"url": HOOK, "unknown": 1}}, "#/callback/unknown"),
    ],
)
def test_a_field_that_cannot_be_right_is_pointed_at(fields: dict[str, Any], pointer: str) -> None:
    (error,) = errors_of(submission(**fields))

    assert error.pointer == pointer
    assert error.message


def test_a_submission_without_a_body_is_refused() -> None:
    assert errors_of("{}") == [FieldError("#/body", "is required")]


def test_two_callbacks_are_one_too_many() -> None:
    (error,) = errors_of(submission(callback_url=HOOK, callback={"url": HOOK}))

    assert error == FieldError("#", "give callback_url or callback, not both")


NO_STREAM = "must be left out: answers are kept whole, streams are not there yet"
ROLES = "must be one of assistant, system, tool, user"


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        ({}, "messages", "is required by /v1/chat/completions"),
        ({"messages": []}, "messages", "must not be empty"),
        ({"messages": "Hello"}, "messages", "must be a list of messages"),
        ({"messages": ["Hello"]}, "messages/0/role", ROLES),
        ({"messages": [*MESSAGES, {"content": "x"}]}, "messages/1/role", ROLES),
        ({"messages": [{"role": "robot"}]}, "messages/0/role", ROLES),
        ({"messages": [{"role": None}]}, "messages/0/role", ROLES),
        ({"messages": [{"role": ["user"]}]}, "messages/0/role", ROLES),
        ({"messages": [{"role": {"user": 1}}]}, "messages/0/role", ROLES),
        ({"stream": True}, "stream", NO_STREAM),
        ({"stream": False}, "stream", NO_STREAM),
        ({"model": ""}, "model", "must be the name of a model"),
        ({"model": 7}, "model", "must be the name of a model"),
        ({"model": "m" * 257}, "model", "must be the name of a model"),
        ({"temperature": -0.1}, "temperature", "must be from 0 to 2"),
        ({"temperature": 2.1}, "temperature", "must be from 0 to 2"),
        ({"temperature": "1"}, "temperature", "must be from 0 to 2"),
        ({"temperature": True}, "temperature", "must be from 0 to 2"),
        ({"max_tokens": 0}, "max_tokens", "must be a whole number of at least 1"),
        ({"max_tokens": 1.0}, "max_tokens", "must be a whole number of at least 1"),
        ({"max_tokens": True}, "max_tokens", "must be a whole number of at least 1"),
        ({"max_tokens": "9"}, "max_tokens", "must be a whole number of at least 1"),
        ({"tools": {}}, "tools", "must be a list of tools"),
        ({"tools": ["f"]}, "tools/0/function/name", "a function needs a name"),
        ({"tools": [{}]}, "tools/0/function/name", "a function needs a name"),
        ({"tools": [{"function": "f"}]}, "tools/0/function/name", "a function needs a name"),
        (
            {"tools": [{"type": "web_search"}, {"type": "function", "function": {"name": ""}}]},
            "tools/1/function/name",
            "a function needs a name",
        ),
    ],
)
def test_a_body_that_cannot_be_right_is_refused_before_it_is_queued(
    body: dict[str, Any], pointer: str, message: str
) -> None:
    whole = body if body.keys() <= {"messages"} else {"messages": MESSAGES} | body

    assert errors_of(submission(whole)) == [FieldError(f"#/body/{pointer}", message)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_cannot_write_is_refused(number: str) -> None:
    raw = '{"body": {"messages": [{"role": "user"}], "x": ' + number + "}}"

    (error,) = errors_of(raw)

    assert error.pointer == "#/body"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    raw = submission(
        {"messages": [{"role": "robot"}], "temperature": 9},
        deadline="2020-01-01T00:00:00Z",
        callback_url="https://localhost/",
    )

    with pytest.raises(InvalidSubmissionError) as refusal:
        check(raw)

    pointers = [error.pointer for error in refusal.value.errors]
    assert pointers == [
        "#/body/messages/0/role",
        "#/body/temperature",
        "#/deadline",
        "#/callback_url",
    ]
    assert "#/deadline: must lie in the future, 7 days ahead at most" in str(refusal.value)


REQUIRED: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {"messages": MESSAGES},
    Endpoint.EMBEDDINGS: {"input": ["a"]},
    Endpoint.FIM_COMPLETIONS: {"prompt": "def f("},
    Endpoint.MODERATIONS: {"input": "a"},
    Endpoint.CHAT_MODERATIONS: {"input": MESSAGES},
    Endpoint.CLASSIFICATIONS: {"model": "ft:classifier", "input": "a"},
    Endpoint.CHAT_CLASSIFICATIONS: {"model": "ft:classifier", "input": MESSAGES},
    Endpoint.OCR: {"document": {"type": "document_url", "document_url": "https://e.com/a.pdf"}},
    Endpoint.AGENTS_COMPLETIONS: {"agent_id": "ag:1", "messages": MESSAGES},
}
GENERATING = {"max_tokens": 100, "temperature": 0.5}
FILLED: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {"model": "mistral-small-latest", **GENERATING},
    Endpoint.EMBEDDINGS: {"model": "mistral-embed"},
    Endpoint.FIM_COMPLETIONS: {"model": "codestral-latest", **GENERATING},
    Endpoint.MODERATIONS: {"model": "mistral-moderation-latest"},
    Endpoint.CHAT_MODERATIONS: {"model": "mistral-moderation-latest"},
    Endpoint.CLASSIFICATIONS: {},
    Endpoint.CHAT_CLASSIFICATIONS: {},
    Endpoint.OCR: {"model": "mistral-ocr-latest"},
    Endpoint.AGENTS_COMPLETIONS: {"max_tokens": 100},
}


@pytest.mark.parametrize("endpoint", Endpoint)
def test_what_the_deployment_has_defaults_for_is_filled_in(endpoint: Endpoint) -> None:
    """Agents take no model and no temperature: Mistral refuses a body that names one."""
    checked = check(submission(REQUIRED[endpoint], endpoint=endpoint), ALL_DEFAULTS)

    sent = REQUIRED[endpoint] | FILLED[endpoint]
    assert json.loads(checked.body) == sent
    assert checked.model == sent.get("model")
    assert checked.request.endpoint is endpoint


@pytest.mark.parametrize("endpoint", Endpoint)
def test_what_an_endpoint_cannot_do_without_is_required(endpoint: Endpoint) -> None:
    errors = errors_of(submission({}, endpoint=endpoint))

    message = f"is required by {endpoint.value}"
    assert errors == [FieldError(f"#/body/{name}", message) for name in REQUIRED[endpoint]]


def test_what_the_body_says_itself_is_kept() -> None:
    body = {"messages": MESSAGES, "model": "m", "max_tokens": None, "temperature": 0, "top_k": [1]}

    assert json.loads(check(submission(body), ALL_DEFAULTS).body) == body


def test_a_model_that_is_null_is_the_default_one() -> None:
    body = json.loads(check(submission({"messages": MESSAGES, "model": None})).body)

    assert body["model"] == "mistral-small-latest"


def test_defaults_that_are_unset_are_not_sent() -> None:
    assert json.loads(check(submission()).body) == {
        "messages": MESSAGES,
        "model": "mistral-small-latest",
    }


def test_the_body_is_compact_utf_8() -> None:
    body = {"messages": [{"role": "user", "content": "où 🦊"}], "model": "m"}

    assert check(submission(body)).body == (
        '{"messages":[{"role":"user","content":"où 🦊"}],"model":"m"}'.encode()
    )


def test_of_a_field_that_comes_twice_the_last_counts_as_in_any_json_reader() -> None:
    raw = '{"body": {}, "body": {"messages": [{"role": "user"}], "model": "a", "model": "b"}}'

    assert json.loads(check(raw).body)["model"] == "b"


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_mistrals_roles_are_taken(role: str) -> None:
    messages = [{"role": role}]

    assert json.loads(check(submission({"messages": messages})).body)["messages"] == messages


@pytest.mark.parametrize(
    "edge",
    [
        {"temperature": 0},
        {"temperature": 2},
        {"temperature": 1.5},
        {"max_tokens": 1},
        {"tools": []},
    ],
)
def test_values_at_the_limits_are_taken(edge: dict[str, Any]) -> None:
    checked = check(submission({"messages": MESSAGES} | edge))

    assert json.loads(checked.body).items() >= edge.items()


def test_all_of_a_submissions_limits_can_be_reached() -> None:
    raw = submission(
        attempts_max=20,
        timeout_seconds=600,
        fallback_models=["m" * 256] * 5,
        metadata={f"{n:064}": "v" * 512 for n in range(16)},
        callback_url="https://example.com/" + "a" * 2028,
        deadline="2026-11-28T12:00:00Z",
    )

    checked = check(raw)

    assert checked.deadline == NOON + timedelta(days=7)
    assert len(checked.request.metadata) == 16
    assert len(checked.request.fallback_models) == 5


def test_an_agent_has_no_fallback_models_since_it_has_a_model_of_its_own() -> None:
    agent = {"agent_id": "ag:1", "messages": MESSAGES}

    errors = errors_of(submission(agent, endpoint="/v1/agents/completions", fallback_models=["m"]))

    assert errors == [FieldError("#/fallback_models", "an agent has a model of its own")]


@pytest.mark.parametrize("endpoint", [it for it in Endpoint if it != Endpoint.AGENTS_COMPLETIONS])
def test_all_else_may_fall_back_on_other_models_in_their_order(endpoint: Endpoint) -> None:
    raw = submission(REQUIRED[endpoint], endpoint=endpoint, fallback_models=["b", "a"])

    assert check(raw).request.fallback_models == ["b", "a"]


def test_a_deadline_of_its_own_is_kept_in_utc_and_whole_milliseconds() -> None:
    checked = check(submission(deadline="2026-11-22T12:00:00.123456+05:00"))

    assert checked.deadline == datetime(2026, 11, 22, 7, 0, 0, 123_000, tzinfo=UTC)
    assert checked.deadline.tzinfo is UTC


def test_without_a_deadline_it_is_a_day() -> None:
    assert check(submission()).deadline == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    ("fields", "callback"),
    [
        ({}, None),
        ({"callback_url": HOOK}, Callback(url=HOOK)),
        ({"callback": {"url": HOOK}}, Callback(url=HOOK)),
        (
            {"callback": {"url": HOOK, "payload": "thin", "legacy_signature": True}},
            Callback(url=HOOK, payload="thin", legacy_signature=True),
        ),
    ],
)
def test_a_callback_can_be_given_in_two_ways(
    fields: dict[str, Any], callback: Callback | None
) -> None:
    assert check(submission(**fields)).callback == callback


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
bodies = st.dictionaries(
    st.sampled_from(["messages", "model", "temperature", "max_tokens", "tools", "input", "other"]),
    json_values
    | st.lists(st.dictionaries(st.sampled_from(["role", "type", "function"]), json_values)),
)


@given(body=bodies, endpoint=st.sampled_from(Endpoint))
def test_whatever_is_submitted_is_taken_or_refused(body: Any, endpoint: Endpoint) -> None:
    try:
        checked = check(submission(body, endpoint=endpoint), ALL_DEFAULTS)
    except InvalidSubmissionError:
        return

    said = {name: value for name, value in body.items() if (name, value) != ("model", None)}
    assert json.loads(checked.body).items() >= said.items()


@pytest.mark.parametrize(
    ("endpoint", "body", "pointer"),
    [
        ("/v1/ocr", {"document": {"type": "file", "file_id": "f"}}, "#/body/document/file_id"),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "file", "file_id": "f"}]}]},
            "#/body/messages/0/content/0/file_id",
        ),
        (
            "/v1/chat/completions",
            {"messages": MESSAGES, "tools": [{"type": "document_library", "library_ids": ["l"]}]},
            "#/body/tools/0/type",
        ),
        (
            "/v1/chat/completions",
            {"messages": MESSAGES, "tools": [{"type": "connector", "connector_id": "c"}]},
            "#/body/tools/0/type",
        ),
    ],
)
def test_what_is_kept_at_mistral_cannot_be_named_since_nothing_says_whose_it_is(
    endpoint: str, body: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidSubmissionError) as refusal:
        check(json.dumps({"endpoint": endpoint, "body": body}).encode())

    assert [error.pointer for error in refusal.value.errors] == [pointer]
