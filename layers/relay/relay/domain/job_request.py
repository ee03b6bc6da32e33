"""A submission as it comes from outside, checked once: by the API and by the submissions queue.

Pydantic, which is slow to import, is used here, in ``account_request`` and in ``endpoint_request``
only: functions that take no requests from outside must import none of them.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from relay.domain.body_rules import MODEL_CHARACTERS_MAX, FieldError, check_body, with_defaults
from relay.domain.egress import BlockedTargetError, EgressPolicy, check_url
from relay.domain.endpoints import FACTS, Endpoint
from relay.domain.job import (
    ATTEMPTS_DEFAULT,
    ATTEMPTS_MAX,
    DEADLINE_DEFAULT,
    DEADLINE_MAX,
    TIMEOUT_DEFAULT,
    TIMEOUT_MAX,
    Callback,
)
from relay.domain.moments import cut_to_milliseconds
from relay.domain.request_errors import field_error

METADATA_ENTRIES_MAX = 16
METADATA_KEY_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 512
URL_CHARACTERS_MAX = 2048
FALLBACK_MODELS_MAX = 5
_PLANNED = {
    "lane": "the batch lane is",
    "stream": "streams are",
    "on_tool_calls": "pausing for tool outputs is",
    "endpoint": "conversations and audio are",
}
"""By field, what it will take and does not take yet."""


class InvalidSubmissionError(ValueError):
    """What was submitted cannot be right; ``errors`` point at each place."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{e.pointer}: {e.message}" for e in errors))
        self.errors = errors


class UnreadableSubmissionError(ValueError):
    """What was submitted is not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDefaults:
    """What the deployment fills in where a body says nothing; ``None`` is not sent."""

    model: str
    max_tokens: int | None = None
    temperature: float | None = None

    @classmethod
    def of_settings(cls, model: str, max_tokens: str, temperature: str) -> Self:
        """Read them as the environment has them: an empty text means none."""
        return cls(
            model=model,
            max_tokens=int(max_tokens) if max_tokens else None,
            temperature=float(temperature) if temperature else None,
        )


class Closed(BaseModel):
    """A request that takes nothing but its own fields, and no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


type Url = Annotated[
    str,
    StringConstraints(max_length=URL_CHARACTERS_MAX),
    Field(json_schema_extra={"format": "uri"}),
]


class CallbackRequest(Closed):
    """Where the end of this job is told, with more say than ``callback_url``."""

    url: Url
    payload: Literal["full", "thin"] = Field("full", description="The whole job, or its ids only.")
    legacy_signature: bool = Field(
        default=False, description="Also send the older x-webhook-signature headers."
    )


type MetadataKey = Annotated[
    str, StringConstraints(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)
]
type ModelName = Annotated[str, StringConstraints(min_length=1, max_length=MODEL_CHARACTERS_MAX)]
type MetadataValue = Annotated[str, StringConstraints(max_length=METADATA_VALUE_CHARACTERS_MAX)]


