"""A token bucket in DynamoDB: one number, the moment at which the next call may be made.

Source: the generic cell rate algorithm, a token bucket that keeps a time instead of a count,
ITU-T I.371, annex A.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.circuit_row import PREFIX
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.values import from_item, to_item
from relay.domain.errors import UnavailableError
from relay.domain.moments import from_milliseconds, moments_between, to_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 8
"""Each refusal means that another sandbox got its moments meanwhile, so that fewer are left."""
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

    def reserve(self, most: int, *, at: datetime, before: datetime) -> Sequence[datetime]:
        """Try what held last time, and what the refusal shows if that does not hold now."""
        count = self._fitting(most, at, before)
        for _ in range(_TRIES):
            if not count:
                return []
            try:
                end = (
                    self._reserve_busy(count, at, before)
                    if self._seems_busy
                    else self._reserve_idle(count, at)
                )
                return [end - left * self._interval for left in range(count, 0, -1)]
            except ClientError as error:
                row = row_before(error)
                next_at = from_milliseconds(from_item(row)["next_at"]) if row else at
                self._seems_busy = row is not None and next_at >= at
                count = self._fitting(most, max(next_at, at), before)
        raise UnavailableError("the bucket changes too fast")

    def _fitting(self, most: int, first: datetime, before: datetime) -> int:
        if not self._interval:  # any number fits into one moment
            return most if first < before else 0
        return min(most, moments_between(first, before, self._interval))

    def _reserve_idle(self, count: int, at: datetime) -> datetime:
        return self._reserve(
            "SET next_at = :end",
            "attribute_not_exists(next_at) OR next_at < :at",
            {":at": at, ":end": at + count * self._interval},
        )

    def _reserve_busy(self, count: int, at: datetime, before: datetime) -> datetime:
        cost = (count * self._interval) // _MILLISECOND
        return self._reserve(
            "SET next_at = next_at + :cost",
            "next_at >= :at AND next_at < :latest",
            {":at": at, ":latest": before - (count - 1) * self._interval, ":cost": cost},
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
