"""API keys in DynamoDB, by the hash of the key."""

from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.aws.update import put_row
from relay.aws.values import from_item, to_item
from relay.domain.api_key import ApiKey, Scope
from relay.domain.errors import AlreadyExistsError, NotFoundError
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1


def _row_key(key_hash: str) -> dict[str, str]:
    return {"pk": f"K#{key_hash}", "sk": "key"}


class DynamoDBKeyStore:
    """Keys, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, key: ApiKey) -> None:
        """Write the row unless there is one."""
        row = _row_key(key.hash) | {
            "schema": SCHEMA,
            "id": key.id,
            "last_four": key.last_four,
            "tenant": key.tenant_id,
            "scopes": sorted(key.scopes),
            "created_at": to_milliseconds(key.created_at),
        }
        if put_row(self._client, self._table, to_item(row)) is not None:
            raise AlreadyExistsError(key.id)

    def get(self, key_hash: str) -> ApiKey:
        """Read a key, strongly consistent, so that a new one works at once."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=to_item(_row_key(key_hash)), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError("no such key")
        row = from_item(found["Item"])
        return ApiKey(
            id=row["id"],
            hash=key_hash,
            last_four=row["last_four"],
            tenant_id=TenantId(row["tenant"]),
            scopes=frozenset(Scope(scope) for scope in row["scopes"]),
            created_at=from_milliseconds(row["created_at"]),
        )
