"""Tenants in DynamoDB, all in one partition: they are few, and read by the operator only."""

from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.aws.listing import rows_before
from relay.aws.update import put_row
from relay.aws.values import Item, from_item, to_item
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, to_milliseconds
from relay.domain.tenant import Tenant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1
PARTITION = "T"


class DynamoDBTenantStore:
    """Tenants, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, tenant: Tenant) -> None:
        """Write the row unless there is one."""
        row = to_item(
            {
                "pk": PARTITION,
                "sk": tenant.id,
                "schema": SCHEMA,
                "name": tenant.name,
                "created_at": to_milliseconds(tenant.created_at),
            }
        )
        if put_row(self._client, self._table, row) not in (None, row):  # else our own, unheard
            raise AlreadyExistsError(tenant.id)

    def get(self, tenant_id: TenantId) -> Tenant:
        """Read a tenant, strongly consistent, so that a new one has keys at once."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table,
                Key=to_item({"pk": PARTITION, "sk": tenant_id}),
                ConsistentRead=True,
            )
        if "Item" not in found:
            raise NotFoundError("no such tenant")
        return _from_row(found["Item"])

    def page(self, *, before: str | None, limit: int) -> list[Tenant]:
        """Read a part of the partition."""
        rows = rows_before(self._client, self._table, PARTITION, before, limit)
        return [_from_row(row) for row in rows]


def _from_row(item: Item) -> Tenant:
    row = from_item(item)
    return Tenant(
        id=TenantId(row["sk"]),
        name=row["name"],
        created_at=from_milliseconds(row["created_at"]),
    )
