"""API keys in DynamoDB: by the hash of the key, and by tenant and id for those who manage them."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import get_rows
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.listing import rows_before
from relay.aws.transaction import put_new_rows
from relay.aws.values import Item, from_item, text_of, to_item
from relay.domain.api_key import ApiKey, Scope
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, moment, stamp, to_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1
_HASH = "hash"


class DynamoDBKeyStore:
    """Keys, two rows each.

    The row under the hash holds all, and alone says what a key may do. The one under the tenant
    only leads to it and never changes, so the two cannot disagree.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, key: ApiKey) -> None:
        """Write both rows or none: a key that is not listed could never be revoked."""
        row = _row_key(key.hash) | to_item(
            {
                "schema": SCHEMA,
                "id": key.id,
                "name": key.name,
                "last_four": key.last_four,
                "tenant": key.tenant_id,
                "scopes": sorted(key.scopes),
                "created_at": to_milliseconds(key.created_at),
                "revoked_at": stamp(key.revoked_at),
            }
        )
        listed = to_item(
            {"pk": _partition(key.tenant_id), "sk": key.id, "schema": SCHEMA, _HASH: key.hash}
        )
        if not put_new_rows(self._client, self._table, [row, listed]):
            raise AlreadyExistsError(key.id)

    def get(self, key_hash: str) -> ApiKey:
        """Read a key, strongly consistent, so that a new one works at once."""
        return _from_row(self._read(_row_key(key_hash)))

    def find(self, tenant_id: TenantId, key_id: str) -> ApiKey:
        """Read the row that leads to the key, then the key, both strongly consistent."""
        listed = self._read(to_item({"pk": _partition(tenant_id), "sk": key_id}))
        return self.get(text_of(listed, _HASH))

    def page(self, tenant_id: TenantId, *, before: str | None, limit: int) -> list[ApiKey]:
        """Read a part of the tenant's partition, then the keys in batches."""
        listed = rows_before(self._client, self._table, _partition(tenant_id), before, limit)
        keys = [_row_key(text_of(row, _HASH)) for row in listed]
        found = [_from_row(row) for row in get_rows(self._client, self._table, keys)]
        return sorted(found, key=lambda key: key.id, reverse=True)

    def revoke(self, key: ApiKey, *, at: datetime) -> None:
        """Note the moment in one conditional write; an earlier one stays."""
        try:
            with aws_errors_translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_row_key(key.hash),
                    UpdateExpression="SET revoked_at = :at",
                    ConditionExpression="attribute_exists(pk) AND attribute_not_exists(revoked_at)",
                    ExpressionAttributeValues=to_item({":at": to_milliseconds(at)}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            if row_before(error) is None:
                raise NotFoundError(key.id) from error

    def _read(self, row_key: Item) -> Item:
        with aws_errors_translated():
            found = self._client.get_item(TableName=self._table, Key=row_key, ConsistentRead=True)
        if "Item" not in found:
            raise NotFoundError("no such key")
        return found["Item"]


def _row_key(key_hash: str) -> Item:
    return to_item({"pk": f"K#{key_hash}", "sk": "key"})


def _partition(tenant_id: TenantId) -> str:
    return f"KT#{tenant_id}"


def _from_row(item: Item) -> ApiKey:
    row = from_item(item)
    return ApiKey(
        id=row["id"],
        hash=row["pk"].partition("#")[2],
        last_four=row["last_four"],
        tenant_id=TenantId(row["tenant"]),
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        created_at=from_milliseconds(row["created_at"]),
        name=row.get("name", ""),
        revoked_at=moment(row.get("revoked_at")),
    )
