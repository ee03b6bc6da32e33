from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import override

from relay.domain.delivery import Delivery, DeliveryStatus
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    LostLeaseError,
    LostRaceError,
    NotFoundError,
)
from relay.domain.ids import DeliveryId, TenantId
from relay.ports import DeliveryStore, Found
from tests.fakes.seam import QUIET, Seam


class InMemoryDeliveryStore(DeliveryStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self.unreadable: set[DeliveryId] = set()
        self._deliveries: dict[tuple[str, DeliveryId], Delivery] = {}
        self._seam = seam

    @override
    def create(self, delivery: Delivery) -> None:
        with self._seam.around("deliveries.create"):
            key = (delivery.target_id, delivery.id)
            if key in self._deliveries:
                raise AlreadyExistsError(delivery.id)
            self._deliveries[key] = delivery

    @override
    def get(self, tenant_id: TenantId, delivery_id: DeliveryId) -> Delivery:
        with self._seam.around("deliveries.get"):
            for delivery in self._deliveries.values():
                if (delivery.tenant_id, delivery.id) == (tenant_id, delivery_id):
                    return delivery
            raise NotFoundError(delivery_id)

    @override
    def newest_first(
        self,
        tenant_id: TenantId,
        *,
        target_id: str | None = None,
        before: str | None = None,
        since: str | None = None,
    ) -> Iterator[Delivery]:
        with self._seam.around("deliveries.list"):
            found = [it for it in self._deliveries.values() if it.tenant_id == tenant_id]
        for delivery in sorted(found, key=lambda it: it.id, reverse=True):
            is_in = (before is None or delivery.id < before) and delivery.id >= (since or "")
            is_to_it = target_id in (None, delivery.target_id)
            if is_in and is_to_it and delivery.id not in self.unreadable:
                yield delivery

    @override
    def claim(
        self, target_id: str, delivery_id: DeliveryId, *, at: datetime, lease: timedelta
    ) -> Delivery:
        with self._seam.around("deliveries.claim"):
            delivery = self._deliveries.get((target_id, delivery_id))
            if delivery is None:
                raise NotFoundError(delivery_id)
            if not _is_claimable(delivery, at):
                raise DeliveryNotClaimableError(delivery)
            claimed = delivery.claimed(at, lease)
            self._deliveries[target_id, delivery_id] = claimed
            return claimed

    @override
    def save(self, before: Delivery, after: Delivery) -> None:
        with self._seam.around("deliveries.save"):
            key = (after.target_id, after.id)
            delivery = self._deliveries.get(key)
            if delivery == after:
                return
            is_mine = (
                delivery is not None
                and delivery.fence == before.fence
                and delivery.lease_until is not None
            )
            if not is_mine:
                raise LostLeaseError(after.id)
            self._deliveries[key] = after

    @override
    def reopen(self, before: Delivery, after: Delivery, *, at: datetime) -> None:
        with self._seam.around("deliveries.reopen"):
            key = (after.target_id, after.id)
            delivery = self._deliveries.get(key)
            if delivery == after:
                return
            is_as_read = delivery is not None and _facts(delivery) == _facts(before)
            if delivery is None or not is_as_read or delivery.is_in_hands(at):
                raise LostRaceError(after.id)
            self._deliveries[key] = after

    @override
    def find(self, names: Collection[tuple[str, DeliveryId]]) -> Found[DeliveryId, Delivery]:
        with self._seam.around("deliveries.find"):
            there = {n[1]: self._deliveries[n] for n in names if n in self._deliveries}
            return Found(
                rows={it: delivery for it, delivery in there.items() if it not in self.unreadable},
                unreadable=frozenset(there.keys() & self.unreadable),
            )

    def all(self) -> list[Delivery]:
        return list(self._deliveries.values())


def _is_claimable(delivery: Delivery, at: datetime) -> bool:
    is_pending = delivery.status is DeliveryStatus.PENDING
    is_free = delivery.lease_until is None or delivery.lease_until < at
    return is_pending and delivery.next_attempt_at <= at and is_free


def _facts(delivery: Delivery) -> tuple[int, DeliveryStatus, datetime]:
    """Return what tells that a delivery has changed."""
    return delivery.fence, delivery.status, delivery.next_attempt_at
