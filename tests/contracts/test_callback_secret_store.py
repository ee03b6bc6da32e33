from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_callback_secrets import DynamoDBCallbackSecretStore
from relay.adapters.dynamodb_endpoints import DynamoDBEndpointStore
from relay.domain.errors import LostRaceError
from relay.domain.ids import TenantId
from relay.domain.secret_versions import NEVER_ROTATED, SecretVersions
from relay.ports import CallbackSecretStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.endpoints import InMemoryCallbackSecretStore
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.fakes.strategies import secret_versions, unused_id

HOUR = timedelta(hours=1)
ONCE = NEVER_ROTATED.rotated(NOON)
TWICE = ONCE.rotated(NOON + HOUR)


class CallbackSecretStoreContract:
    @pytest.fixture
    def secrets(self) -> CallbackSecretStore:
        raise NotImplementedError

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(versions=secret_versions)
    def test_every_part_of_the_versions_is_kept(
        self, secrets: CallbackSecretStore, versions: SecretVersions
    ) -> None:
        tenant_id = TenantId(unused_id("ten"))

        secrets.save(tenant_id, NEVER_ROTATED, versions)

        assert secrets.get(tenant_id) == versions

    def test_a_tenant_that_has_never_rotated_has_the_first(
        self, secrets: CallbackSecretStore
    ) -> None:
        secrets.save(OTHER_TENANT, NEVER_ROTATED, ONCE)

        assert secrets.get(TENANT) == NEVER_ROTATED

    def test_a_secret_is_rotated_again_and_again(self, secrets: CallbackSecretStore) -> None:
        secrets.save(TENANT, NEVER_ROTATED, ONCE)

        secrets.save(TENANT, ONCE, TWICE)

        assert secrets.get(TENANT) == TWICE

    @pytest.mark.parametrize("before", [NEVER_ROTATED, ONCE])
    def test_save_refuses_a_rotation_of_what_was_rotated_since(
        self, secrets: CallbackSecretStore, before: SecretVersions
    ) -> None:
        secrets.save(TENANT, NEVER_ROTATED, ONCE)
        secrets.save(TENANT, ONCE, TWICE)

        with pytest.raises(LostRaceError):
            secrets.save(TENANT, before, before.rotated(NOON + 2 * HOUR))

        assert secrets.get(TENANT) == TWICE

    def test_save_refuses_a_rotation_of_what_was_never_there(
        self, secrets: CallbackSecretStore
    ) -> None:
        with pytest.raises(LostRaceError):
            secrets.save(TENANT, ONCE, TWICE)

        assert secrets.get(TENANT) == NEVER_ROTATED

    @pytest.mark.parametrize("rotations", [(NEVER_ROTATED, ONCE), (NEVER_ROTATED, ONCE, TWICE)])
    def test_saving_again_what_was_saved_is_done_already(
        self, secrets: CallbackSecretStore, rotations: tuple[SecretVersions, ...]
    ) -> None:
        for before, after in pairwise(rotations):
            secrets.save(TENANT, before, after)

        secrets.save(TENANT, *rotations[-2:])

        assert secrets.get(TENANT) == rotations[-1]


class TestInMemoryCallbackSecretStore(CallbackSecretStoreContract):
    @pytest.fixture
    def secrets(self) -> CallbackSecretStore:
        return InMemoryCallbackSecretStore()


class TestDynamoDBCallbackSecretStore(CallbackSecretStoreContract):
    @pytest.fixture
    def secrets(self, cloud: Cloud) -> CallbackSecretStore:
        return DynamoDBCallbackSecretStore(cloud.dynamodb(), TABLE)

    def test_the_row_is_not_among_the_tenants_endpoints(
        self, cloud: Cloud, secrets: CallbackSecretStore
    ) -> None:
        secrets.save(TENANT, NEVER_ROTATED, ONCE)

        assert DynamoDBEndpointStore(cloud.dynamodb(), TABLE).of_tenant(TENANT) == []
