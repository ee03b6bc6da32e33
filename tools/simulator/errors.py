"""Mistral's refusals: one exception, and the bodies it was seen to answer with.

The bodies have no common shape on the real service either. The ``code`` is a string of digits.
"""

from collections.abc import Mapping
from typing import Any

BAD_REQUEST = 400
UNAUTHORIZED = 401
NOT_FOUND = 404
PAYLOAD_TOO_LARGE = 413
UNPROCESSABLE = 422
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500

type Json = dict[str, Any]


class RefusalError(Exception):
    """The call is answered with an error; carries all that goes on the wire."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def error_object(status: int, message: object, kind: str, code: str | None) -> Json:
    """Return the flat error object, the commonest of the shapes."""
    return {
        "object": "error",
        "message": message,
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }


def _bad_request(message: str, kind: str, code: str) -> RefusalError:
    return RefusalError(BAD_REQUEST, error_object(BAD_REQUEST, message, kind, code))


def invalid_api_key() -> RefusalError:
    """The key is missing or wrong."""
    return RefusalError(UNAUTHORIZED, {"detail": "Invalid API Key"})


def invalid_model(name: str) -> RefusalError:
    """No such model, or not one for this endpoint."""
    return _bad_request(f"Invalid model: {name}", "invalid_model", "1500")


def invalid_arguments(message: str) -> RefusalError:
    """The fields are well formed and yet cannot be honoured."""
    return _bad_request(message, "invalid_request_invalid_args", "3051")


def invalid_prompt(message: str) -> RefusalError:
    """There is too much of the input."""
    return _bad_request(message, "invalid_request_prompt", "3210")


def invalid_message_order(message: str) -> RefusalError:
    """A message stands where its role may not."""
    return _bad_request(message, "invalid_request_message_order", "3230")


def invalid_tool_call_id(tool_call_id: str) -> RefusalError:
    """The id of a tool call is not nine letters and digits."""
    return _bad_request(
        f"Tool call id was {tool_call_id} but must be a-z, A-Z, 0-9, with a length of 9.",
        "invalid_function_call",
        "3280",
    )


def not_found(kind: str, name: str) -> RefusalError:
    """Nothing of this kind has this name; the words are ours, as none were recorded."""
    return RefusalError(NOT_FOUND, {"detail": f"{kind} {name} not found"})


def unusable_field(place: list[str], kind: str, message: str) -> RefusalError:
    """One field of a form, or of several that exclude each other, is missing or at fault."""
    entry = {"type": kind, "loc": place, "msg": message, "input": None}
    return RefusalError(UNPROCESSABLE, {"detail": [entry]})
