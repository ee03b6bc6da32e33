"""Mistral's answers, and reading what is in them. Nothing is taken for granted.

Source: answers recorded from the live API.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.domain.usage import Usage

_COUNT_MAX = 10**12
"""More tokens than any call can use. A row cannot keep a number of any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer as it came. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def first_message(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first choice's message of a chat answer, empty where there is none."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else {}


def first_tool_calls(answer: Mapping[str, Any]) -> list[Any] | None:
    """Return the first choice's tool calls, ``None`` where it made none."""
    calls = first_message(answer).get("tool_calls")
    return calls if isinstance(calls, list) and calls else None


def output_text(answer: Mapping[str, Any]) -> str | None:
    """Return the first choice's text, without its thinking, ``None`` where it has none."""
    content = first_message(answer).get("content")
    if isinstance(content, list):
        texts = [c.get("text") for c in content if isinstance(c, dict) and c.get("type") == "text"]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def read_usage(body: Mapping[str, Any]) -> Usage | None:
    """Return what Mistral counted, ``None`` where it counted nothing."""
    tokens, pages = body.get("usage"), body.get("usage_info")
    if not isinstance(tokens, dict) and not isinstance(pages, dict):
        return None
    tokens = tokens if isinstance(tokens, dict) else {}
    pages = pages if isinstance(pages, dict) else {}
    details = tokens.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(tokens.get("prompt_tokens")),
        completion_tokens=_count(tokens.get("completion_tokens")),
        total_tokens=_count(tokens.get("total_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
        pages_processed=_count(pages.get("pages_processed")),
    )


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _COUNT_MAX else None


def writable_json_or_none(body: bytes) -> object:
    """Return what can be written as JSON again, which NaN and halves of characters cannot.

    Answers can be large, so what is rare is looked for before it is proved by writing all anew.
    """
    try:
        parsed: object = json.loads(body, parse_constant=_refuse, parse_float=_finite)
        if b"\\ud" in body.lower():
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return parsed


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def json_or_none(body: bytes) -> object:
    """Return what the bytes say, ``None`` where they are not JSON."""
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed
