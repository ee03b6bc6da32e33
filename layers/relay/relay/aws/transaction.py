"""Some rows in one write: all of them, or none.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from relay.aws.errors import aws_errors_translated
from relay.aws.update import IS_NEW, Condition, is_done, update_of
from relay.aws.values import Item
from relay.domain.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CANCELLED = "TransactionCanceledException"
_CONDITION_FAILED = "ConditionalCheckFailed"


def put_new_rows(client: "DynamoDBClient", table: str, rows: Sequence[Item]) -> bool:
    """Put rows together, and tell whether they are there now.

    ``True`` also where just these rows had been put before and were not heard of; ``False`` where
    another stands in the place of one, and nothing was written.

    Raises:
        UnavailableError: they may or may not be written.
    """
    reasons = _write(client, [_put(table, row) for row in rows])
    return not reasons or [reason.get("Item") for reason in reasons] == list(rows)


def change_row_and_put(
    client: "DynamoDBClient", table: str, old: Item, new: Item, condition: Condition, row: Item
) -> bool:
    """Turn one row into another together with a new row, and tell whether it is so now.

    ``True`` also where the first had been done before and was not heard of; ``False`` where the
    condition does not hold or another stands in the place of the new row, and nothing was written.

    Raises:
        UnavailableError: they may or may not be written.
    """
    change = {
        "Update": {
            "TableName": table,
            "Key": {name: new[name] for name in ("pk", "sk")},
            "ConditionExpression": condition.text,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **update_of(old, new, condition),
        }
    }
    reasons = _write(client, [change, _put(table, row)])
    return not reasons or is_done(reasons[0].get("Item"), old, new)


def _put(table: str, row: Item) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": table,
            "Item": row,
            "ConditionExpression": IS_NEW.text,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _write(client: "DynamoDBClient", writes: list[Any]) -> list[dict[str, Any]]:
    """Write all, and return for each why it could not be, nothing once they are written.

    Raises:
        UnavailableError: that was not for a condition; they may or may not be written.
    """
    try:
        with aws_errors_translated():
            client.transact_write_items(TransactItems=writes)
    except UnavailableError as error:
        reasons = _reasons(error.__cause__)
        if not any(reason.get("Code") == _CONDITION_FAILED for reason in reasons):
            raise
        return reasons
    return []


def _reasons(error: BaseException | None) -> list[dict[str, Any]]:
    """Return why each row could not be written, where that is why none was."""
    if not isinstance(error, ClientError):
        return []
    response: Any = error.response
    is_cancelled = response.get("Error", {}).get("Code") == _CANCELLED
    reasons: list[dict[str, Any]] = response.get("CancellationReasons", []) if is_cancelled else []
    return reasons
