"""Rows as the table's stream carries them."""

import base64
from collections.abc import Mapping
from typing import Any

from relay.aws import circuit_row, event_row, job_row
from relay.aws.values import text_of
from relay.ports import Change


class TableStreamReader:
    """Reads images. A stream brings bytes in base 64, where the table's API brings bytes."""

    def read(self, image: Mapping[str, Any] | None) -> Change | None:
        """Return a job, the circuit, or an event that waits for the bus."""
        if image is None:
            return None
        row = {name: _with_bytes(value) for name, value in image.items()}
        partition = text_of(row, "pk")
        if partition.startswith(job_row.PREFIX):
            return job_row.from_row(row)
        if circuit_row.KEY.items() <= row.items():
            return circuit_row.from_row(row)
        if partition.startswith(event_row.PREFIX) and event_row.UNPUBLISHED in row:
            return event_row.from_row(row)
        return None


def _with_bytes(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {"B": base64.b64decode(content)}
        case "M":
            return {"M": {name: _with_bytes(inner) for name, inner in content.items()}}
        case "L":
            return {"L": [_with_bytes(inner) for inner in content]}
        case _:
            return {kind: content}
