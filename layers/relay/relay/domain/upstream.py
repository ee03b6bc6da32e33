"""What an answer of Mistral's means for a job. Pure: bytes in, a verdict out.

Source: the error bodies recorded from the live API, which come in several shapes and sometimes
are not JSON at all, so every reading here is defensive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from relay.domain.answer import (
    Answer,
    first_tool_calls,
    json_or_none,
    read_usage,
    writable_json_or_none,
)
from relay.domain.body_rules import MODEL_CHARACTERS_MAX
from relay.domain.endpoints import FACTS, Endpoint, EndpointFacts
from relay.domain.job import OPERATORS_REASONS, StatusReason
from relay.domain.job_error import ErrorCode, JobError, UpstreamError
from relay.domain.retry_after import parse_retry_after
from relay.domain.usage import Usage

RETRY_AFTER_TAKEN_MAX = timedelta(hours=1)
"""A longer wait that Mistral asks for would rather be a mistake than a wish."""
MESSAGE_CHARACTERS_MAX = 500
REQUEST_ID_HEADER = "mistral-correlation-id"
_CODE_CHARACTERS_MAX = 128
_REQUESTS_LIMIT_HEADER = "x-ratelimit-limit-req-minute"
_CONTEXT_WORDS = ("context length", "maximum context", "too many tokens", "prompt is too long")

_SAYS_NOTHING_OF_ACCESS = frozenset(
    {
        ErrorCode.SERVICE_UNAVAILABLE,
        ErrorCode.TIMEOUT,
        ErrorCode.CONNECTION_FAILED,
        ErrorCode.INVALID_RESPONSE,
    }
)
"""Whoever answered so, if anyone did, need not have looked at the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """An answer that completes the job."""

    usage: Usage | None
    model_used: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """An answer, or the lack of one, that does not."""

    error: JobError
    is_charged: bool
    """Whether it uses up one of the job's attempts."""
    waits_as: StatusReason | None
    """Why the job waits for its next attempt; ``None`` where none can help."""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row of the contract's table of errors."""

    message: str
    hint: str
    waits_as: StatusReason | None = None
    is_charged: bool = True


_RULES: Mapping[ErrorCode, _Rule] = {
    ErrorCode.INVALID_REQUEST: _Rule(
        "Mistral refused the request.", "Correct the body and submit it again."
    ),
    ErrorCode.CONTEXT_LENGTH_EXCEEDED: _Rule(
        "The prompt is longer than the model's context.",
        "Shorten the prompt or choose a model with a longer context.",
    ),
    ErrorCode.MODEL_NOT_FOUND: _Rule(
        "Mistral does not know this model, or no longer serves it.",
        "Choose a model from Mistral's list.",
    ),
    ErrorCode.FORBIDDEN: _Rule(
        "Mistral does not allow this request.",
        "A guardrail or the workspace's settings refused it; see the message.",
    ),
    ErrorCode.PLAN_EXCLUDES_MODEL: _Rule(
        "The Mistral plan of this deployment does not include this model.",
        "Choose another model, or ask the operator to change the plan.",
    ),
    ErrorCode.INVALID_API_KEY: _Rule(
        "Mistral refused this deployment's API key.",
        "The operator must put a valid key into the MistralApiKey secret; the job waits.",
        StatusReason.INVALID_API_KEY,
        is_charged=False,
    ),
    ErrorCode.INSUFFICIENT_CREDITS: _Rule(
        "The Mistral account of this deployment has no credit left.",
        "The operator must add credit; the job waits.",
        StatusReason.INSUFFICIENT_CREDITS,
        is_charged=False,
    ),
    ErrorCode.RATE_LIMIT_EXCEEDED: _Rule(
        "Mistral's rate limit was reached.",
        "Nothing to do: the job waits for its turn.",
        StatusReason.RATE_LIMITED,
        is_charged=False,
    ),
    ErrorCode.SERVICE_UNAVAILABLE: _Rule(
        "Mistral could not serve the request.",
        "Submit it again later.",
        StatusReason.UPSTREAM_UNAVAILABLE,
    ),
    ErrorCode.TIMEOUT: _Rule(
        "Mistral did not answer in time.",
        "Submit it again, with a longer timeout_seconds if answers of this size take long.",
        StatusReason.RETRYING,
    ),
    ErrorCode.CONNECTION_FAILED: _Rule(
        "The connection to Mistral failed.",
        "Submit it again later.",
        StatusReason.UPSTREAM_UNAVAILABLE,
    ),
    ErrorCode.INVALID_RESPONSE: _Rule(
        "Mistral's answer could not be read.", "Submit it again.", StatusReason.RETRYING
    ),
    ErrorCode.TOOL_CALL_MISSING: _Rule(
        "The model called no tool although tool_choice demands it.",
        "Submit it again, or make the prompt or the tools clearer.",
        StatusReason.RETRYING,
    ),
}


def bad(
    code: ErrorCode,
    detail: str = "",
    *,
    upstream: UpstreamError | None = None,
    retry_after: timedelta | None = None,
    may_retry: bool = True,
) -> Bad:
    """Return the verdict that the contract's table has for this code.

    Without ``may_retry`` it is final, where a further attempt would end the same way.
    """
    rule = _RULES[code]
    if rule.waits_as in OPERATORS_REASONS:
        detail = ""  # what Mistral says of the operator's key or account is not for tenants
    waits_as = rule.waits_as if may_retry else None
    error = JobError(
        code=code,
        message=_encodable(detail[:MESSAGE_CHARACTERS_MAX] or rule.message),
        hint=rule.hint,
        retryable=waits_as is not None,
        upstream=upstream or UpstreamError(),
    )
    return Bad(error=error, is_charged=rule.is_charged, waits_as=waits_as, retry_after=retry_after)


