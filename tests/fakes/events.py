import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, override

from relay.aws.event_row import to_outbox_row
from relay.domain.errors import NotFoundError
from relay.domain.event import EVENT_SOURCE, Event, thin_envelope
from relay.domain.ids import EventId, TenantId
from relay.domain.moments import to_iso
from relay.ports import EventBus, EventStore
from tests.fakes.changes import Changes
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam


class InMemoryEventStore(EventStore):
    def __init__(self, seam: Seam = QUIET, *, stream: Changes | None = None) -> None:
        self.unreadable: set[EventId] = set()
        self._events: dict[tuple[TenantId, EventId], Event] = {}
        self._unpublished: set[tuple[TenantId, EventId]] = set()
        self._stream = stream
        self._seam = seam

    @override
    def put(self, events: Sequence[Event]) -> None:
        with self._seam.around("events.put"):
            for event in events:
                self._events.setdefault((event.tenant_id, event.id), event)
                self._unpublished.discard((event.tenant_id, event.id))

    @override
    def insert(self, event: Event) -> None:
        with self._seam.around("events.insert"):
            if not self.has(event):
                self.keep_as_outbox(event)

    @override
    def published(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        with self._seam.around("events.published"):
            return {n[1] for n in names if n in self._events and n not in self._unpublished}

    @override
    def unpublished(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        with self._seam.around("events.unpublished"):
            return {n[1] for n in names if n in self._unpublished}

    @override
    def tell_again(self, tenant_id: TenantId, event_id: EventId) -> None:
        with self._seam.around("events.tell_again"):
            if (tenant_id, event_id) in self._unpublished:
                event = self._events[tenant_id, event_id]
                self._note(event, event)

    def _note(self, before: Event | None, after: Event) -> None:
        if self._stream is not None:
            old = None if before is None else to_outbox_row(before)
            self._stream.note(old, to_outbox_row(after))

    @override
    def get(self, tenant_id: TenantId, event_id: EventId) -> Event:
        with self._seam.around("events.get"):
            try:
                return self._events[tenant_id, event_id]
            except KeyError as error:
                raise NotFoundError(event_id) from error

    @override
    def oldest_first(
        self, tenant_id: TenantId, *, after: str, before: str | None = None, at: datetime
    ) -> Iterator[Event]:
        with self._seam.around("events.list"):
            found = [it for it in self._events.values() if it.tenant_id == tenant_id]
        for event in sorted(found, key=lambda it: it.id):
            is_in = event.id > after and (before is None or event.id < before)
            if is_in and event.purge_at > at and event.id not in self.unreadable:
                yield event

    def has(self, event: Event) -> bool:
        return (event.tenant_id, event.id) in self._events

    def keep_as_outbox(self, event: Event) -> None:
        """Insert a new event as part of somebody else's step."""
        self._events[event.tenant_id, event.id] = event
        self._unpublished.add((event.tenant_id, event.id))
        self._note(None, event)

    def all(self) -> list[Event]:
        return list(self._events.values())


def never(_: Event) -> bool:
    return False


class InMemoryEventBus(EventBus):
    """Keeps what it took, twice where it was told twice, and passes it on to ``target``."""

    def __init__(
        self,
        seam: Seam = QUIET,
        *,
        target: InMemoryQueue | None = None,
        refuses: Callable[[Event], bool] = never,
    ) -> None:
        self.taken: list[Event] = []
        self.refuses = refuses
        self._target = target
        self._seam = seam

    @override
    def put(self, events: Sequence[Event]) -> list[Event]:
        with self._seam.around("bus.put"):
            refused = [event for event in events if self.refuses(event)]
            for event in events:
                if event not in refused:
                    self._take(event)
            return refused

    def _take(self, event: Event) -> None:
        self.taken.append(event)
        if self._target is not None:
            self._target.send_text(json.dumps(as_told(event)))


def as_told(event: Event) -> dict[str, Any]:
    """Return what EventBridge puts into a queue for an event."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.type,
        "source": EVENT_SOURCE,
        "account": "123456789012",
        "time": to_iso(event.occurred_at),
        "region": "eu-west-1",
        "resources": [],
        "detail": thin_envelope(event),
    }
