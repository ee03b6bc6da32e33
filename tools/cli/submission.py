"""The request that makes a job, from what was typed."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from tools.cli.errors import UsageError

STDIN = "-"
OPTION_SHAPE = re.compile(r"--?[A-Za-z][\w-]*(=.*)?")
KEY_SHAPE = re.compile(r"[!-~]{1,255}")
DURATION_SHAPE = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
DURATION_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def prompt_text(prompt: str, stdin: BinaryIO) -> str:
    """Return the prompt, read from ``stdin`` where it is ``-``.

    Raises:
        UsageError: It is empty, not UTF-8, or looks like a mistyped option.
    """
    if OPTION_SHAPE.fullmatch(prompt):
        raise UsageError(
            f"There is no option {prompt}.",
            advice=["See relay submit --help. If it is the prompt, pipe it into relay submit -"],
        )
    text = _text_of(stdin.read(), "standard input") if prompt == STDIN else prompt
    if not text.strip():
        raise UsageError("The prompt is empty.")
    return text


def json_body(path: str, stdin: BinaryIO) -> dict[str, Any]:
    """Return the JSON object in the file at ``path``, or on ``stdin`` where that is ``-``.

    Raises:
        UsageError: It cannot be read, or is no JSON object.
    """
    name = _name_of(path)
    text = text_in(path, stdin)
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{name} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply.") from error
    if not isinstance(body, dict):
        raise UsageError(f"{name} holds no JSON object, which a request's body is.")
    return body


def text_in(path: str, stdin: BinaryIO) -> str:
    """Return what is in the file at ``path``, or on ``stdin`` where that is ``-``.

    Raises:
        UsageError: It cannot be read, or is not UTF-8.
    """
    name = _name_of(path)
    try:
        content = stdin.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from error
    return _text_of(content, name)


def metadata_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return ``key=value`` pairs as a mapping.

    Raises:
        UsageError: One has no key or no ``=``, or a key comes twice.
    """
    metadata: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise UsageError(f"--metadata takes key=value, not {pair}")
        if key in metadata:
            raise UsageError(f"--metadata has {key} twice.")
        metadata[key] = value
    return metadata


def key_of(text: str) -> str:
    """Return an idempotency key as it was typed.

    Raises:
        UsageError: The API would not take it.
    """
    if not KEY_SHAPE.fullmatch(text):
        raise UsageError("--idempotency-key takes 1 to 255 visible ASCII characters, no blanks.")
    return text


def deadline_of(text: str, *, at: datetime) -> str:
    """Return a deadline as the API takes it, from a time with its zone or a span such as ``2h``.

    Raises:
        UsageError: It is neither.
    """
    return _moment(text, at, option="--deadline", sign=1)


def past_moment(text: str, *, option: str, at: datetime) -> str:
    """Return a moment as the API takes it, from a time with its zone or a span that is over.

    Raises:
        UsageError: It is neither.
    """
    return _moment(text, at, option=option, sign=-1)


def _moment(text: str, at: datetime, *, option: str, sign: int) -> str:
    span = DURATION_SHAPE.fullmatch(text)
    try:
        if span:
            moment = at + sign * timedelta(**{DURATION_UNITS[span[2]]: int(span[1])})
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise UsageError(f"{option} {text} has no zone; write it with Z or +02:00.")
        return wire_moment(moment)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} takes a time such as 2027-01-31T12:00:00Z or a span such as 2h, not {text}"
        ) from error


def wire_moment(moment: datetime) -> str:
    """Return an aware moment as the API takes it, cut to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def encoded(request: dict[str, Any]) -> bytes:
    """Return the request as it goes on the wire.

    Raises:
        UsageError: It holds what JSON cannot: NaN, infinity, or bytes that were not UTF-8.
    """
    try:
        return json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError("What was given is not all UTF-8.") from error
    except ValueError as error:
        raise UsageError("Numbers have to be finite.") from error


def _name_of(path: str) -> str:
    return "standard input" if path == STDIN else path


def _text_of(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")  # editors on Windows begin files with a mark
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text.") from error
