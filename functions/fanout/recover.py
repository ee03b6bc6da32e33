"""A part of a recovery: past events that an endpoint failed to get, or missed, go there again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery, DeliveryStatus
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.event import Event
from relay.domain.event_types import ENDPOINT_TEST
from relay.domain.ids import DeliveryId, EventId, first_id
from relay.domain.messages import RecoveryMessage
from relay.domain.recovery import Recovery
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.wheel import HintKind, wake
from relay.ports import Clock, DeliveryStore, EndpointStore, EventStore, RecoveryStore, Wheel
from relay.use_cases.redeliver import Redeliver

EVENTS_AT_ONCE = 25
"""How many events are looked at between two looks at the clock."""
_EVENT = "evt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """Takes recoveries further. Whatever is done twice is done once: rounds have names."""

    recoveries: RecoveryStore
    endpoints: EndpointStore
    events: EventStore
    deliveries: DeliveryStore
    redeliver: Redeliver
    wheel: Wheel
    clock: Clock

    def __call__(self, message: RecoveryMessage, *, ends_at: datetime) -> Recovery | None:
        """Go on with a recovery until it is finished or time is up; then the wheel goes on.

        Returns it as it is now, ``None`` where there is nothing to go on with.
        """
        found = self.recoveries.find([(message.endpoint_id, message.recovery_id)])
        recovery = found.rows.get(message.recovery_id)
        if recovery is None or recovery.finished_at is not None:
            return None
        try:
            endpoint = self.endpoints.get(recovery.tenant_id, recovery.endpoint_id)
        except NotFoundError:
            return self._saved(recovery, recovery.finished(self.clock.now(), redelivered=0))
        return self._walked(recovery, endpoint, ends_at)

    def _walked(
        self, recovery: Recovery, endpoint: WebhookEndpoint, ends_at: datetime
    ) -> Recovery | None:
        redelivered = 0
        after = recovery.after or EventId("")
        if endpoint.is_enabled:
            for events in batched(self._events(recovery), EVENTS_AT_ONCE, strict=False):
                redelivered += self._take(events, recovery, endpoint)
                after = events[-1].id
                now = self.clock.now()
                if now >= ends_at:
                    due = wake(HintKind.RECOVERY, endpoint.id, recovery.id, due=now, now=now)
                    self.wheel.put([due])  # before the row: no crash leaves it without one
                    part = recovery.advanced(after, redelivered=redelivered, due_at=now)
                    return self._saved(recovery, part)
        finished = recovery.finished(self.clock.now(), redelivered=redelivered)
        return self._saved(recovery, finished)

    def _events(self, recovery: Recovery) -> Iterable[Event]:
        return self.events.oldest_first(
            recovery.tenant_id,
            after=recovery.after or first_id(_EVENT, recovery.since),
            before=first_id(_EVENT, recovery.until),
            at=self.clock.now(),
        )

    def _take(self, events: Sequence[Event], recovery: Recovery, endpoint: WebhookEndpoint) -> int:
        """Send those of some events that the endpoint wants and has not got; return how many."""
        at = self.clock.now()
        wanted = [it for it in events if endpoint.wants(it.type) and it.type != ENDPOINT_TEST]
        ids = {it.id: delivery_of(it, endpoint, at).id for it in wanted}
        there: Mapping[DeliveryId, Delivery] = self.deliveries.find(
            [(endpoint.id, delivery_id) for delivery_id in ids.values()]
        ).rows
        missed = [it for it in wanted if _is_missed(there.get(ids[it.id]), at)]
        for event in missed:
            self.redeliver.event(event, endpoint, round_id=recovery.round_id, at=at)
        return len(missed)

    def _saved(self, before: Recovery, after: Recovery) -> Recovery | None:
        try:
            self.recoveries.save(before, after)
        except LostRaceError:  # a second message took it further
            return None
        return after


def _is_missed(delivery: Delivery | None, at: datetime) -> bool:
    """Tell whether an endpoint has not got an event, and will not within a moment."""
    if delivery is None:
        return True
    if delivery.status is DeliveryStatus.PENDING:
        return delivery.next_attempt_at > at and not delivery.is_in_hands(at)
    return delivery.status is not DeliveryStatus.DELIVERED
