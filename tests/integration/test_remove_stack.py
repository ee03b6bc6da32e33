"""What a removal does to the data that outlives a stack."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.cloud import BUCKET, TABLE, Cloud
from tools.remove_stack import Data, RemovalError, data_of, delete_data, refuse_if_protected

SECRET = "webhook-master"
DATA = Data(table=TABLE, bucket=BUCKET, secret=SECRET)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        cloud = Cloud()
        cloud.create_table()
        cloud.s3().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        cloud.secretsmanager().create_secret(Name=SECRET, SecretString="s")
        yield cloud


def client_of(cloud: Cloud) -> Any:
    return lambda service: getattr(cloud, service)()


def test_nothing_is_left_but_a_secret_that_can_be_restored(cloud: Cloud) -> None:
    for number in range(1001):
        cloud.s3().put_object(Bucket=BUCKET, Key=f"job/{number}", Body=b"x")

    delete_data(client_of(cloud), DATA)

    assert cloud.dynamodb().list_tables()["TableNames"] == []
    assert cloud.s3().list_buckets()["Buckets"] == []
    assert "DeletedDate" in cloud.secretsmanager().describe_secret(SecretId=SECRET)


def test_a_protected_table_is_refused_before_anything_is_gone(cloud: Cloud) -> None:
    cloud.dynamodb().update_table(TableName=TABLE, DeletionProtectionEnabled=True)

    with pytest.raises(RemovalError, match="Stage=dev"):
        refuse_if_protected(client_of(cloud), DATA)


def test_a_table_that_is_not_protected_is_not_refused(cloud: Cloud) -> None:
    refuse_if_protected(client_of(cloud), DATA)

    assert cloud.dynamodb().list_tables()["TableNames"] == [TABLE]


def test_a_stack_of_something_else_is_refused() -> None:
    with pytest.raises(RemovalError, match="something else"):
        data_of({"Table": "t", "Website": "w"})
