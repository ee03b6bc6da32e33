from dataclasses import replace

import pytest

from relay.adapters.dynamodb_tenants import DynamoDBTenantStore
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.tenant import Tenant
from relay.ports import TenantStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.fakes.tenants import InMemoryTenantStore

A_TENANT = Tenant(id=TENANT, name="Aperture", created_at=NOON)


class TenantStoreContract:
    @pytest.fixture
    def tenants(self) -> TenantStore:
        raise NotImplementedError

    def test_a_tenant_is_found_by_its_id(self, tenants: TenantStore) -> None:
        tenants.create(A_TENANT)

        assert tenants.get(TENANT) == A_TENANT

    def test_an_unknown_tenant_is_not_found(self, tenants: TenantStore) -> None:
        tenants.create(A_TENANT)

        with pytest.raises(NotFoundError):
            tenants.get(OTHER_TENANT)

    def test_a_tenant_is_never_replaced(self, tenants: TenantStore) -> None:
        tenants.create(A_TENANT)

        with pytest.raises(AlreadyExistsError):
            tenants.create(replace(A_TENANT, name="Black Mesa"))

        assert tenants.get(TENANT) == A_TENANT

    def test_a_tenant_that_is_created_once_more_just_so_is_there(
        self, tenants: TenantStore
    ) -> None:
        tenants.create(A_TENANT)

        tenants.create(A_TENANT)

        assert tenants.page(before=None, limit=9) == [A_TENANT]

    def test_tenants_are_listed_the_newest_first(self, tenants: TenantStore) -> None:
        all_of_them = [replace(A_TENANT, id=TenantId(f"ten_{number}")) for number in range(5)]
        for tenant in all_of_them:
            tenants.create(tenant)

        first = tenants.page(before=None, limit=2)
        rest = tenants.page(before=first[-1].id, limit=9)

        assert [*first, *rest] == list(reversed(all_of_them))


class TestInMemoryTenantStore(TenantStoreContract):
    @pytest.fixture
    def tenants(self) -> TenantStore:
        return InMemoryTenantStore()


class TestDynamoDBTenantStore(TenantStoreContract):
    @pytest.fixture
    def tenants(self, cloud: Cloud) -> TenantStore:
        return DynamoDBTenantStore(cloud.dynamodb(), TABLE)
