"""The lines of a batch: how they are read, answered, and written into the two files.

An answered line has the documented form. No failed line was ever recorded, and clients are known
that look for the status and others that look for an ``error`` object, so both forms turn up here:
odd lines have a response of another status, even ones no response but an error.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tools.simulator.call import Call, Endpoint, to_json
from tools.simulator.errors import RefusalError, invalid_arguments
from tools.simulator.schema import Closed

LINES_MAX = 100_000
PREFIX_LENGTH = 8
OK = 200


class Line(Closed):
    """One request of a batch."""

    body: dict[str, Any]
    custom_id: str | None = None


Lines = Annotated[list[Line], Field(max_length=10_000)]


class UnreadableError(Exception):
    """The input is not one a job can be made of."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line."""

    record: dict[str, Any]
    error_message: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it belongs into the error file."""
        return self.error_message is not None


def read_lines(raw_lines: list[bytes]) -> list[Line]:
    """Return the lines, or raise UnreadableError with the number of the first bad one."""
    if not raw_lines:
        raise UnreadableError("The input holds no requests")
    if len(raw_lines) > LINES_MAX:
        raise UnreadableError(f"The input holds more than {LINES_MAX} requests")
    lines = []
    for number, raw in enumerate(raw_lines, start=1):
        try:
            lines.append(Line.model_validate_json(raw))
        except ValidationError as error:
            raise UnreadableError(f"Line {number} is not a valid request") from error
    return lines


def check_one_model(lines: list[Line], model: str | None) -> None:
    """Raise UnreadableError for lines that name another model than the job or each other."""
    named = {line.body["model"] for line in lines if isinstance(line.body.get("model"), str)}
    if len(named | ({model} if model else set())) > 1:
        raise UnreadableError("A batch job has one model for all its requests")


def answer_line(
    line: Line, call: Call, endpoint: Endpoint, *, job_id: str, number: int, model: str | None
) -> LineResult:
    """Answer one line as the live endpoint would answer it; ``number`` counts from one."""
    body = line.body
    if model is not None and "model" not in body and "agent_id" not in body:
        body = {**body, "model": model}
    call = Call(call.number, call.at_unix_seconds, to_json(body), seed=call.seed)
    record = {
        "id": f"batch-{job_id[:PREFIX_LENGTH]}-{number}-{call.new_uuid('line')}",
        "custom_id": line.custom_id,
    }
    try:
        if body.get("stream"):
            raise invalid_arguments("stream is not supported in a batch")
        answer = endpoint(call)
    except RefusalError as refusal:
        return LineResult({**record, **_failure(refusal, number)}, _message(refusal.body))
    if answer.keep is not None:
        answer.keep()
    response = {"status_code": answer.status, "body": json.loads(answer.parts[0])}
    return LineResult({**record, "response": response, "error": None})


def _failure(refusal: RefusalError, number: int) -> dict[str, Any]:
    if number % 2:
        response = {"status_code": refusal.status, "body": refusal.body}
        return {"response": response, "error": None}
    error = {"message": _message(refusal.body), "code": str(refusal.status), **refusal.body}
    return {"response": None, "error": error}


def _message(body: Mapping[str, Any]) -> str:
    if isinstance(body.get("message"), str):
        return str(body["message"])
    detail = body.get("detail")
    return str(detail[0]["msg"]) if isinstance(detail, list) else str(detail)


def counted_errors(results: list[LineResult]) -> list[dict[str, Any]]:
    """Return each message of the failed lines, with how many lines it befell."""
    counts = Counter(each.error_message for each in results if each.failed)
    return [{"message": message, "count": count} for message, count in counts.items()]


def as_jsonl(records: list[dict[str, Any]]) -> bytes:
    """Return a file of one record a line."""
    return b"".join(to_json(record) + b"\n" for record in records)
