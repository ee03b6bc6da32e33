"""Many rows in one call, by the batch calls of DynamoDB, and what they leave undone.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

from collections.abc import Iterator, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from relay.aws.errors import aws_errors_translated
from relay.aws.values import Item
from relay.domain.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITES_MAX = 25  # of BatchWriteItem
READS_MAX = 100  # of BatchGetItem
_TRIES = 5


def put_rows(client: "DynamoDBClient", table: str, rows: Sequence[Item]) -> None:
    """Put rows, none of which may stand there twice.

    Raises:
        UnavailableError: some may be written, and some are not.
    """
    _write(client, table, [{"PutRequest": {"Item": row}} for row in rows])


def delete_rows(client: "DynamoDBClient", table: str, keys: Sequence[Item]) -> None:
    """Delete rows, whether they are there or not.

    Raises:
        UnavailableError: some may be deleted, and some are not.
    """
    _write(client, table, [{"DeleteRequest": {"Key": key}} for key in keys])


def _write(client: "DynamoDBClient", table: str, requests: list[Any]) -> None:
    for batch in batched(requests, WRITES_MAX, strict=False):
        left: list[Any] = list(batch)
        for _ in range(_TRIES):
            with aws_errors_translated():
                done = client.batch_write_item(RequestItems={table: left})
            left = list(done["UnprocessedItems"].get(table, []))
            if not left:
                break
        else:
            raise UnavailableError(f"DynamoDB left {len(left)} rows unwritten")


def get_rows(
    client: "DynamoDBClient", table: str, keys: Sequence[Item], *, names: Sequence[str] = ()
) -> Iterator[Item]:
    """Yield those rows that are there, strongly consistent, in no order.

    ``names`` are the only attributes to return, all where there are none.

    Raises:
        UnavailableError: some could not be read.
    """
    only: dict[str, Any] = {
        "ProjectionExpression": ", ".join(f"#n{index}" for index in range(len(names))),
        "ExpressionAttributeNames": {f"#n{index}": name for index, name in enumerate(names)},
    }
    for batch in batched(keys, READS_MAX, strict=False):
        left: list[Any] = list(batch)
        for _ in range(_TRIES):
            request: Any = {"Keys": left, "ConsistentRead": True} | (only if names else {})
            with aws_errors_translated():
                found = client.batch_get_item(RequestItems={table: request})
            yield from found["Responses"].get(table, [])
            unprocessed: Any = found["UnprocessedKeys"].get(table)
            left = list(unprocessed["Keys"]) if unprocessed else []
            if not left:
                break
        else:
            raise UnavailableError(f"DynamoDB left {len(left)} rows unread")
