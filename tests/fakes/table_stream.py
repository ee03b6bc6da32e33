"""Changes of rows as DynamoDB's stream carries them to a function."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from relay.aws import job_row
from tests.fakes.changes import JobChange, RowChange


def stream_event(changes: Sequence[JobChange | RowChange]) -> dict[str, Any]:
    """Return the event of a batch of writes."""
    rows = (row_change(it) if isinstance(it, JobChange) else it for it in changes)
    return {"Records": [_record(number, change) for number, change in enumerate(rows, 1)]}


def row_change(change: JobChange) -> RowChange:
    """Return a job's change as one of its row."""
    before = None if change.before is None else job_row.to_row(change.before)
    return RowChange(before, job_row.to_row(change.after))


def _record(number: int, change: RowChange) -> dict[str, Any]:
    new = image(change.new)
    images = {"NewImage": new}
    if change.old is not None:
        images["OldImage"] = image(change.old)
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT" if change.old is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventVersion": "1.1",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/relay/stream/1",
        "dynamodb": {
            "Keys": {name: new[name] for name in ("pk", "sk")},
            "SequenceNumber": f"{number:021d}",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **images,
        },
    }


def image(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its bytes in base 64."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64encode(content).decode()}
    if kind == "M":
        return {"M": image(content)}
    if kind == "L":
        return {"L": [_value(element) for element in content]}
    return {kind: content}
