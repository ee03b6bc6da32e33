"""What faulted calls are answered: the real service's error bodies, in all their shapes."""

import asyncio
from collections.abc import Sequence

from starlette.types import Receive

from tools.simulator.behaviour import Fault, FaultKind
from tools.simulator.call import JSON_TYPE, Answer, to_json
from tools.simulator.errors import error_object

TEXT_TYPE = "text/plain"
RETRY_AFTER_SECONDS = "1"
SHARE_SENT = 0.5

type Shape = tuple[str, bytes, dict[str, str]]


def _json(body: object, headers: dict[str, str] | None = None) -> Shape:
    return JSON_TYPE, to_json(body), headers or {}


def _text(body: str) -> Shape:
    return TEXT_TYPE, body.encode(), {}


_EXTRA_FIELD = {
    "detail": [
        {
            "type": "extra_forbidden",
            "loc": ["body", "simulated"],
            "msg": "Extra inputs are not permitted",
            "input": 1,
        }
    ]
}
_RATE_LIMITED = error_object(429, "Rate limit exceeded", "rate_limited", "1300")
_SERVER_ERROR = error_object(500, "Internal server error", "internal_server_error", "3000")
_UNAVAILABLE = error_object(503, "Service unavailable.", "internal_server_error", "3000")
_ENVOY = (
    "upstream connect error or disconnect/reset before headers. "
    "reset reason: connection termination"
)
# No 402 has been seen in the wild; this shape is a guess after the 401's.
_SHAPES: dict[FaultKind, Sequence[Shape]] = {
    "400": (
        _json(error_object(400, "Simulated refusal", "invalid_request_invalid_args", "3051")),
        _json(error_object(400, "Simulated refusal", "invalid_request_prompt", "3210")),
    ),
    "401": (_json({"detail": "Invalid API Key"}),),
    "402": (_json({"detail": "Payment Required"}),),
    "422": (
        _json(_EXTRA_FIELD),
        _json(error_object(422, _EXTRA_FIELD, "invalid_request_error", None)),
    ),
    "429": (
        _json(_RATE_LIMITED, {"retry-after": RETRY_AFTER_SECONDS}),
        _json(_RATE_LIMITED),
        _json({"message": "Requests rate limit exceeded"}),
        _json(
            error_object(
                429,
                "Service tier capacity exceeded for this model.",
                "invalid_request_error",
                None,
            ),
            {"retry-after": RETRY_AFTER_SECONDS},
        ),
    ),
    "500": (_json(_SERVER_ERROR), _text("Internal Server Error")),
    "503": (_text(_ENVOY), _json(_UNAVAILABLE), _json({"message": "no healthy upstream"})),
}


def status_fault(fault: Fault) -> Answer | None:
    """Return the error that stands in for the answer, or None if the fault is not a status."""
    shapes = _SHAPES.get(fault.kind)
    if shapes is None:
        return None
    content_type, body, headers = shapes[int(fault.variant * len(shapes))]
    return Answer(int(fault.kind), (body,), content_type, headers)


async def hang(receive: Receive, *, seconds_max: float) -> bool:
    """Wait until the client goes away, and say whether it did so in time."""
    try:
        async with asyncio.timeout(seconds_max):
            while (await receive())["type"] != "http.disconnect":
                pass  # whatever else arrives is read and forgotten
    except TimeoutError:
        return False
    return True


def hung_up() -> Answer:
    """Return what a proxy says when it loses patience with a call that hangs."""
    return Answer(504, (b"upstream request timeout",), TEXT_TYPE)


def cut_parts(answer: Answer) -> tuple[bytes, ...]:
    """Return the part of the body that is sent before the connection breaks."""
    if answer.is_stream:
        return answer.parts[: max(1, int(len(answer.parts) * SHARE_SENT))]
    return (_first_half(answer.parts[0]),)


def with_broken_json(answer: Answer) -> Answer:
    """Return the answer with JSON that ends in the middle; of a stream, one event is broken."""
    parts = list(answer.parts)
    place = len(parts) // 2
    broken = _first_half(parts[place])
    parts[place] = broken + b"\n\n" if answer.is_stream else broken
    return Answer(answer.status, tuple(parts), answer.content_type, answer.headers, answer.usage)


def _first_half(part: bytes) -> bytes:
    return part[: int(len(part) * SHARE_SENT)]
