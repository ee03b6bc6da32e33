"""Rows as the table's stream carries them."""

import base64
from collections.abc import Mapping
from typing import Any

from relay.aws.job_row import PREFIX, from_row
from relay.domain.job import Job


class TableStreamReader:
    """Reads images. A stream brings bytes in base 64, where the table's API brings bytes."""

    def job(self, image: Mapping[str, Any] | None) -> Job | None:
        """Return the job of an image, ``None`` of no image and of a row that is no job's."""
        if image is None or not image["pk"]["S"].startswith(PREFIX):
            return None
        return from_row({name: _with_bytes(value) for name, value in image.items()})


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
