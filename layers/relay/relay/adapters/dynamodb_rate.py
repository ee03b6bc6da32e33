"""A token bucket in DynamoDB: one number, the moment at which the next call may be made.

Source: the generic cell rate algorithm, a token bucket that keeps a time instead of a count,
ITU-T I.371, annex A.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.circuit_row import PREFIX
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.values import from_item, to_item
from relay.domain.errors import UnavailableError
from relay.domain.moments import from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 4
"""Another sandbox can turn an idle bucket busy between two tries, and time a busy one idle."""
_MILLISECOND = timedelta(milliseconds=1)


class DynamoDBRateBucket:
    """One row. An idle bucket begins at the moment that asks, a busy one where it ends."""

    def __init__(
        self, client: "DynamoDBClient", table: str, name: str, interval: timedelta
    ) -> None:
        self._client = client
        self._table = table
        self._key = to_item({"pk": f"{PREFIX}mistral", "sk": f"bucket#{name}"})
        self._interval = interval
        self._seems_busy = False

    @property
    def interval(self) -> timedelta:
        """How far apart the moments lie."""
        return self._interval

    def reserve(self, count: int, *, at: datetime, within: timedelta) -> datetime | None:
        """Try what held last time, and what the refusal shows if that does not hold now."""
        for _ in range(_TRIES):
            try:
                end = (
                    self._reserve_busy(count, at, within)
                    if self._seems_busy
                    else (self._reserve_idle(count, at))
                )
                return end - count * self._interval
            except ClientError as error:
                row = row_before(error)
                next_at = from_milliseconds(from_item(row)["next_at"]) if row else None
                self._seems_busy = next_at is not None and next_at >= at
                if next_at is not None and next_at > at + within:
                    return None
        raise UnavailableError("the bucket changes too fast")

    def _reserve_idle(self, count: int, at: datetime) -> datetime:
        return self._reserve(
            "SET next_at = :end",
            "attribute_not_exists(next_at) OR next_at < :at",
            {":at": at, ":end": at + count * self._interval},
        )

    def _reserve_busy(self, count: int, at: datetime, within: timedelta) -> datetime:
        cost = (count * self._interval) // _MILLISECOND
        return self._reserve(
            "SET next_at = next_at + :cost",
            "next_at >= :at AND next_at <= :latest",
            {":at": at, ":latest": at + within, ":cost": cost},
        )

    def _reserve(
        self, update: str, condition: str, values: "dict[str, datetime | int]"
    ) -> datetime:
        with aws_errors_translated():
            changed = self._client.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(
                    {
                        name: value if isinstance(value, int) else to_milliseconds(value)
                        for name, value in values.items()
                    }
                ),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        return from_milliseconds(from_item(changed["Attributes"])["next_at"])
