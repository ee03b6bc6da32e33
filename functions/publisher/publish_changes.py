"""The outbox: what was committed to the table becomes events, in the order bus, then row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from relay.domain.backoff import full_jitter
from relay.domain.circuit import Circuit
from relay.domain.event import Event, event_of, event_of_circuit
from relay.domain.job import Job
from relay.ports import ChangeReader, Clock, Dice, EventBus, EventStore, Queue

_TRIES = 3
_PAUSE_MAX = timedelta(seconds=2)
"""A throttled bus needs a moment; all tries together stay far below the function's time-out."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the table's stream."""

    sequence_number: str
    old_image: Mapping[str, Any] | None
    new_image: Mapping[str, Any] | None
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of a batch. The stream goes on from ``retry_from`` where it is set."""

    events: Sequence[Event]
    parked: Sequence[tuple[Change, BaseException]]
    retry_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishChanges:
    """Publishes changes. Run twice over the same changes it tells the same events again."""

    read: ChangeReader
    bus: EventBus
    events: EventStore
    unpublished: Queue
    clock: Clock
    dice: Dice

    def __call__(self, changes: Sequence[Change]) -> Published:
        """Publish what a batch of changes means.

        A change that cannot be read is parked, so that it holds up nobody behind it. An event
        that the bus does not take is tried again, and everything from it on after it.

        Raises:
            UnavailableError: nothing can be said about any of them; the batch must come again.
        """
        parked: list[tuple[Change, BaseException]] = []
        pending: list[tuple[Change, Event]] = []
        for change in changes:
            try:
                event = self._event_of(change)
            except Exception as error:  # noqa: BLE001 - a poison record must not block its shard
                self._park(change, error)
                parked.append((change, error))
                continue
            if event is not None:
                pending.append((change, event))
        refused = self._put_on_bus([event for _, event in pending])
        told = [event for _, event in pending if event.id not in refused]
        if told:
            self.events.put(told)
        retry_from = next((c.sequence_number for c, event in pending if event.id in refused), None)
        return Published(events=told, parked=parked, retry_from=retry_from)

    def _event_of(self, change: Change) -> Event | None:
        match self.read.read(change.new_image):
            case Event() as event:
                return event
            case Job() as job:
                before = self.read.read(change.old_image)
                return event_of(before if isinstance(before, Job) else None, job)
            case Circuit() as circuit:
                before = self.read.read(change.old_image)
                return event_of_circuit(before if isinstance(before, Circuit) else None, circuit)
            case None:
                return None

    def _put_on_bus(self, events: Sequence[Event]) -> set[str]:
        """Return the ids of the events that the bus would not take."""
        left = self.bus.put(events) if events else []
        for tries in range(1, _TRIES):
            if not left:
                break
            self.clock.wait(full_jitter(tries, cap=_PAUSE_MAX, chance=self.dice.chance()))
            left = self.bus.put(left)
        return {event.id for event in left}

    def _park(self, change: Change, error: Exception) -> None:
        """Send the row's key to the dead-letter queue, where an alarm waits for it."""
        key = {name: str(next(iter(value.values()))) for name, value in change.keys.items()}
        self.unpublished.send(
            key | {"reason": type(error).__name__, "sequence_number": change.sequence_number},
            group="unpublished",
        )
