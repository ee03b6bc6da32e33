"""Whom a delivery goes to: the address, the secrets that sign, and how the endpoint there fares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relay.domain.delivery import Delivery
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.event import endpoint_disabled
from relay.domain.event_types import ENDPOINT_TEST
from relay.domain.ids import derived_ulid
from relay.domain.recovery import recovery_of, recovery_time_of
from relay.domain.signing import WebhookSecret, callback_secret, endpoint_secret
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.webhook_exchange import WebhookAnswer
from relay.domain.wheel import HintKind, wake, watch
from relay.ports import CallbackSecretStore, EndpointStore, RecoveryStore, Secret, Wheel

_TRIES = 3
"""How often how an endpoint fares is noted where others change its row at the same time."""
LOOKS_BACK = timedelta(hours=1)
"""How long before an endpoint's trouble its recovery begins: the events that showed the trouble had
happened by then, and of a burst all but the first wait for their turns.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Where one attempt goes. ``secrets`` are those in force, the newest first."""

    url: str
    secrets: Sequence[WebhookSecret]
    endpoint: WebhookEndpoint | None = None

    def takes(self, event_type: str) -> bool:
        """Tell whether an event is still to be sent there. A test may be while it is disabled."""
        return self.endpoint is None or self.endpoint.is_enabled or event_type == ENDPOINT_TEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressees:
    """Finds whom deliveries go to, and notes what came of them."""

    endpoints: EndpointStore
    callback_secrets: CallbackSecretStore
    recoveries: RecoveryStore
    wheel: Wheel
    master_secret: Secret

    def of(self, delivery: Delivery, at: datetime) -> Addressee:
        """Return whom a delivery goes to, as it is now: read just before each attempt.

        Raises:
            NotFoundError: the endpoint has been deleted.
        """
        master, tenant_id = self.master_secret.text(), delivery.tenant_id
        if delivery.endpoint_id is None:
            versions = self.callback_secrets.get(tenant_id)
            secrets = [callback_secret(master, tenant_id, version=v) for v in versions.active(at)]
            return Addressee(url=delivery.url, secrets=secrets)
        endpoint = self.endpoints.get(tenant_id, delivery.endpoint_id)
        secrets = [
            endpoint_secret(master, tenant_id, endpoint.id, version=version)
            for version in endpoint.secrets.active(at)
        ]
        return Addressee(url=endpoint.url, secrets=secrets, endpoint=endpoint)

    def in_turn(self, delivery: Delivery, endpoint: WebhookEndpoint, at: datetime) -> Delivery:
        """Return the delivery as it is where its turn is now, else held until its turn comes.

        Turns are reserved one after the other, so that nothing asks again before its own. What
        finds none within its round waits for the round's end, and costs nothing until then.
        """
        if delivery.event_type == ENDPOINT_TEST or not endpoint.is_paced(at):
            return delivery
        if endpoint.is_turn(delivery.turn_at, at):
            return delivery
        if at >= delivery.ends_at:
            return delivery.given_up(at, "not attempted: the endpoint was slow or failing")
        if endpoint.turn_at is not None and endpoint.turn_at >= delivery.ends_at:
            return delivery.held(delivery.ends_at, turn_at=None)
        turn_at = self.endpoints.take_turn(endpoint, at=at, apart=endpoint.turns_apart(at))
        if turn_at is None:
            return delivery.cancelled(at)
        return delivery if turn_at <= at else delivery.held(turn_at, turn_at=turn_at)

    def note(self, endpoint: WebhookEndpoint, answer: WebhookAnswer, at: datetime) -> None:
        """Note how an endpoint fares, where that has changed.

        One that has failed for too long is disabled, and its owner told, in one transaction. One
        that is well again gets what waited for its turn, and what it missed meanwhile.
        """
        for _ in range(_TRIES):
            after = endpoint.heard(answer, at)
            if after is endpoint:
                return
            if after.has_healed_since(endpoint, at):
                self._recover(endpoint, at)
            try:
                self._save(endpoint, after, at)
            except LostRaceError:
                try:
                    now = self.endpoints.get(endpoint.tenant_id, endpoint.id)
                except NotFoundError:
                    return
                if now.url != endpoint.url:
                    return  # what the old address answers says nothing of the new one
                endpoint = now
            else:
                return

    def _save(self, endpoint: WebhookEndpoint, after: WebhookEndpoint, at: datetime) -> None:
        if not endpoint.is_enabled or after.is_enabled:
            self.endpoints.save(endpoint, after)
            return
        event = endpoint_disabled(after, at)
        self.wheel.put([watch(HintKind.EVENT, event.tenant_id, event.id, at)])
        self.endpoints.save(endpoint, after, told_by=event)

    def _recover(self, endpoint: WebhookEndpoint, at: datetime) -> None:
        """Begin the recovery of the time that is under way, unless it has begun.

        It runs when that is over, so that one does for whatever heals until then.
        """
        until = recovery_time_of(at)
        identifier = f"rec_{derived_ulid(until, endpoint.id)}"
        recovery = recovery_of(
            endpoint.id,
            endpoint.tenant_id,
            identifier=identifier,
            since=(endpoint.troubled_since or at) - LOOKS_BACK,
            until=until,
            at=at,
        )
        self.wheel.put(
            [
                watch(HintKind.RECOVERY, endpoint.id, identifier, at),
                wake(HintKind.RECOVERY, endpoint.id, identifier, due=until, now=at),
            ]
        )
        self.recoveries.create(replace(recovery, due_at=until))
