"""Parts of partitions, by the ids of their rows."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.aws.errors import aws_errors_translated
from relay.aws.values import Item, text_of, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def rows_before(
    client: "DynamoDBClient", table: str, partition: str, before: str | None, limit: int
) -> list[Item]:
    """Return rows whose ids come before one, or all, the greatest id first."""
    rows: list[Item] = []
    where = "pk = :pk" + (" AND sk < :before" if before else "")
    more: dict[str, Any] = {}
    while len(rows) < limit:  # ends with the partition
        with aws_errors_translated():
            page = client.query(
                TableName=table,
                KeyConditionExpression=where,
                ExpressionAttributeValues=to_item({":pk": partition, ":before": before}),
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit - len(rows),
                **more,
            )
        rows += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one partition whose ids are ``first`` or more, and less than ``before``.

    ``index`` and ``hash_key`` name an index, where it is a partition of one.
    """

    partition: str
    first: str
    before: str
    page_rows: int
    is_ascending: bool = False
    is_consistent: bool = False
    index: str | None = None
    hash_key: str = "pk"


def rows_of(client: "DynamoDBClient", table: str, part: Part) -> Iterator[Item]:
    """Yield a part's rows by id, page by page, and each page only when its turn comes."""
    more: dict[str, Any] = {"IndexName": part.index} if part.index else {}
    while part.first < part.before:  # ends with the last page, at once if nothing lies between
        with aws_errors_translated():
            page = client.query(
                TableName=table,
                KeyConditionExpression=f"{part.hash_key} = :pk AND sk BETWEEN :first AND :before",
                ExpressionAttributeValues=to_item(
                    {":pk": part.partition, ":first": part.first, ":before": part.before}
                ),
                ScanIndexForward=part.is_ascending,
                ConsistentRead=part.is_consistent,
                Limit=part.page_rows,
                **more,
            )
        yield from (row for row in page["Items"] if text_of(row, "sk") < part.before)
        if "LastEvaluatedKey" not in page:
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def merged(client: "DynamoDBClient", table: str, parts: Sequence[Part]) -> Iterator[Item]:
    """Yield the rows of parts that run the same way, such as a tenant's shards, as one list."""
    shards = [rows_of(client, table, part) for part in parts]
    is_descending = not parts[0].is_ascending
    yield from heapq.merge(*shards, key=lambda row: text_of(row, "sk"), reverse=is_descending)
