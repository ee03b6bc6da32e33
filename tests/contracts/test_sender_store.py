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

    def test_senders_are_listed_the_greatest_identity_first(self, senders: SenderStore) -> None:
        all_of_them = [replace(SENDER, id=f"AROA{number}") for number in range(5)]
        for sender in all_of_them:
            senders.create(sender)

        first = senders.page(before=None, limit=2)
        rest = senders.page(before=first[-1].id, limit=9)

        assert [*first, *rest] == list(reversed(all_of_them))

    def test_a_sender_that_was_removed_is_nobody_and_may_be_mapped_anew(
        self, senders: SenderStore
    ) -> None:
        senders.create(SENDER)
        senders.remove(SENDER.id)
        with pytest.raises(NotFoundError):
            senders.get(SENDER.id)

        senders.create(replace(SENDER, tenant_id=OTHER_TENANT))

        assert senders.get(SENDER.id).tenant_id == OTHER_TENANT

    def test_a_sender_that_is_not_there_is_removed_all_the_same(self, senders: SenderStore) -> None:
        senders.remove(SENDER.id)

        assert list(senders.page(before=None, limit=9)) == []


class TestInMemorySenderStore(SenderStoreContract):
    @pytest.fixture
    def senders(self) -> SenderStore:
        return InMemorySenderStore()


class TestDynamoDBSenderStore(SenderStoreContract):
    @pytest.fixture
    def senders(self, cloud: Cloud) -> SenderStore:
        return DynamoDBSenderStore(cloud.dynamodb(), TABLE)
