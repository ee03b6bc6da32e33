"""Why a job ended without an answer, or last failed on its way to one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ErrorCode(StrEnum):
    """What went wrong, in the words of the public contract."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    MODEL_NOT_FOUND = "model_not_found"
    FORBIDDEN = "forbidden"
    PLAN_EXCLUDES_MODEL = "plan_excludes_model"
    INVALID_API_KEY = "invalid_api_key"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    SERVICE_UNAVAILABLE = "service_unavailable"
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection_failed"
    INVALID_RESPONSE = "invalid_response"
    TOOL_CALL_MISSING = "tool_call_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamError:
    """What Mistral itself said; each part is ``None`` where it said nothing."""

    status: int | None = None
    code: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed or expired. ``reason`` says what ended it, ``code`` keeps the last cause."""

    code: ErrorCode
    message: str
    hint: str
    retryable: bool
    reason: Literal["attempts_exhausted", "deadline_exceeded"] | None = None
    attempts: int = 0
    upstream: UpstreamError = UpstreamError()
