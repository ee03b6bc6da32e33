from dataclasses import replace
from datetime import datetime
from typing import override

from relay.domain.api_key import ApiKey
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.ports import KeyStore
from tests.fakes.paging import page_of
from tests.fakes.seam import QUIET, Seam


class InMemoryKeyStore(KeyStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._seam = seam

    @override
    def create(self, key: ApiKey) -> None:
        with self._seam.around("keys.create"):
            if self._keys.get(key.hash) == key:
                return
            if key.hash in self._keys or key.id in self._of_tenant(key.tenant_id):
                raise AlreadyExistsError(key.id)
            self._keys[key.hash] = key

    @override
    def get(self, key_hash: str) -> ApiKey:
        with self._seam.around("keys.get"):
            try:
                return self._keys[key_hash]
            except KeyError as error:
                raise NotFoundError("no such key") from error

    @override
    def find(self, tenant_id: TenantId, key_id: str) -> ApiKey:
        with self._seam.around("keys.find"):
            try:
                return self._of_tenant(tenant_id)[key_id]
            except KeyError as error:
                raise NotFoundError("no such key") from error

    @override
    def page(self, tenant_id: TenantId, *, before: str | None, limit: int) -> list[ApiKey]:
        with self._seam.around("keys.page"):
            return page_of(self._of_tenant(tenant_id), before, limit)

    @override
    def revoke(self, key: ApiKey, *, at: datetime) -> None:
        with self._seam.around("keys.revoke"):
            there = self._keys.get(key.hash)
            if there is None:
                raise NotFoundError(key.id)
            if there.revoked_at is None:
                self._keys[key.hash] = replace(there, revoked_at=at)

    def _of_tenant(self, tenant_id: TenantId) -> dict[str, ApiKey]:
        return {key.id: key for key in self._keys.values() if key.tenant_id == tenant_id}
