"""Bugs about webhook endpoints that the simulation must find, planted into the real code."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from functions.deliverer.addressees import Addressee, Addressees
from functions.fanout.recover import Recover
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.ids import EventId
from relay.domain.recovery import Recovery
from relay.domain.secret_versions import SecretVersions
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.wheel import Hint, HintKind, Purpose
from relay.use_cases.redeliver import Redeliver
from tests.fakes.endpoints import InMemoryEndpointStore
from tests.fakes.wheel import InMemoryWheel
from tests.simulation.planted_bugs import Bug, Patch


def endpoints_are_remembered(patch: Patch) -> None:
    """Whom a delivery goes to is found once, and not again before each attempt."""
    kept: dict[tuple[int, str], Addressee] = {}

    def of(self: Addressees, delivery: Delivery, at: datetime) -> Addressee:
        name = (id(self), delivery.target_id)
        if name not in kept:
            kept[name] = real(self, delivery, at)
        return kept[name]

    real = Addressees.of
    patch.setattr(Addressees, "of", of)


def only_the_newest_secret_signs(patch: Patch) -> None:
    """From a rotation on the old secret signs nothing."""
    patch.setattr(SecretVersions, "active", lambda self, _at: [self.current])


def rotation_waits_for_the_day(patch: Patch) -> None:
    """The new secret signs only when the old one does no more."""

    def active(self: SecretVersions, at: datetime) -> list[int]:
        return real(self, at)[-1:]

    real = SecretVersions.active
    patch.setattr(SecretVersions, "active", active)


def redelivery_is_another_event(patch: Patch) -> None:
    """What is sent again gets an id of its own, as a new event would."""
    lots = random.Random(7)  # noqa: S311 - a history must be repeatable

    def reopened(self: Delivery, at: datetime, **more: Any) -> Delivery:
        renamed = EventId(f"{self.event_id[:-4]}{lots.randrange(1000, 9999)}")
        return replace(real(self, at, **more), event_id=renamed)

    real = Delivery.reopened
    patch.setattr(Delivery, "reopened", reopened)


def no_watch_over_deliveries(patch: Patch) -> None:
    """A delivery is made without a hint on the wheel that watches over it."""

    def put(self: InMemoryWheel, hints: Sequence[Hint]) -> None:
        left_out = (HintKind.DELIVERY, Purpose.WATCH)
        real(self, [it for it in hints if (it.kind, it.purpose) != left_out])

    real: Any = InMemoryWheel.put
    patch.setattr(InMemoryWheel, "put", put)


def recovery_forgets_where_it_was(patch: Patch) -> None:
    """The first of the events that a recovery walks through are taken for all of them."""

    def events(self: Recover, recovery: Recovery) -> Iterable[Event]:
        return list(real(self, recovery))[:2]

    real: Any = Recover._events  # noqa: SLF001 - the bug is planted in there
    patch.setattr(Recover, "_events", events)


def what_was_given_up_stays_so(patch: Patch) -> None:
    """A round that has ended is not opened again."""

    def again(self: Redeliver, delivery: Delivery, **more: Any) -> Delivery:
        is_over = delivery.finished_at is not None
        return delivery if is_over else real(self, delivery, **more)

    real = Redeliver.again
    patch.setattr(Redeliver, "again", again)


def disabled_in_silence(patch: Patch) -> None:
    """An endpoint is disabled, and the event that tells of it is left out."""

    def save(
        self: InMemoryEndpointStore, before: WebhookEndpoint, after: WebhookEndpoint, **_: Any
    ) -> None:
        real(self, before, after)

    real = InMemoryEndpointStore.save
    patch.setattr(InMemoryEndpointStore, "save", save)


def held_is_forgotten(patch: Patch) -> None:
    """A delivery that is to wait for its turn is taken for one that has ended."""

    def in_turn(
        self: Addressees, delivery: Delivery, endpoint: WebhookEndpoint, at: datetime
    ) -> Delivery:
        after = real(self, delivery, endpoint, at)
        return delivery.cancelled(at) if after is not delivery else delivery

    real = Addressees.in_turn
    patch.setattr(Addressees, "in_turn", in_turn)


ENDPOINT_BUGS = (
    Bug("an endpoint is not read before each post", endpoints_are_remembered, "I13"),
    Bug("only the newest secret signs", only_the_newest_secret_signs, "I14"),
    Bug("a rotation waits for the day", rotation_waits_for_the_day, "I14"),
    Bug("a redelivery is another event", redelivery_is_another_event, "I6"),
    Bug("no watch over deliveries", no_watch_over_deliveries, "I6"),
    Bug("a recovery forgets where it was", recovery_forgets_where_it_was, "I6"),
    Bug("what was given up stays so", what_was_given_up_stays_so, "I6"),
    Bug("an endpoint is disabled in silence", disabled_in_silence, "I6"),
    Bug("who waits for a turn is forgotten", held_is_forgotten, "I6"),
)
