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

CONNECTIONS_MAX = 20  # a worker's jobs write from as many threads as they are, and a few more


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _client(service: str, *, read_timeout: int = 3, attempts: int = 3, **config: Any) -> Any:
    settings = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=CONNECTIONS_MAX,
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
    """Return the client for the bucket.

    Virtual-hosted addresses, because botocore signs links for the global host otherwise, which
    redirects for buckets of other regions and so breaks the signature. Fewer tries than the
    others get: all of them together must fit into what a job's lease keeps for recording.
    """
    client: S3Client = _client(
        "s3",
        read_timeout=5,
        attempts=2,
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
    )
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
