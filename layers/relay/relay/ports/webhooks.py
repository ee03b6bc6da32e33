"""Where webhook endpoints, their deliveries and what else concerns them are kept.

Each method may raise ``UnavailableError``, as those of the other stores.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.ids import DeliveryId, EndpointId, TenantId
from relay.domain.recovery import Recovery
from relay.domain.secret_versions import SecretVersions
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.ports.stores import Found


class EndpointStore(Protocol):
    """Webhook endpoints. The row is the lock: each change is one conditional write."""

    def create(self, endpoint: WebhookEndpoint) -> None:
        """Keep a new endpoint.

        Raises:
            AlreadyExistsError: one of this id is there; nothing was changed.
        """
        ...

    def get(self, tenant_id: TenantId, endpoint_id: EndpointId) -> WebhookEndpoint:
        """Return an endpoint as it is now, all writes that were answered before included.

        Raises:
            NotFoundError: the tenant has no such endpoint.
        """
        ...

    def of_tenant(self, tenant_id: TenantId) -> Sequence[WebhookEndpoint]:
        """Return all endpoints of a tenant by id, the newest first, each as it is now.

        Rows that cannot be read are left out.
        """
        ...

    def save(
        self, before: WebhookEndpoint, after: WebhookEndpoint, *, told_by: Event | None = None
    ) -> None:
        """Write ``after``, if the row's version is still that of ``before``.

        ``told_by`` is inserted as its own outbox in the same transaction. What had been done
        already counts as done now. A turn that was taken meanwhile is no change.

        Raises:
            LostRaceError: the row has changed since, or is gone; nothing was written.
        """
        ...

    def take_turn(
        self, endpoint: WebhookEndpoint, *, at: datetime, apart: timedelta
    ) -> datetime | None:
        """Reserve the next free turn at an endpoint, and return its moment, ``at`` or later.

        Turns lie ``apart`` at least. In one conditional write, tried anew where another came
        first. ``None`` where the endpoint is gone.
        """
        ...

    def remove(self, tenant_id: TenantId, endpoint_id: EndpointId) -> None:
        """Remove an endpoint for good.

        Raises:
            NotFoundError: the tenant has no such endpoint.
        """
        ...


class CallbackSecretStore(Protocol):
    """Which versions of a tenant's secret for callback addresses sign."""

    def get(self, tenant_id: TenantId) -> SecretVersions:
        """Return them as they are now. A tenant that has never rotated has the first."""
        ...

    def save(self, tenant_id: TenantId, before: SecretVersions, after: SecretVersions) -> None:
        """Write ``after``, if the current version is still that of ``before``.

        Raises:
            LostRaceError: it is not; nothing was written.
        """
        ...


class DeliveryStore(Protocol):
    """Deliveries. As with jobs, the row is the lock."""

    def create(self, delivery: Delivery) -> None:
        """Keep a new delivery.

        Raises:
            AlreadyExistsError: it is there already; nothing was changed.
        """
        ...

    def get(self, tenant_id: TenantId, delivery_id: DeliveryId) -> Delivery:
        """Return a tenant's delivery as it is now. One just made may take a moment to be found.

        Raises:
            NotFoundError: the tenant has no such delivery.
        """
        ...

    def find(self, names: Collection[tuple[str, DeliveryId]]) -> Found[DeliveryId, Delivery]:
        """Return those deliveries that are there, by target and id."""
        ...

    def newest_first(
        self,
        tenant_id: TenantId,
        *,
        target_id: str | None = None,
        before: str | None = None,
        since: str | None = None,
    ) -> Iterator[Delivery]:
        """Yield a tenant's deliveries by id, the newest first, reading only as far as is asked for.

        Those to one target, or all. ``before`` is an id that is left out with all newer ones,
        ``since`` the least id to come. Rows that cannot be read are left out.
        """
        ...

    def claim(
        self, target_id: str, delivery_id: DeliveryId, *, at: datetime, lease: timedelta
    ) -> Delivery:
        """Take a pending delivery that is due for one attempt, in one write.

        Raises:
            DeliveryNotClaimableError: final, not due, or under a live lease; carries it as it is.
            NotFoundError: there is no such delivery.
        """
        ...

    def save(self, before: Delivery, after: Delivery) -> None:
        """Write what came of an attempt, if it is still held under the same fencing token.

        Raises:
            LostLeaseError: it is not; nothing was written.
        """
        ...

    def reopen(self, before: Delivery, after: Delivery, *, at: datetime) -> None:
        """Write the beginning of a new round, if the delivery is as it was read and not in hands.

        The fencing token rises, so that an attempt that has overrun its lease records nothing.

        Raises:
            LostRaceError: it has changed since, or an attempt is under way; nothing was written.
        """
        ...


class RecoveryStore(Protocol):
    """Recoveries."""

    def create(self, recovery: Recovery) -> None:
        """Keep a new recovery. Kept already it stays as it is.

        Its hint on the wheel comes first, since nothing else gets it going.
        """
        ...

    def find(self, names: Collection[tuple[EndpointId, str]]) -> Found[str, Recovery]:
        """Return those recoveries that are there, by endpoint and id, each as it is now."""
        ...

    def save(self, before: Recovery, after: Recovery) -> None:
        """Write how far a recovery has come.

        Raises:
            LostRaceError: somebody else has come further; nothing was written.
        """
        ...
