"""The publisher's real handler on fakes."""

from collections.abc import Callable, Sequence
from typing import Any

from functions.publisher.handler import make_handler
from functions.publisher.publish_changes import PublishChanges
from relay.adapters.table_stream import TableStreamReader
from relay.domain.event import Event
from tests.fakes.changes import JobChange, RowChange
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.events import InMemoryEventBus, InMemoryEventStore, never
from tests.fakes.log import ReadableLog
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.table_stream import stream_event
from tests.unit.functions.sample_events import failures


class Publisher:
    def __init__(
        self,
        *,
        seam: Seam = QUIET,
        refuses: Callable[[Event], bool] = never,
        events: InMemoryEventStore | None = None,
    ) -> None:
        self.bus = InMemoryEventBus(seam, refuses=refuses)
        self.events = events or InMemoryEventStore(seam)
        self.clock = FakeClock()
        self.unpublished = InMemoryQueue(self.clock, seam, name="unpublished")
        self.log = ReadableLog("publisher")
        self.handle = make_handler(
            PublishChanges(
                read=TableStreamReader(),
                bus=self.bus,
                events=self.events,
                unpublished=self.unpublished,
                clock=self.clock,
                dice=FakeDice(),
            ),
            self.log,
        )

    def publish(self, *changes: JobChange | RowChange) -> list[str]:
        """Publish a batch and return where the stream must go on from, if it must."""
        return self.publish_records(stream_event(changes)["Records"])

    def publish_records(self, records: Sequence[dict[str, Any]]) -> list[str]:
        return failures(self.handle({"Records": list(records)}, None))

    @property
    def told(self) -> list[str]:
        return [event.type for event in self.bus.taken]
