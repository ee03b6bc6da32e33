"""Deliveries in DynamoDB."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.delivery_row import from_row, key_of, to_row
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.update import is_done, update_of
from relay.aws.values import to_item
from relay.domain.delivery import Delivery
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    LostLeaseError,
    NotFoundError,
)
from relay.domain.ids import DeliveryId
from relay.domain.moments import to_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDBDeliveryStore:
    """Deliveries, one row each, attempts included."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, delivery: Delivery) -> None:
        """Write the row unless there is one: its id follows from event and target."""
        try:
            with aws_errors_translated():
                self._client.put_item(
                    TableName=self._table,
                    Item=to_row(delivery),
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ClientError as error:
            raise AlreadyExistsError(delivery.id) from error

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

    def save(self, before: Delivery, after: Delivery) -> None:
        """Write what differs, under the fencing token of the claim."""
        old, new = to_row(before), to_row(after)
        is_mine = "fence = :fence AND attribute_exists(lease_until)"
        try:
            with aws_errors_translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=key_of(after.target_id, after.id),
                    ConditionExpression=is_mine,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **update_of(old, new, {":fence": old["fence"]}),
                )
        except ClientError as error:
            if not is_done(row_before(error), old, new):  # else a retry of our own write
                raise LostLeaseError(after.id) from error
