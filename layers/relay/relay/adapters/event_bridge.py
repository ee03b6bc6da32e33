"""The bus in EventBridge."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.domain.event import EVENT_SOURCE, Event, thin_envelope

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

BATCH_ENTRIES_MAX = 10  # of PutEvents


class EventBridgeBus:
    """Puts events on the bus."""

    def __init__(self, client: "EventBridgeClient", bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put events ten to a call; an answer of 200 may still have refused some."""
        refused: list[Event] = []
        for batch in batched(events, BATCH_ENTRIES_MAX, strict=False):
            with aws_errors_translated():
                done = self._client.put_events(
                    Entries=[
                        {
                            "EventBusName": self._bus,
                            "Source": EVENT_SOURCE,
                            "DetailType": event.type,
                            "Time": event.occurred_at,
                            "Detail": json.dumps(
                                thin_envelope(event),
                                ensure_ascii=False,
                                separators=(",", ":"),
                            ),
                        }
                        for event in batch
                    ]
                )
            results = zip(batch, done["Entries"], strict=True)
            refused += [event for event, result in results if "EventId" not in result]
        return refused
