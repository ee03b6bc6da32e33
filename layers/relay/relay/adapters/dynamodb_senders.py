"""Senders in DynamoDB, all in one partition, by their AWS identity."""

from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.aws.listing import rows_before
from relay.aws.update import put_row
from relay.aws.values import Item, from_item, to_item
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, to_milliseconds
from relay.domain.sender import Sender

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1
PARTITION = "S"
"""One for all, so that they can be listed: each message reads one row, and a partition gives 3000
of them a second."""


def _row_key(identity: str) -> Item:
    return to_item({"pk": PARTITION, "sk": identity})


class DynamoDBSenderStore:
    """Senders, one row each: it is what grants, and what is listed."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, sender: Sender) -> None:
        """Write the row unless there is one."""
        row = _row_key(sender.id) | to_item(
            {
                "schema": SCHEMA,
                "tenant": sender.tenant_id,
                "created_at": to_milliseconds(sender.created_at),
            }
        )
        if put_row(self._client, self._table, row) not in (None, row):  # else our own, unheard
            raise AlreadyExistsError(sender.id)

    def get(self, identity: str) -> Sender:
        """Read a sender, strongly consistent, so that a new one may send at once."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=_row_key(identity), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError("no such sender")
        return _from_row(found["Item"])

    def page(self, *, before: str | None, limit: int) -> list[Sender]:
        """Read a part of the partition."""
        rows = rows_before(self._client, self._table, PARTITION, before, limit)
        return [_from_row(row) for row in rows]

    def remove(self, identity: str) -> None:
        """Delete the row, whether it is there or not."""
        with aws_errors_translated():
            self._client.delete_item(TableName=self._table, Key=_row_key(identity))


def _from_row(item: Item) -> Sender:
    row = from_item(item)
    return Sender(
        id=row["sk"],
        tenant_id=TenantId(row["tenant"]),
        created_at=from_milliseconds(row["created_at"]),
    )
