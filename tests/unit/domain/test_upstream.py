import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.answer import Answer, first_tool_calls, output_text
from relay.domain.body_rules import demands_tool_call
from relay.domain.endpoints import FACTS, Endpoint
from relay.domain.job import StatusReason
from relay.domain.job_error import ErrorCode, UpstreamError
from relay.domain.upstream import RETRY_AFTER_TAKEN_MAX, Bad, Good, bad, judge, shows_access
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.mistral import chat_answer, refusal

CHAT = Endpoint.CHAT_COMPLETIONS
A_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}}
CORRELATION = {"mistral-correlation-id": "0198c2a6-7a3e-7b1c-9d10-2f6b8a4c1e57"}
A_TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def answer(status: int, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers=named | CORRELATION, body=raw)


def verdict(given_answer: Answer, request: dict[str, Any] | None = None) -> Good | Bad:
    return judge(CHAT, given_answer, at=NOON, demands_tool_call=demands_tool_call(request or {}))


def refused(given_answer: Answer) -> Bad:
    found = verdict(given_answer)
    assert isinstance(found, Bad)
    return found


def mistrals(message: Any, kind: str, code: str | None) -> dict[str, Any]:
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": 400,
    }


EXTRA_FIELD = [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra", "input": "secret"}]

RECORDED = [
    pytest.param(
        answer(401, {"detail": "Invalid API Key"}),
        ErrorCode.INVALID_API_KEY,
        "Mistral refused this deployment's API key.",
        None,
        id="bad key",
    ),
    pytest.param(
        answer(402, b""),
        ErrorCode.INSUFFICIENT_CREDITS,
        "The Mistral account of this deployment has no credit left.",
        None,
        id="no credit",
    ),
    pytest.param(
        answer(400, mistrals("Invalid model: x", "invalid_model", "1500")),
        ErrorCode.MODEL_NOT_FOUND, "Invalid model: x", "1500", id="bad model",
    ),
    pytest.param(
        answer(404, {"message": "no Route matched with those values"}),
        ErrorCode.MODEL_NOT_FOUND, "no Route matched with those values", None, id="not found",
    ),
    pytest.param(
        answer(400, mistrals("Bad arguments", "invalid_request_invalid_args", "3051")),
        ErrorCode.INVALID_REQUEST, "Bad arguments", "3051", id="bad argument",
    ),
    pytest.param(
        answer(400, mistrals("Not the same number", "invalid_function_call", "3280")),
        ErrorCode.INVALID_REQUEST, "Not the same number", "3280", id="bad function call",
    ),
    pytest.param(
        answer(
            400,
            mistrals(
                "Prompt contains 40000 tokens, too large for model with 32768 maximum context"
                " length",
                "invalid_request_prompt",
                "3210",
            ),
        ),
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "3210",
        id="long prompt",
    ),
    pytest.param(
        answer(422, {"detail": EXTRA_FIELD}),
        ErrorCode.INVALID_REQUEST, "body.x: Extra", None, id="validation",
    ),
    pytest.param(
        answer(422, mistrals({"detail": EXTRA_FIELD}, "invalid_request_error", None)),
        ErrorCode.INVALID_REQUEST, "body.x: Extra", None, id="validation within an object",
    ),
    pytest.param(
        answer(422, {"detail": "one text"}),
        ErrorCode.INVALID_REQUEST, "one text", None, id="validation as a text",
    ),
    pytest.param(
        answer(403, {"message": "Blocked by a guardrail"}),
        ErrorCode.FORBIDDEN, "Blocked by a guardrail", None, id="guardrail",
    ),
    pytest.param(
        answer(429, mistrals("Rate limit exceeded", "rate_limited", "1300")),
        ErrorCode.RATE_LIMIT_EXCEEDED, "Rate limit exceeded", "1300", id="rate limit",
    ),
    pytest.param(
        answer(429, {"message": "Requests rate limit exceeded"}),
        ErrorCode.RATE_LIMIT_EXCEEDED,
        "Requests rate limit exceeded",
        None,
        id="older rate limit",
    ),
    pytest.param(
        answer(429, mistrals("Service tier capacity exceeded", "invalid_request_error", None)),
        ErrorCode.RATE_LIMIT_EXCEEDED, "Service tier capacity exceeded", None, id="capacity",
    ),
    pytest.param(
        answer(429, {"message": "no"}, x_ratelimit_limit_req_minute="0"),
        ErrorCode.PLAN_EXCLUDES_MODEL, "no", None, id="a limit of nought",
    ),
    pytest.param(
        answer(408, b""),
        ErrorCode.TIMEOUT, "Mistral did not answer in time.", None, id="their timeout",
    ),
    pytest.param(
        answer(503, b"upstream connect error or disconnect/reset before headers"),
        ErrorCode.SERVICE_UNAVAILABLE, "Mistral could not serve the request.", None, id="no JSON",
    ),
    pytest.param(
        answer(529, {"error": {"message": "overloaded"}}),
        ErrorCode.SERVICE_UNAVAILABLE, "overloaded", None, id="an error within an object",
    ),
    pytest.param(
        answer(307, b""),
        ErrorCode.INVALID_RESPONSE, "Mistral's answer could not be read.", None, id="redirect",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given_answer", "code", "message", "upstream_code"), RECORDED)
def test_each_recorded_error_means_what_the_contract_says(
    given_answer: Answer, code: ErrorCode, message: str, upstream_code: str | None
) -> None:
    error = refused(given_answer).error

    assert (error.code, error.message) == (code, message)
    assert error.upstream == UpstreamError(
        status=given_answer.status,
        code=upstream_code,
        request_id="0198c2a6-7a3e-7b1c-9d10-2f6b8a4c1e57",
    )


RULES = [
    (ErrorCode.INVALID_REQUEST, True, None),
    (ErrorCode.CONTEXT_LENGTH_EXCEEDED, True, None),
    (ErrorCode.MODEL_NOT_FOUND, True, None),
    (ErrorCode.FORBIDDEN, True, None),
    (ErrorCode.PLAN_EXCLUDES_MODEL, True, None),
    (ErrorCode.INVALID_API_KEY, False, StatusReason.INVALID_API_KEY),
    (ErrorCode.INSUFFICIENT_CREDITS, False, StatusReason.INSUFFICIENT_CREDITS),
    (ErrorCode.RATE_LIMIT_EXCEEDED, False, StatusReason.RATE_LIMITED),
    (ErrorCode.SERVICE_UNAVAILABLE, True, StatusReason.UPSTREAM_UNAVAILABLE),
    (ErrorCode.TIMEOUT, True, StatusReason.RETRYING),
    (ErrorCode.CONNECTION_FAILED, True, StatusReason.UPSTREAM_UNAVAILABLE),
    (ErrorCode.INVALID_RESPONSE, True, StatusReason.RETRYING),
    (ErrorCode.TOOL_CALL_MISSING, True, StatusReason.RETRYING),
]


@pytest.mark.parametrize(("code", "is_charged", "waits_as"), RULES)
def test_each_code_has_the_contracts_rule(
    code: ErrorCode, *, is_charged: bool, waits_as: StatusReason | None
) -> None:
    found = bad(code)

    assert (found.is_charged, found.waits_as) == (is_charged, waits_as)
    assert found.error.retryable is (waits_as is not None)
    assert found.error.message
    assert found.error.hint


def test_no_code_is_without_a_rule() -> None:
    assert {code for code, _, _ in RULES} == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_only_an_answer_that_looked_at_the_key_shows_that_it_is_taken(code: ErrorCode) -> None:
    is_refused = code in {ErrorCode.INVALID_API_KEY, ErrorCode.INSUFFICIENT_CREDITS}
    says_nothing = code in {
        ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.CONNECTION_FAILED,
        ErrorCode.INVALID_RESPONSE,
    }  # fmt: skip

    assert shows_access(bad(code)) is not (is_refused or says_nothing)


def test_an_answer_shows_that_the_key_is_taken() -> None:
    assert shows_access(verdict(chat_answer()))


def test_validation_errors_do_not_quote_what_was_sent() -> None:
    assert "secret" not in refused(answer(422, {"detail": EXTRA_FIELD})).error.message


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("3", timedelta(seconds=3)),
        ("0", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("86400", RETRY_AFTER_TAKEN_MAX),
        ("soon", None),
    ],
)
def test_retry_after_is_honoured_within_reason(header: str, wait: timedelta | None) -> None:
    assert refused(answer(429, b"", retry_after=header)).retry_after == wait


def test_without_retry_after_there_is_none() -> None:
    assert refused(answer(429, b"")).retry_after is None


def test_a_chat_is_answered_with_its_model_and_usage() -> None:
    assert verdict(chat_answer(prompt_tokens=10, completion_tokens=4)) == Good(
        usage=Usage(prompt_tokens=10, completion_tokens=4, total_tokens=14),
        model_used="mistral-small-latest",
    )


@pytest.mark.parametrize("endpoint", Endpoint)
def test_an_answer_needs_its_endpoints_list_and_nothing_else(endpoint: Endpoint) -> None:
    facts = FACTS[endpoint]
    body: dict[str, Any] = {facts.answer_key: [A_CHOICE] if facts.generates else []}

    assert judge(endpoint, answer(200, body), at=NOON) == Good(usage=None, model_used=None)
    assert isinstance(judge(endpoint, answer(200, {}), at=NOON), Bad)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"choices": []}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"choices": {}}',
        b'{"choices": [{}], "x": NaN}',
        b'{"choices": [{}], "x": 1e999}',
        b'{"choices": [{}], "x": "\\ud800"}',
    ],
)
def test_an_answer_that_no_client_could_read_is_invalid(body: bytes) -> None:
    error = refused(answer(200, body)).error

    assert error.code is ErrorCode.INVALID_RESPONSE
    assert error.upstream.status == 200


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"usage": {"prompt_tokens": 7}}, Usage(prompt_tokens=7)),
        (
            {"usage": {"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}}},
            Usage(prompt_tokens=7, cached_tokens=5),
        ),
        ({"usage_info": {"pages_processed": 3, "doc_size_bytes": 9}}, Usage(pages_processed=3)),
        ({"usage": {"prompt_tokens": "7", "total_tokens": True}}, Usage()),
        ({"usage": {"prompt_tokens": -1, "total_tokens": 1.5}}, Usage()),
        ({"usage": {"prompt_tokens": 10**40}}, Usage()),
        ({"usage": {"prompt_tokens_details": []}}, Usage()),
        ({"usage": None}, None),
        ({"usage": []}, None),
    ],
)
def test_usage_is_read_as_far_as_it_makes_sense(
    usage: dict[str, Any], expected: Usage | None
) -> None:
    found = verdict(answer(200, {"choices": [A_CHOICE], **usage}))

    assert isinstance(found, Good)
    assert found.usage == expected


