from typing import override

from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.tenant import Tenant
from relay.ports import TenantStore
from tests.fakes.paging import page_of
from tests.fakes.seam import QUIET, Seam


class InMemoryTenantStore(TenantStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._tenants: dict[str, Tenant] = {}
        self._seam = seam

    @override
    def create(self, tenant: Tenant) -> None:
        with self._seam.around("tenants.create"):
            if self._tenants.setdefault(tenant.id, tenant) != tenant:
                raise AlreadyExistsError(tenant.id)

    @override
    def get(self, tenant_id: TenantId) -> Tenant:
        with self._seam.around("tenants.get"):
            try:
                return self._tenants[tenant_id]
            except KeyError as error:
                raise NotFoundError("no such tenant") from error

    @override
    def page(self, *, before: str | None, limit: int) -> list[Tenant]:
        with self._seam.around("tenants.page"):
            return page_of(self._tenants, before, limit)
