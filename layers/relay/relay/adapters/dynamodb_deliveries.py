"""Deliveries in DynamoDB."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import get_rows
from relay.aws.delivery_row import from_row, key_of, to_row
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.reading import read_each
from relay.aws.update import Condition, change_row, put_row
from relay.aws.values import text_of, to_item
from relay.domain.delivery import Delivery
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import DeliveryId
from relay.domain.moments import to_milliseconds
from relay.ports import Found

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBDeliveryStore:
    """Deliveries, one row each, attempts included."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, delivery: Delivery) -> None:
        """Write the row unless there is one: its id follows from event and target."""
        if put_row(self._client, self._table, to_row(delivery)) is not None:
            raise AlreadyExistsError(delivery.id)

    def claim(
        self, target_id: str, delivery_id: DeliveryId, *, at: datetime, lease: timedelta
    ) -> Delivery:
        """Claim in one conditional write."""
        is_pending = "#status = :pending"
        is_due = "next_attempt_at <= :at"
        is_free = "(attribute_not_exists(lease_until) OR lease_until < :at)"
        try:
            with aws_errors_translated():
                changed = self._client.update_item(
                    TableName=self._table,
                    Key=key_of(target_id, delivery_id),
                    UpdateExpression="SET lease_until = :lease_until, fence = fence + :one",
                    ConditionExpression=f"{is_pending} AND {is_due} AND {is_free}",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=to_item(
                        {
                            ":pending": "pending",
                            ":at": to_milliseconds(at),
                            ":lease_until": to_milliseconds(at + lease),
                            ":one": 1,
                        }
                    ),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            row = row_before(error)
            if row is None:
                raise NotFoundError(delivery_id) from error
            raise DeliveryNotClaimableError(from_row(row)) from error
        return from_row(changed["Attributes"])

    def find(self, names: Collection[tuple[str, DeliveryId]]) -> Found[DeliveryId, Delivery]:
        """Read deliveries in batches, strongly consistent."""
        keys = [key_of(target_id, delivery_id) for target_id, delivery_id in dict.fromkeys(names)]
        rows = get_rows(self._client, self._table, keys)
        return read_each(rows, lambda row: DeliveryId(text_of(row, "sk")), from_row)

    def save(self, before: Delivery, after: Delivery) -> None:
        """Write what differs, under the fencing token of the claim."""
        old, new = to_row(before), to_row(after)
        is_mine = Condition(
            "fence = :fence AND attribute_exists(lease_until)", {":fence": old["fence"]}
        )
        if not change_row(self._client, self._table, old, new, is_mine):
            raise LostLeaseError(after.id)
