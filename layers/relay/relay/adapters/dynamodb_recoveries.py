"""Recoveries in DynamoDB."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from relay.aws.batches import get_rows
from relay.aws.reading import read_each
from relay.aws.recovery_row import from_row, key_of, to_row
from relay.aws.update import Condition, change_row, put_row
from relay.aws.values import text_of
from relay.domain.errors import LostRaceError
from relay.domain.ids import EndpointId
from relay.domain.recovery import Recovery
from relay.ports import Found

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBRecoveryStore:
    """Recoveries, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, recovery: Recovery) -> None:
        """Write the row, unless it is there, whatever has become of it."""
        put_row(self._client, self._table, to_row(recovery))

    def find(self, names: Collection[tuple[EndpointId, str]]) -> Found[str, Recovery]:
        """Read recoveries in batches, strongly consistent."""
        keys = [
            key_of(endpoint_id, recovery_id) for endpoint_id, recovery_id in dict.fromkeys(names)
        ]
        rows = get_rows(self._client, self._table, keys)
        return read_each(rows, lambda row: text_of(row, "sk"), from_row)

    def save(self, before: Recovery, after: Recovery) -> None:
        """Write what differs, under the version that was read."""
        old, new = to_row(before), to_row(after)
        is_as_read = Condition("version = :version", {":version": old["version"]})
        if not change_row(self._client, self._table, old, new, is_as_read):
            raise LostRaceError(after.id)
