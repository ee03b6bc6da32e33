"""The circuit to Mistral in DynamoDB."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.circuit_row import KEY, from_row, to_row
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.reading import read_one
from relay.aws.values import Item
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
        is_unchanged = "version = :version AND probe_at = :probe_at"
        values: Item = {":version": old["version"]}
        if before.version == 0:
            is_unchanged, values = "attribute_not_exists(pk)", {}
        elif before.probe_at is None:
            is_unchanged = "version = :version AND attribute_not_exists(probe_at)"
        else:
            values |= {":probe_at": old["probe_at"]}
        try:
            with aws_errors_translated():
                self._client.put_item(
                    TableName=self._table,
                    Item=new,
                    ConditionExpression=is_unchanged,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **({"ExpressionAttributeValues": values} if values else {}),  # type: ignore[arg-type]  # one optional argument
                )
        except ClientError as error:
            if row_before(error) != new:  # else a retry of our own write
                raise LostRaceError("the circuit has changed") from error
