"""The versions of tenants' secrets for callback addresses in DynamoDB."""

from typing import TYPE_CHECKING

from relay.aws.endpoint_row import (
    callback_secret_from_row,
    callback_secret_key,
    callback_secret_row,
)
from relay.aws.errors import aws_errors_translated
from relay.aws.update import IS_NEW, Condition, put_row
from relay.domain.errors import LostRaceError
from relay.domain.ids import TenantId
from relay.domain.secret_versions import NEVER_ROTATED, SecretVersions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBCallbackSecretStore:
    """One row for each tenant that has ever rotated."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, tenant_id: TenantId) -> SecretVersions:
        """Read the row, strongly consistent, so that a new secret signs at once."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=callback_secret_key(tenant_id), ConsistentRead=True
            )
        return callback_secret_from_row(found["Item"]) if "Item" in found else NEVER_ROTATED

    def save(self, tenant_id: TenantId, before: SecretVersions, after: SecretVersions) -> None:
        """Write the whole row: nobody else's attributes stand in it."""
        old, new = (callback_secret_row(tenant_id, it) for it in (before, after))
        is_as_read = IS_NEW
        if before != NEVER_ROTATED:
            values = {":current": old["current"]}
            is_as_read = Condition("#current = :current", values, {"#current": "current"})
        if put_row(self._client, self._table, new, is_as_read) not in (None, new):
            raise LostRaceError("the secret has been rotated")  # else our own write, unheard
