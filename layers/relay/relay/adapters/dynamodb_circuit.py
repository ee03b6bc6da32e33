"""The circuit to Mistral in DynamoDB."""

from typing import TYPE_CHECKING

from relay.aws.circuit_row import KEY, from_row, to_row
from relay.aws.errors import aws_errors_translated
from relay.aws.reading import read_one
from relay.aws.update import IS_NEW, Condition, put_row
from relay.domain.circuit import Circuit
from relay.domain.errors import LostRaceError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBCircuitStore:
    """One row."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self) -> Circuit:
        """Read the row, eventually consistent: an opening that is a moment old costs one call."""
        with aws_errors_translated():
            found = self._client.get_item(TableName=self._table, Key=KEY)
        return read_one(found["Item"], from_row) if "Item" in found else Circuit()

    def save(self, before: Circuit, after: Circuit) -> None:
        """Write the whole row: nobody else's attributes stand in it."""
        old, new = to_row(before), to_row(after)
        is_unchanged = IS_NEW
        if before.version and before.probe_at is None:
            text = "version = :version AND attribute_not_exists(probe_at)"
            is_unchanged = Condition(text, {":version": old["version"]})
        elif before.version:
            values = {":version": old["version"], ":probe_at": old["probe_at"]}
            is_unchanged = Condition("version = :version AND probe_at = :probe_at", values)
        if put_row(self._client, self._table, new, is_unchanged) not in (None, new):
            raise LostRaceError("the circuit has changed")  # else our own write, unheard
