from dataclasses import replace

import pytest

from relay.adapters.dynamodb_senders import DynamoDBSenderStore
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.sender import Sender
from relay.ports import SenderStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT
from tests.fakes.senders import InMemorySenderStore

SENDER = Sender(id="AROAEXAMPLE", tenant_id=TENANT, created_at=NOON)


class SenderStoreContract:
    @pytest.fixture
    def senders(self) -> SenderStore:
        raise NotImplementedError

    def test_a_sender_is_found_by_its_identity(self, senders: SenderStore) -> None:
        senders.create(SENDER)

        assert senders.get(SENDER.id) == SENDER

    def test_an_unknown_sender_is_not_found(self, senders: SenderStore) -> None:
        senders.create(SENDER)

        with pytest.raises(NotFoundError):
            senders.get("AIDAEXAMPLE")

    def test_a_sender_is_never_given_to_another_tenant(self, senders: SenderStore) -> None:
        senders.create(SENDER)

        with pytest.raises(AlreadyExistsError):
            senders.create(replace(SENDER, tenant_id=OTHER_TENANT))

        assert senders.get(SENDER.id) == SENDER


class TestInMemorySenderStore(SenderStoreContract):
    @pytest.fixture
    def senders(self) -> SenderStore:
        return InMemorySenderStore()


class TestDynamoDBSenderStore(SenderStoreContract):
    @pytest.fixture
    def senders(self, cloud: Cloud) -> SenderStore:
        return DynamoDBSenderStore(cloud.dynamodb(), TABLE)
