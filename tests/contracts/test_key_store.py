import pytest

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import Scope
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.ports import KeyStore
from tests.cloud import TABLE, Cloud
from tests.fakes.examples import OTHER_TENANT, an_api_key
from tests.fakes.keys import InMemoryKeyStore


class KeyStoreContract:
    @pytest.fixture
    def keys(self) -> KeyStore:
        raise NotImplementedError

    @pytest.mark.parametrize("scopes", [frozenset(), frozenset({Scope.ADMIN}), frozenset(Scope)])
    def test_a_key_is_found_by_its_hash(self, keys: KeyStore, scopes: frozenset[Scope]) -> None:
        key = an_api_key(scopes=scopes)

        keys.create(key)

        assert keys.get(key.hash) == key

    def test_an_unknown_key_is_not_found(self, keys: KeyStore) -> None:
        with pytest.raises(NotFoundError):
            keys.get(an_api_key().hash)

    def test_a_key_is_never_replaced(self, keys: KeyStore) -> None:
        keys.create(an_api_key())

        with pytest.raises(AlreadyExistsError):
            keys.create(an_api_key(tenant_id=OTHER_TENANT))

        assert keys.get(an_api_key().hash) == an_api_key()


class TestInMemoryKeyStore(KeyStoreContract):
    @pytest.fixture
    def keys(self) -> KeyStore:
        return InMemoryKeyStore()


class TestDynamoDBKeyStore(KeyStoreContract):
    @pytest.fixture
    def keys(self, cloud: Cloud) -> KeyStore:
        return DynamoDBKeyStore(cloud.dynamodb(), TABLE)