def judge(
    endpoint: Endpoint, answer: Answer, *, at: datetime, demands_tool_call: bool = False
) -> Good | Bad:
    """Say what an answer that came at ``at`` means for a job that called ``endpoint``."""
    if answer.status == HTTPStatus.OK:
        return _judge_good(endpoint, answer, demands_tool_call=demands_tool_call)
    said = _read_error(answer)
    upstream = UpstreamError(status=answer.status, code=said.code, request_id=_request_id(answer))
    return bad(
        _code_of(answer, said),
        said.message,
        upstream=upstream,
        retry_after=_retry_after(answer, at),
    )


def shows_access(verdict: Good | Bad) -> bool:
    """Tell whether Mistral has taken the key and the account, whatever else it said."""
    if isinstance(verdict, Good):
        return True
    is_refused = verdict.waits_as in OPERATORS_REASONS
    return not is_refused and verdict.error.code not in _SAYS_NOTHING_OF_ACCESS


def _retry_after(answer: Answer, at: datetime) -> timedelta | None:
    header = answer.headers.get("retry-after")
    wait = parse_retry_after(header, now=at) if header is not None else None
    return min(wait, RETRY_AFTER_TAKEN_MAX) if wait else None


def _judge_good(endpoint: Endpoint, answer: Answer, *, demands_tool_call: bool) -> Good | Bad:
    upstream = UpstreamError(status=answer.status, request_id=_request_id(answer))
    body = writable_json_or_none(answer.body)
    if not isinstance(body, dict) or not _has_answers(FACTS[endpoint], body):
        return bad(ErrorCode.INVALID_RESPONSE, upstream=upstream)
    if demands_tool_call and not first_tool_calls(body):
        return bad(ErrorCode.TOOL_CALL_MISSING, upstream=upstream)
    model = body.get("model")
    is_name = isinstance(model, str) and len(model) <= MODEL_CHARACTERS_MAX
    return Good(usage=read_usage(body), model_used=model if is_name else None)


def _has_answers(facts: EndpointFacts, body: Mapping[str, Any]) -> bool:
    """Tell whether the list is there. Where a model was to write, it must hold something."""
    answers = body.get(facts.answer_key)
    return isinstance(answers, list) and (bool(answers) or not facts.generates)


@dataclass(frozen=True, slots=True)
class _Said:
    message: str = ""
    code: str | None = None
    kind: str = ""


def _read_error(answer: Answer) -> _Said:
    body = json_or_none(answer.body)
    if not isinstance(body, dict):
        return _Said()
    message = body.get("message", body.get("detail", body.get("error")))
    if isinstance(message, dict):
        message = message.get("detail", message.get("message"))
    text = message if isinstance(message, str) else _join_details(message)
    code = body.get("code")
    kind = body.get("type")
    return _Said(
        text,
        _encodable(str(code)[:_CODE_CHARACTERS_MAX]) if isinstance(code, str | int) else None,
        kind if isinstance(kind, str) else "",
    )


def _join_details(details: object) -> str:
    """Put a list of validation errors into one line, leaving out the input they quote."""
    if not isinstance(details, list):
        return ""
    lines = (
        f"{'.'.join(map(str, d.get('loc', ())))}: {d.get('msg', 'invalid')}"
        for d in details
        if isinstance(d, dict) and isinstance(d.get("loc", ()), list | tuple)
    )
    return "; ".join(lines)


_CODE_BY_STATUS: Mapping[int, ErrorCode] = {
    HTTPStatus.UNAUTHORIZED: ErrorCode.INVALID_API_KEY,
    HTTPStatus.PAYMENT_REQUIRED: ErrorCode.INSUFFICIENT_CREDITS,
    HTTPStatus.FORBIDDEN: ErrorCode.FORBIDDEN,
    HTTPStatus.NOT_FOUND: ErrorCode.MODEL_NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: ErrorCode.TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorCode.RATE_LIMIT_EXCEEDED,
}


def _code_of(answer: Answer, said: _Said) -> ErrorCode:
    code = _CODE_BY_STATUS.get(answer.status)
    if code is ErrorCode.RATE_LIMIT_EXCEEDED:
        is_never = answer.headers.get(_REQUESTS_LIMIT_HEADER, "").strip() == "0"
        return ErrorCode.PLAN_EXCLUDES_MODEL if is_never else code
    if code is not None:
        return code
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ErrorCode.SERVICE_UNAVAILABLE
    if answer.status < HTTPStatus.BAD_REQUEST:
        return ErrorCode.INVALID_RESPONSE  # neither an answer nor a refusal
    return _code_of_refusal(said)


def _code_of_refusal(said: _Said) -> ErrorCode:
    if said.kind == "invalid_model":
        return ErrorCode.MODEL_NOT_FOUND
    if any(words in said.message.lower() for words in _CONTEXT_WORDS):
        return ErrorCode.CONTEXT_LENGTH_EXCEEDED
    return ErrorCode.INVALID_REQUEST


def _request_id(answer: Answer) -> str | None:
    request_id = answer.headers.get(REQUEST_ID_HEADER)
    return None if request_id is None else request_id[:_CODE_CHARACTERS_MAX]


def _encodable(text: str) -> str:
    """Return a text without the halves of characters that JSON can spell and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
