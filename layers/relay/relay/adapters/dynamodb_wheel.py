"""The wheel in DynamoDB."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from relay.aws.batches import put_rows
from relay.aws.errors import aws_errors_translated
from relay.aws.reading import read_one
from relay.aws.update import IS_NEW, Condition, put_row
from relay.aws.values import text_of, to_item
from relay.aws.wheel_row import (
    POSITIONS_KEY,
    hint_from_row,
    hint_row,
    partition_of,
    positions_from_row,
    positions_value,
)
from relay.domain.errors import LostRaceError, UnreadableRowError
from relay.domain.wheel import Hint, Position
from relay.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_ROWS = 100
"""Hints to a page: what a sweep reads, acts on and notes at once."""


class DynamoDBWheel:
    """Hints, one row each, and one row that says how far they have been swept."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, hints: Sequence[Hint]) -> None:
        """Write rows, many at once; a single one, as most are, by the cheaper call."""
        rows = [hint_row(hint) for hint in hints]
        if len(rows) == 1:
            with aws_errors_translated():
                self._client.put_item(TableName=self._table, Item=rows[0])
            return
        by_key = {(text_of(row, "pk"), text_of(row, "sk")): row for row in rows}
        put_rows(self._client, self._table, list(by_key.values()))

    def page(self, shard: int, position: Position) -> Page:
        """Read one page of a minute's shard, strongly consistent."""
        with aws_errors_translated():
            page = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues=to_item(
                    {":pk": partition_of(position.minute, shard), ":after": position.after or " "}
                ),
                ConsistentRead=True,
                Limit=PAGE_ROWS,
            )
        more = page.get("LastEvaluatedKey")
        hints: list[Hint] = []
        for row in page["Items"]:
            with suppress(UnreadableRowError):
                hints.append(read_one(row, hint_from_row))
        return Page(
            hints=hints,
            unreadable=len(page["Items"]) - len(hints),
            after=text_of(more, "sk") if more else None,
        )

    def positions(self) -> Sequence[Position] | None:
        """Read the row that says how far the wheel has been swept."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=POSITIONS_KEY, ConsistentRead=True
            )
        return positions_from_row(found["Item"]) if "Item" in found else None

    def advance(self, before: Sequence[Position] | None, after: Sequence[Position]) -> None:
        """Write it, if it still says what was read."""
        row = POSITIONS_KEY | positions_value(after)
        is_unchanged = IS_NEW
        if before is not None:
            values = {":before": positions_value(before)["positions"]}
            is_unchanged = Condition("positions = :before", values)
        if put_row(self._client, self._table, row, is_unchanged) not in (None, row):
            raise LostRaceError("the wheel has been swept on")  # else our own write, unheard
