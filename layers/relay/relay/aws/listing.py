"""A part of one partition, by the ids of its rows."""

from typing import TYPE_CHECKING, Any

from relay.aws.errors import aws_errors_translated
from relay.aws.values import Item, to_item

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
