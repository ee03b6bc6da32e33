"""Some new rows in one write: all of them, or none.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from relay.aws.errors import aws_errors_translated
from relay.aws.update import IS_NEW
from relay.aws.values import Item
from relay.domain.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CANCELLED = "TransactionCanceledException"
_NOT_NEW = "ConditionalCheckFailed"


def put_new_rows(client: "DynamoDBClient", table: str, rows: Sequence[Item]) -> bool:
    """Put rows together, and tell whether they are there now.

    ``True`` also where just these rows had been put before and were not heard of; ``False`` where
    another stands in the place of one, and nothing was written.

    Raises:
        UnavailableError: they may or may not be written.
    """
    puts: Any = [
        {
            "Put": {
                "TableName": table,
                "Item": row,
                "ConditionExpression": IS_NEW.text,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        for row in rows
    ]
    try:
        with aws_errors_translated():
            client.transact_write_items(TransactItems=puts)
    except UnavailableError as error:
        reasons = _reasons(error.__cause__)
        if not any(reason.get("Code") == _NOT_NEW for reason in reasons):
            raise
        return [reason.get("Item") for reason in reasons] == list(rows)
    return True


def _reasons(error: BaseException | None) -> list[dict[str, Any]]:
    """Return why each row could not be put, where that is why none was."""
    if not isinstance(error, ClientError):
        return []
    response: Any = error.response
    is_cancelled = response.get("Error", {}).get("Code") == _CANCELLED
    reasons: list[dict[str, Any]] = response.get("CancellationReasons", []) if is_cancelled else []
    return reasons