class JobRequest(Closed):
    """One call to Mistral, to be made durably."""

    body: dict[str, Any] = Field(
        description="The request, just as Mistral's API takes it, without ``stream``."
    )
    endpoint: Endpoint = Field(
        Endpoint.CHAT_COMPLETIONS, description="The path of Mistral's API to call."
    )
    lane: Literal["live"] = Field("live", description="How the job is run.")
    stream: Literal[False] = Field(
        default=False, description="Whether tokens are kept as they come."
    )
    callback_url: Url | None = Field(None, description="Told of the job's end, signed.")
    callback: CallbackRequest | None = Field(None, description="The same, with more say.")
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default_factory=dict,
        max_length=METADATA_ENTRIES_MAX,
        description="Kept with the job and sent along with its events.",
    )
    deadline: AwareDatetime | None = Field(
        None, description="When the job expires; 24 hours from now by default, 7 days at most."
    )
    attempts_max: int = Field(
        ATTEMPTS_DEFAULT, ge=1, le=ATTEMPTS_MAX, description="Failed attempts that are allowed."
    )
    timeout_seconds: int = Field(
        int(TIMEOUT_DEFAULT.total_seconds()),
        ge=1,
        le=int(TIMEOUT_MAX.total_seconds()),
        description="How long one attempt may take.",
    )
    fallback_models: list[ModelName] = Field(
        default_factory=list,
        max_length=FALLBACK_MODELS_MAX,
        description="Models to try in turn after a failed attempt, then the first again.",
    )
    on_tool_calls: Literal["return"] = Field(
        "return", description="What happens when the model calls tools: the job completes."
    )
    notify_started: bool = Field(default=False, description="Whether job.started is told as well.")

    @model_validator(mode="after")
    def _one_callback(self) -> Self:
        if self.callback_url is not None and self.callback is not None:
            raise PydanticCustomError("two_callbacks", "give callback_url or callback, not both")
        return self

    def chosen_callback(self) -> Callback | None:
        """Return the callback, whichever way it was given."""
        if self.callback is not None:
            return Callback(**self.callback.model_dump())
        return Callback(url=self.callback_url) if self.callback_url is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSubmission:
    """A submission that may be queued. ``body`` is what Mistral will be sent, as JSON."""

    request: JobRequest
    model: str | None
    body: bytes
    deadline: datetime
    callback: Callback | None


def check_submission(
    raw: bytes, *, at: datetime, defaults: BodyDefaults, policy: EgressPolicy
) -> CheckedSubmission:
    """Read and check a submission.

    Raises:
        UnreadableSubmissionError: it is not JSON.
        InvalidSubmissionError: it is JSON, but cannot be right.
    """
    request = read_request(JobRequest, raw)
    errors = check_body(request.endpoint, request.body)
    errors += _check_deadline(request.deadline, at) + _check_callback(request, policy)
    if request.fallback_models and not FACTS[request.endpoint].takes_model:
        message = "an agent has a model of its own"
        errors.append(FieldError("#/fallback_models", message))
    if errors:
        raise InvalidSubmissionError(errors)
    body = with_defaults(
        request.endpoint,
        request.body,
        model=defaults.model,
        max_tokens=defaults.max_tokens,
        temperature=defaults.temperature,
    )
    model = body.get("model")
    return CheckedSubmission(
        request=request,
        model=model if isinstance(model, str) else None,
        body=_to_json(body),
        deadline=cut_to_milliseconds(request.deadline or at + DEADLINE_DEFAULT),
        callback=request.chosen_callback(),
    )


def read_request[Request: BaseModel](model: type[Request], raw: bytes) -> Request:
    """Read a request's body.

    Raises:
        UnreadableSubmissionError: it is not JSON.
        InvalidSubmissionError: it is JSON, but not what the model takes.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            raise UnreadableSubmissionError(details[0]["msg"]) from error
        raise InvalidSubmissionError(
            [field_error(detail, model.model_fields, _PLANNED) for detail in details]
        ) from error


def _to_json(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        message = "holds a number that JSON cannot write (NaN or infinity)"
        raise InvalidSubmissionError([FieldError("#/body", message)]) from error


def _check_deadline(deadline: datetime | None, at: datetime) -> list[FieldError]:
    if deadline is None or at < deadline <= at + DEADLINE_MAX:
        return []
    limit = DEADLINE_MAX // timedelta(days=1)
    return [FieldError("#/deadline", f"must lie in the future, {limit} days ahead at most")]


def _check_callback(request: JobRequest, policy: EgressPolicy) -> list[FieldError]:
    callback = request.chosen_callback()
    if callback is None:
        return []
    try:
        check_url(callback.url, policy)
    except BlockedTargetError as error:
        pointer = "#/callback/url" if request.callback else "#/callback_url"
        return [FieldError(pointer, error.reason)]
    return []
