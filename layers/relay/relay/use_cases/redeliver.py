"""Sending an event to an endpoint again, or for the first time: always the same delivery."""

from dataclasses import dataclass, replace
from datetime import datetime

from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery
from relay.domain.errors import AlreadyExistsError, LostRaceError
from relay.domain.event import Event
from relay.domain.messages import delivery_message
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.wheel import HintKind, watch
from relay.ports import DeliveryStore, Queue, Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliver:
    """Opens a new round of a delivery: hint, row, message, as when it is made."""

    deliveries: DeliveryStore
    wheel: Wheel
    queue: Queue

    def event(
        self, event: Event, endpoint: WebhookEndpoint, *, round_id: str, at: datetime
    ) -> Delivery:
        """Send an event to an endpoint, whatever that has chosen and got before.

        Done again for the same round it is done.
        """
        delivery = replace(delivery_of(event, endpoint, at), round_id=round_id)
        self._watch(delivery, at)
        try:
            self.deliveries.create(delivery)
        except AlreadyExistsError:
            found = self.deliveries.find([(delivery.target_id, delivery.id)])
            there = found.rows.get(delivery.id, delivery)
            return self.again(
                there,
                round_id=round_id,
                payload_of=endpoint,
                at=at,
            )
        self._send(delivery)
        return delivery

    def again(
        self,
        delivery: Delivery,
        *,
        round_id: str,
        payload_of: WebhookEndpoint | None,
        at: datetime,
    ) -> Delivery:
        """Open a new round, unless this one is open already or an attempt is under way.

        ``payload_of`` is the endpoint whose choice of payload holds from now on, ``None`` for a
        callback, which keeps its own.
        """
        is_open = delivery.round_id is not None and delivery.round_id >= round_id
        if is_open or delivery.is_in_hands(at):
            return delivery
        after = delivery.reopened(
            at,
            round_id=round_id,
            payload=payload_of.payload if payload_of else delivery.payload,
            legacy=payload_of.legacy_signature if payload_of else delivery.legacy_signature,
        )
        self._watch(after, at)
        try:
            self.deliveries.reopen(delivery, after, at=at)
        except LostRaceError:  # somebody attempts it, or has opened a round, at this moment
            found = self.deliveries.find([(delivery.target_id, delivery.id)])
            return found.rows.get(delivery.id, delivery)
        self._send(after)
        return after

    def _watch(self, delivery: Delivery, at: datetime) -> None:
        self.wheel.put([watch(HintKind.DELIVERY, delivery.target_id, delivery.id, at)])

    def _send(self, delivery: Delivery) -> None:
        self.queue.send(delivery_message(delivery), group=delivery.tenant_id)
