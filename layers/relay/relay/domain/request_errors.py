"""What a client is told of a request whose shape cannot be right: our own words for pydantic's.

None of them repeats what was sent, since they may end up in a log or an event.
"""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from relay.domain.body_rules import FieldError

NO_FIELD = "is not a field that this version takes"
_A_MOMENT = "must be a moment with its offset, such as 2026-11-25T12:00:00Z"
_MESSAGES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be a text",
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "list_type": lambda _: "must be a list",
    "greater_than_equal": lambda limit: f"must be at least {limit['ge']}",
    "less_than_equal": lambda limit: f"must be at most {limit['le']}",
    "string_too_short": lambda limit: f"must have at least {_characters(limit['min_length'])}",
    "string_too_long": lambda limit: f"must have at most {_characters(limit['max_length'])}",
    "too_short": lambda limit: f"must hold at least {_entries(limit['min_length'])}",
    "too_long": lambda limit: f"must hold at most {_entries(limit['max_length'])}",
    "string_pattern_mismatch": lambda limit: f"must match {limit['pattern']}",
    "literal_error": lambda limit: f"must be {_choice(limit['expected'])}",
    "enum": lambda limit: f"must be one of {_choice(limit['expected'])}",
    "datetime_type": lambda _: _A_MOMENT,
    "datetime_parsing": lambda _: _A_MOMENT,
    "datetime_from_date_parsing": lambda _: _A_MOMENT,
    "datetime_object_invalid": lambda _: _A_MOMENT,
    "timezone_aware": lambda _: _A_MOMENT,
}
"""By pydantic's types of errors. Source: its documentation, "Validation Errors"."""


def field_error(
    detail: ErrorDetails, fields: Iterable[str], planned: Mapping[str, str]
) -> FieldError:
    """Return one thing that is wrong, and where.

    ``fields`` are the request's own. ``planned`` says, by field, what values are still to come.
    """
    location = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        message = NO_FIELD
        near = get_close_matches(str(location[0]), fields, n=1) if len(location) == 1 else []
        message += "".join(f"; did you mean {name}?" for name in near)
    else:
        words = _MESSAGES.get(kind)
        message = words(detail.get("ctx", {})) if words else detail["msg"]
        if kind in ("literal_error", "enum") and len(location) == 1:
            later = planned.get(str(location[0]))
            message += f"; {later} not there yet" if later else ""
    return FieldError(_pointer(location), message)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return a JSON pointer as a URI fragment. Source: RFC 6901, section 6."""
    names = [str(part).replace("~", "~0").replace("/", "~1") for part in location]
    return "#" + "".join(f"/{name}" for name in names if name != "[key]")


def _characters(number: int) -> str:
    return "1 character" if number == 1 else f"{number} characters"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _choice(expected: str) -> str:
    """Return pydantic's list of values as JSON has them: ``'a', 'b' or 'c'``, ``False``."""
    return expected.replace("'", "").replace("False", "false").replace("True", "true")
