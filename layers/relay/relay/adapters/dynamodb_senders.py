"""Senders in DynamoDB, by their AWS identity."""

from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.aws.update import put_row
from relay.aws.values import from_item, to_item
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, to_milliseconds
from relay.domain.sender import Sender

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1


def _row_key(identity: str) -> dict[str, str]:
    return {"pk": f"S#{identity}", "sk": "sender"}


class DynamoDBSenderStore:
    """Senders, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, sender: Sender) -> None:
        """Write the row unless there is one."""
        row = _row_key(sender.id) | {
            "schema": SCHEMA,
            "tenant": sender.tenant_id,
            "created_at": to_milliseconds(sender.created_at),
        }
        if put_row(self._client, self._table, to_item(row)) is not None:
            raise AlreadyExistsError(sender.id)

    def get(self, identity: str) -> Sender:
        """Read a sender, strongly consistent, so that a new one may send at once."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=to_item(_row_key(identity)), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError("no such sender")
        row = from_item(found["Item"])
        return Sender(
            id=identity,
            tenant_id=TenantId(row["tenant"]),
            created_at=from_milliseconds(row["created_at"]),
        )
