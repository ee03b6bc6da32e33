from datetime import timedelta
from typing import Any

import pytest

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import ApiKey, Scope, new_key
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId, ulid
from relay.ports import KeyStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.fakes.keys import InMemoryKeyStore


def numbered_key(number: int, **changes: Any) -> ApiKey:
    text = new_key(bytes([number]) * 32)
    return an_api_key(text, id=f"key_{ulid(NOON, bytes([number]) * 10)}", **changes)


class KeyStoreContract:
    @pytest.fixture
    def keys(self) -> KeyStore:
        raise NotImplementedError

    @pytest.mark.parametrize("scopes", [frozenset(), frozenset({Scope.ADMIN}), frozenset(Scope)])
    def test_a_key_is_found_by_its_hash(self, keys: KeyStore, scopes: frozenset[Scope]) -> None:
        key = an_api_key(scopes=scopes)

        keys.create(key)

        assert keys.get(key.hash) == key

    def test_a_name_is_kept(self, keys: KeyStore) -> None:
        keys.create(an_api_key(name="CI"))

        assert keys.find(TENANT, an_api_key().id).name == "CI"

    def test_an_unknown_key_is_not_found(self, keys: KeyStore) -> None:
        with pytest.raises(NotFoundError):
            keys.get(an_api_key().hash)

    def test_a_key_is_never_replaced(self, keys: KeyStore) -> None:
        keys.create(an_api_key())

        with pytest.raises(AlreadyExistsError):
            keys.create(an_api_key(tenant_id=OTHER_TENANT))

        assert keys.get(an_api_key().hash) == an_api_key()

    def test_a_key_that_is_created_once_more_just_so_is_there(self, keys: KeyStore) -> None:
        keys.create(an_api_key())

        keys.create(an_api_key())

        assert keys.page(TENANT, before=None, limit=9) == [an_api_key()]

    def test_another_key_of_the_same_id_is_not_kept(self, keys: KeyStore) -> None:
        """Whoever was given it would hold a key that the list does not lead to."""
        keys.create(an_api_key())
        other = an_api_key(new_key(bytes([7]) * 32))

        with pytest.raises(AlreadyExistsError):
            keys.create(other)

        with pytest.raises(NotFoundError):
            keys.get(other.hash)

    def test_a_tenants_key_is_found_by_its_id(self, keys: KeyStore) -> None:
        keys.create(an_api_key())

        assert keys.find(TENANT, an_api_key().id) == an_api_key()

    @pytest.mark.parametrize(
        ("tenant_id", "key_id"), [(OTHER_TENANT, an_api_key().id), (TENANT, "key_1")]
    )
    def test_no_other_tenant_and_no_other_id_finds_it(
        self, keys: KeyStore, tenant_id: TenantId, key_id: str
    ) -> None:
        keys.create(an_api_key())

        with pytest.raises(NotFoundError):
            keys.find(tenant_id, key_id)

    def test_a_tenants_keys_are_listed_the_newest_first(self, keys: KeyStore) -> None:
        ours = [numbered_key(number) for number in range(5)]
        for key in (*ours, numbered_key(9, tenant_id=OTHER_TENANT)):
            keys.create(key)

        first = keys.page(TENANT, before=None, limit=2)
        rest = keys.page(TENANT, before=first[-1].id, limit=9)

        assert [*first, *rest] == list(reversed(ours))

    def test_a_tenant_without_keys_has_none_to_list(self, keys: KeyStore) -> None:
        assert list(keys.page(TENANT, before=None, limit=9)) == []

    def test_a_revoked_key_says_since_when_wherever_it_is_read(self, keys: KeyStore) -> None:
        keys.create(an_api_key())

        keys.revoke(an_api_key(), at=NOON)

        revoked = an_api_key(revoked_at=NOON)
        assert keys.get(revoked.hash) == revoked
        assert keys.find(TENANT, revoked.id) == revoked
        assert keys.page(TENANT, before=None, limit=9) == [revoked]

    def test_a_key_is_revoked_once(self, keys: KeyStore) -> None:
        keys.create(an_api_key())
        keys.revoke(an_api_key(), at=NOON)

        keys.revoke(an_api_key(), at=NOON + timedelta(hours=1))

        assert keys.get(an_api_key().hash).revoked_at == NOON

    def test_an_unknown_key_cannot_be_revoked_and_is_not_made(self, keys: KeyStore) -> None:
        with pytest.raises(NotFoundError):
            keys.revoke(an_api_key(), at=NOON)

        with pytest.raises(NotFoundError):
            keys.get(an_api_key().hash)


class TestInMemoryKeyStore(KeyStoreContract):
    @pytest.fixture
    def keys(self) -> KeyStore:
        return InMemoryKeyStore()


class TestDynamoDBKeyStore(KeyStoreContract):
    @pytest.fixture
    def keys(self, cloud: Cloud) -> KeyStore:
        return DynamoDBKeyStore(cloud.dynamodb(), TABLE)
