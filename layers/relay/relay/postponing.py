"""How a function that reads a queue says which messages must come back, and when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.domain.errors import UnavailableError
from relay.ports import Postponement, Visibility
from relay.telemetry import WideLog


def postpone(
    records: Sequence[Mapping[str, Any]],
    looks: Sequence[datetime | None],
    *,
    visibility: Visibility,
    at: datetime,
    log: WideLog,
) -> None:
    """Hide each message that must come back until its look."""
    again = [(r, look) for r, look in zip(records, looks, strict=True) if look is not None]
    if not again:
        return
    try:
        visibility.postpone([Postponement(r["receiptHandle"], look - at) for r, look in again])
    except UnavailableError as error:  # they come back all the same, only later
        log.line("messages.not_postponed", {"records": len(again)}, error)


def batch_response(
    records: Sequence[Mapping[str, Any]], looks: Sequence[datetime | None]
) -> dict[str, Any]:
    """Return Lambda's partial batch response.

    A record without a look has done its work, and Lambda deletes its message. A message that is
    reported keeps the visibility that it has been given.
    """
    again = [r for r, look in zip(records, looks, strict=True) if look is not None]
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in again]}
