"""The conditional writes of keys, tenants and senders."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.adapters.dynamodb_senders import DynamoDBSenderStore
from relay.adapters.dynamodb_tenants import DynamoDBTenantStore
from relay.domain.api_key import new_key
from relay.domain.errors import AlreadyExistsError, NotFoundError, UnavailableError
from relay.domain.sender import Sender
from relay.domain.tenant import Tenant
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.integration.interference import (
    applied_twice,
    applied_unheard,
    just_before,
)

KEY = an_api_key()
SAME_ID = an_api_key(new_key(bytes([7]) * 32))
TOGETHER = "TransactWriteItems"
HOUR = timedelta(hours=1)


class TestKeys:
    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBKeyStore:
        return DynamoDBKeyStore(cloud.dynamodb(), TABLE)

    def test_create_loses_to_another_key_of_its_hash(
        self, cloud: Cloud, rival: DynamoDBKeyStore
    ) -> None:
        client = cloud.dynamodb()
        theirs = replace(KEY, tenant_id=OTHER_TENANT)
        just_before(client, TOGETHER, lambda: rival.create(theirs))

        with pytest.raises(AlreadyExistsError):
            DynamoDBKeyStore(client, TABLE).create(KEY)

        assert rival.get(KEY.hash) == theirs
        assert rival.page(TENANT, before=None, limit=9) == []

    def test_create_loses_to_another_key_of_its_id_and_grants_nothing(
        self, cloud: Cloud, rival: DynamoDBKeyStore
    ) -> None:
        """Two requests under one idempotency key: one that was slow, and whoever took it over."""
        client = cloud.dynamodb()
        just_before(client, TOGETHER, lambda: rival.create(SAME_ID))

        with pytest.raises(AlreadyExistsError):
            DynamoDBKeyStore(client, TABLE).create(KEY)

        assert rival.page(TENANT, before=None, limit=9) == [SAME_ID]
        with pytest.raises(NotFoundError):
            rival.get(KEY.hash)

    def test_a_key_that_was_written_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBKeyStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, TOGETHER, cloud.dynamodb())

        DynamoDBKeyStore(client, TABLE).create(KEY)

        assert rival.get(KEY.hash) == KEY

    def test_a_key_whose_answer_never_came_is_listed_and_can_be_revoked(
        self, cloud: Cloud, rival: DynamoDBKeyStore
    ) -> None:
        client = cloud.dynamodb()
        applied_unheard(client, TOGETHER, cloud.dynamodb())

        with pytest.raises(UnavailableError):
            DynamoDBKeyStore(client, TABLE).create(KEY)

        assert rival.page(TENANT, before=None, limit=9) == [KEY]

    @pytest.mark.parametrize(
        "error",
        [
            ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException", "Message": ""},
                    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
                },
                TOGETHER,
            ),
            ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, TOGETHER),
            EndpointConnectionError(endpoint_url="https://dynamodb.invalid"),
        ],
        ids=["another transaction", "throttled", "not reached"],
    )
    def test_what_says_nothing_about_the_key_lets_it_be_tried_again(
        self, cloud: Cloud, rival: DynamoDBKeyStore, error: Exception
    ) -> None:
        client = cloud.dynamodb()

        def fail() -> None:
            raise error

        just_before(client, TOGETHER, fail)

        with pytest.raises(UnavailableError):
            DynamoDBKeyStore(client, TABLE).create(KEY)
        rival.create(KEY)

        assert rival.get(KEY.hash) == KEY

    def test_revoke_leaves_a_revocation_that_came_first(
        self, cloud: Cloud, rival: DynamoDBKeyStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(KEY)
        just_before(client, "UpdateItem", lambda: rival.revoke(KEY, at=NOON))

        DynamoDBKeyStore(client, TABLE).revoke(KEY, at=NOON + HOUR)

        assert rival.get(KEY.hash).revoked_at == NOON


class TestTenants:
    OURS = Tenant(id=TENANT, name="Aperture", created_at=NOON)

    def test_create_loses_to_another_tenant_of_its_id(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        rival = DynamoDBTenantStore(cloud.dynamodb(), TABLE)
        theirs = replace(self.OURS, name="Black Mesa")
        just_before(client, "PutItem", lambda: rival.create(theirs))

        with pytest.raises(AlreadyExistsError):
            DynamoDBTenantStore(client, TABLE).create(self.OURS)

        assert rival.get(TENANT) == theirs

    def test_a_tenant_that_was_written_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())
        tenants = DynamoDBTenantStore(client, TABLE)

        tenants.create(self.OURS)

        assert tenants.get(TENANT) == self.OURS


class TestSenders:
    OURS = Sender(id="AROAEXAMPLE", tenant_id=TENANT, created_at=NOON)

    def test_create_loses_to_another_mapping_of_the_same_identity(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        rival = DynamoDBSenderStore(cloud.dynamodb(), TABLE)
        theirs = replace(self.OURS, tenant_id=OTHER_TENANT)
        just_before(client, "PutItem", lambda: rival.create(theirs))

        with pytest.raises(AlreadyExistsError):
            DynamoDBSenderStore(client, TABLE).create(self.OURS)

        assert rival.get(theirs.id) == theirs

    def test_a_mapping_that_was_written_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())
        senders = DynamoDBSenderStore(client, TABLE)

        senders.create(self.OURS)

        assert senders.get(self.OURS.id) == self.OURS