@pytest.mark.parametrize("model", [None, 7, "m" * 257])
def test_a_model_that_is_no_name_is_not_kept(model: object) -> None:
    found = verdict(answer(200, {"choices": [A_CHOICE], "model": model}))

    assert isinstance(found, Good)
    assert found.model_used is None


def chat_with(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **message}}]}


@pytest.mark.parametrize("choice", ["any", "required", {"type": "function", "function": {}}])
@pytest.mark.parametrize("calls", [None, [], "no list"])
def test_a_tool_call_that_was_demanded_is_missed(choice: object, calls: object) -> None:
    found = verdict(answer(200, chat_with(tool_calls=calls)), {"tool_choice": choice})

    assert isinstance(found, Bad)
    assert found.error.code is ErrorCode.TOOL_CALL_MISSING


@pytest.mark.parametrize("choice", ["any", "required", {"type": "function", "function": {}}])
def test_a_tool_call_that_was_demanded_and_made_is_good(choice: object) -> None:
    found = verdict(answer(200, chat_with(tool_calls=[A_TOOL_CALL])), {"tool_choice": choice})

    assert isinstance(found, Good)


@pytest.mark.parametrize("choice", [None, "auto", "none", ["any"], 7])
def test_a_tool_call_that_was_not_demanded_is_not_missed(choice: object) -> None:
    found = verdict(answer(200, chat_with(content="no")), {"tool_choice": choice})

    assert isinstance(found, Good)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (chat_with(content="Hello"), "Hello"),
        (chat_with(content=""), ""),
        (chat_with(content=None), None),
        (
            chat_with(
                content=[
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "4"},
                    {"type": "text", "text": "2"},
                    {"type": "text"},
                    "stray",
                ]
            ),
            "42",
        ),
        ({"choices": []}, None),
        ({"choices": ["no object"]}, None),
        ({"choices": [{"message": "no object"}]}, None),
        ({"data": []}, None),
    ],
)
def test_the_text_of_an_answer_is_the_first_choices_without_its_thinking(
    body: dict[str, Any], text: str | None
) -> None:
    assert output_text(body) == text


