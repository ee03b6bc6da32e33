"""One client per service and sandbox, with its timeouts and retries written out."""

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_CONNECTIONS_MAX = 20  # a worker's jobs write from as many threads as they are, and a few more


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _client(service: str, **config: Any) -> Any:
    settings = Config(
        connect_timeout=1,
        read_timeout=config.pop("read_timeout", 3),
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=_CONNECTIONS_MAX,
        **config,
    )
    return _session().create_client(service, config=settings)


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the client for the table."""
    client: DynamoDBClient = _client("dynamodb")
    return client


@cache
def sqs() -> "SQSClient":
    """Return the client for queues."""
    client: SQSClient = _client("sqs")
    return client


@cache
def s3() -> "S3Client":
    """Return the client for the bucket. Version 4 signatures, which links must carry."""
    client: S3Client = _client("s3", read_timeout=20, signature_version="s3v4")
    return client


@cache
def events() -> "EventBridgeClient":
    """Return the client for the bus."""
    client: EventBridgeClient = _client("events")
    return client


@cache
def secretsmanager() -> "SecretsManagerClient":
    """Return the client for secrets."""
    client: SecretsManagerClient = _client("secretsmanager")
    return client
