"""AWS in process: clients, and the table just as the template declares it."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from relay.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

REGION: Final = "eu-west-1"
TABLE = "relay"
BUCKET = "relay-content"
_TEMPLATE = Path(__file__).parents[1] / "template.yaml"
_TABLE_ARGUMENTS = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
)


@cache
def table_properties() -> dict[str, Any]:
    """Return what the template says of the table."""
    template = yaml_parse(_TEMPLATE.read_text("utf-8"))
    properties: dict[str, Any] = template["Resources"]["Table"]["Properties"]
    return properties


@cache
def _session() -> botocore.session.Session:
    """Return one session for all tests: it keeps the services' large descriptions."""
    return botocore.session.get_session()


class Cloud:
    """Clients of moto, to be used while ``mock_aws`` is active. Each call makes a new client."""

    def dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self._client("dynamodb")
        return client

    def s3(self) -> "S3Client":
        client: S3Client = self._client("s3", "s3v4")
        return client

    def sqs(self) -> "SQSClient":
        client: SQSClient = self._client("sqs")
        return client

    def events(self) -> "EventBridgeClient":
        client: EventBridgeClient = self._client("events")
        return client

    def secretsmanager(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = self._client("secretsmanager")
        return client

    def _client(self, service: str, signature: str | None = None) -> Any:
        """Return a client that never tries again, since it would wait before it does."""
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1}, signature_version=signature
        )
        return _session().create_client(
            service,
            region_name=REGION,
            aws_access_key_id="of-nobody",
            aws_secret_access_key="of-nobody",
            config=config,
        )

    def create_table(self) -> None:
        properties = table_properties()
        arguments = {name: properties[name] for name in _TABLE_ARGUMENTS}
        self.dynamodb().create_table(TableName=TABLE, **arguments)

    def create_bucket(self) -> None:
        self.s3().create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )


def forget_clients() -> None:
    """Have the functions' own clients made anew, from whatever environment there is then."""
    for client in (
        clients.dynamodb,
        clients.sqs,
        clients.s3,
        clients.events,
        clients.secretsmanager,
        clients._session,  # noqa: SLF001 - a session that read a test's environment must not stay
    ):
        client.cache_clear()
