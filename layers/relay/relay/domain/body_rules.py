"""What of a body can be told wrong before Mistral sees it. The finer rules are Mistral's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.domain.endpoints import FACTS, Endpoint

ROLES = frozenset({"system", "user", "assistant", "tool"})
TEMPERATURE_MAX = 2
MODEL_CHARACTERS_MAX = 256
"""A name goes into the job's row and its events, so it cannot be of any length."""
TOOLS_KEPT_UPSTREAM = ("document_library", "connector")
_NOT_FROM_THERE = "names something kept at Mistral, which tenants cannot do yet; send its content"
_NO_STREAM = "must be left out: answers are kept whole, streams are not there yet"
_WITH_MESSAGES = frozenset({Endpoint.CHAT_COMPLETIONS, Endpoint.AGENTS_COMPLETIONS})


@dataclass(frozen=True, slots=True)
class FieldError:
    """A place in what was submitted, as a JSON pointer, and what is wrong with it."""

    pointer: str
    message: str


def check_body(endpoint: Endpoint, body: Mapping[str, Any]) -> list[FieldError]:
    """Return everything in the body that cannot be right."""
    facts = FACTS[endpoint]
    errors = [
        FieldError(
            f"#/body/{name}",
            "must not be empty" if name in body else f"is required by {endpoint}",
        )
        for name in facts.required
        if not body.get(name)
    ]
    if "stream" in body:
        errors.append(
            FieldError(
                "#/body/stream",
                "must be left out: answers are kept whole, streams are not there yet",
            )
        )
    if body.get("model") is not None and not _is_name(body["model"]):
        errors.append(FieldError("#/body/model", "must be the name of a model"))
    if endpoint in _WITH_MESSAGES:
        errors += _check_messages(body.get("messages"))
    errors += _check_kept_upstream(body)
    if facts.generates:
        errors += _check_numbers(body) + _check_tools(body.get("tools"))
    return errors


def _check_messages(messages: object) -> list[FieldError]:
    if not messages:
        return []  # said already: they are required
    if not isinstance(messages, list):
        return [FieldError("#/body/messages", "must be a list of messages")]
    return [
        FieldError(f"#/body/messages/{index}/role", f"must be one of {', '.join(sorted(ROLES))}")
        for index, message in enumerate(messages)
        if not _has_a_role(message)
    ]


def _has_a_role(message: object) -> bool:
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in ROLES  # a list or an object cannot be looked up


def _is_name(model: object) -> bool:
    return isinstance(model, str) and 0 < len(model) <= MODEL_CHARACTERS_MAX


def _check_kept_upstream(body: Mapping[str, Any]) -> list[FieldError]:
    """Refuse what names files, libraries or connectors that are kept at Mistral.

    All tenants share one account there, and nothing says yet whose such a thing is.
    """
    errors = []
    document = body.get("document")
    if isinstance(document, dict) and "file_id" in document:
        errors.append(FieldError("#/body/document/file_id", _NOT_FROM_THERE))
    for index, message in enumerate(_items(body.get("messages"))):
        for part, chunk in enumerate(_items(_field(message, "content"))):
            if _field(chunk, "file_id") is not None:
                pointer = f"#/body/messages/{index}/content/{part}/file_id"
                errors.append(FieldError(pointer, _NOT_FROM_THERE))
    for index, tool in enumerate(_items(body.get("tools"))):
        if _field(tool, "type") in TOOLS_KEPT_UPSTREAM:
            errors.append(FieldError(f"#/body/tools/{index}/type", _NOT_FROM_THERE))
    return errors


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _check_numbers(body: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    temperature, max_tokens = body.get("temperature"), body.get("max_tokens")
    if temperature is not None and not (
        _is_number(temperature) and 0 <= temperature <= TEMPERATURE_MAX
    ):
        errors.append(FieldError("#/body/temperature", f"must be from 0 to {TEMPERATURE_MAX}"))
    if max_tokens is not None and not (
        isinstance(max_tokens, int) and _is_number(max_tokens) and max_tokens >= 1
    ):
        errors.append(FieldError("#/body/max_tokens", "must be a whole number of at least 1"))
    return errors


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_tools(tools: object) -> list[FieldError]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        return [FieldError("#/body/tools", "must be a list of tools")]
    return [
        FieldError(f"#/body/tools/{index}/function/name", "a function needs a name")
        for index, tool in enumerate(tools)
        if _lacks_a_name(tool)
    ]


def _lacks_a_name(tool: object) -> bool:
    if not isinstance(tool, dict):
        return True
    if tool.get("type", "function") != "function":
        return False  # Mistral's built-in tools have none
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return not (isinstance(name, str) and name)


def with_defaults(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    *,
    model: str,
    max_tokens: int | None,
    temperature: float | None,
) -> dict[str, Any]:
    """Return the body with the deployment's defaults where it says nothing.

    The default model is a chat model, so the other endpoints have defaults of their own.
    """
    facts = FACTS[endpoint]
    filled = dict(body)
    if facts.takes_model and filled.get("model") is None:
        filled["model"] = facts.model_default or model
    numbers = {
        "max_tokens": max_tokens if facts.generates else None,
        "temperature": temperature if facts.takes_temperature else None,
    }
    for name, value in numbers.items():
        if value is not None:
            filled.setdefault(name, value)  # a null of the body's own means none, and stays
    return filled


def demands_tool_call(body: Mapping[str, Any]) -> bool:
    """Tell whether the model must call a tool."""
    tool_choice = body.get("tool_choice")
    return isinstance(tool_choice, dict) or tool_choice in ("any", "required")


def annotates_pages(body: Mapping[str, Any]) -> bool:
    """Tell whether pages are to be read with annotations."""
    return any(name.endswith("annotation_format") and body[name] is not None for name in body)


def with_model(body: bytes, model: str) -> bytes:
    """Return a body, as it was kept, that asks another model."""
    fields = json.loads(body) | {"model": model}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