def test_the_tool_calls_of_an_answer_are_the_first_choices() -> None:
    assert first_tool_calls(chat_with(tool_calls=[A_TOOL_CALL])) == [A_TOOL_CALL]
    assert first_tool_calls(chat_with(tool_calls=[])) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
error_bodies = st.dictionaries(
    st.sampled_from(["message", "detail", "error", "code", "type", "choices", "usage", "loc"]),
    json_values | st.fixed_dictionaries({"detail": st.lists(json_values)}),
)


@given(
    status=st.integers(100, 599), body=st.binary() | error_bodies.map(json.dumps).map(str.encode)
)
def test_whatever_comes_back_there_is_a_verdict_that_a_row_can_keep(
    status: int, body: bytes
) -> None:
    found = verdict(Answer(status=status, headers={}, body=body))

    if isinstance(found, Bad):
        assert len(found.error.message.encode()) <= 4 * 500
        assert len(found.error.upstream.code or "") <= 128


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "\\ud800", "code": "\\ud800"}',
        json.dumps({"message": "m" * 10_000, "code": "c" * 10_000}).encode(),
        json.dumps({"message": "m", "code": 10**1000}).encode(),
    ],
)
def test_what_mistral_says_is_cut_to_what_a_row_can_keep(body: bytes) -> None:
    error = refused(answer(400, body)).error

    assert len(error.message.encode()) <= 500
    assert len((error.upstream.code or "").encode()) <= 128


def test_a_request_id_of_any_length_is_cut() -> None:
    headers = {"mistral-correlation-id": "x" * 10_000}

    error = refused(Answer(status=500, headers=headers, body=b"")).error

    assert error.upstream.request_id == "x" * 128


def test_a_refusal_of_the_fake_is_one_that_is_understood() -> None:
    assert refused(refusal(500, retry_after="7")).retry_after == timedelta(seconds=7)
