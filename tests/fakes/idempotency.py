from datetime import datetime
from typing import override

from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.idempotency import Reservation
from relay.domain.ids import TenantId
from relay.ports import IdempotencyStore
from tests.fakes.seam import QUIET, Seam


class InMemoryIdempotencyStore(IdempotencyStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._held: dict[tuple[TenantId, str], Reservation] = {}
        self._seam = seam

    @override
    def reserve(self, reservation: Reservation, *, at: datetime) -> Reservation:
        with self._seam.around("idempotency.reserve"):
            name = (reservation.tenant_id, reservation.hash)
            held = self._held.get(name)
            if held is not None and held.expires_at > at.replace(microsecond=0):
                return held
            self._held[name] = reservation
            return reservation

    @override
    def take_over(self, before: Reservation, after: Reservation) -> None:
        with self._seam.around("idempotency.take_over"):
            name = (before.tenant_id, before.hash)
            held = self._held.get(name)
            if held == after:
                return
            if held != before:
                raise LostRaceError(before.resource_id)
            self._held[name] = after

    @override
    def get(self, tenant_id: TenantId, key_hash: str, *, at: datetime) -> Reservation:
        with self._seam.around("idempotency.get"):
            held = self._held.get((tenant_id, key_hash))
            if held is None or held.expires_at <= at:
                raise NotFoundError("no such key")
            return held
