"""Deliveries in DynamoDB."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import get_rows
from relay.aws.delivery_row import (
    INDEX,
    INDEX_KEY,
    PREFIX,
    from_row,
    key_of,
    to_new_row,
    to_row,
)
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.listing import Part, rows_of
from relay.aws.reading import read_each, read_one
from relay.aws.update import Condition, change_row, put_row
from relay.aws.values import Item, text_of, to_item
from relay.domain.delivery import Delivery
from relay.domain.errors import (
    AlreadyExistsError,
    DeliveryNotClaimableError,
    LostLeaseError,
    LostRaceError,
    NotFoundError,
    UnreadableRowError,
)
from relay.domain.ids import DeliveryId, TenantId
from relay.domain.moments import to_milliseconds
from relay.ports import Found

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_ROWS = 25
"""A little more than the default page of a list."""
_FIRST, _LAST = "dlv_", "dlv`"  # before and after every delivery's id


class DynamoDBDeliveryStore:
    """Deliveries, one row each, attempts included."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, delivery: Delivery) -> None:
        """Write the row unless there is one: its id follows from event and target."""
        if put_row(self._client, self._table, to_new_row(delivery)) is not None:
            raise AlreadyExistsError(delivery.id)

    def get(self, tenant_id: TenantId, delivery_id: DeliveryId) -> Delivery:
        """Ask the index, which does not know the newest, for the key; then read the row."""
        past = f"{delivery_id}`"
        for entry in self._listed(tenant_id, first=delivery_id, before=past):
            with aws_errors_translated():
                found = self._client.get_item(
                    TableName=self._table, Key=_key_in(entry), ConsistentRead=True
                )
            if "Item" in found:
                return from_row(found["Item"])
        raise NotFoundError(delivery_id)

    def newest_first(
        self,
        tenant_id: TenantId,
        *,
        target_id: str | None = None,
        before: str | None = None,
        since: str | None = None,
    ) -> Iterator[Delivery]:
        """Read a target's own partition, or follow the index page by page."""
        first, before = since or _FIRST, before or _LAST
        rows = (
            self._listed_rows(tenant_id, first, before)
            if target_id is None
            else self._rows_to(target_id, first, before)
        )
        for row in rows:
            with suppress(UnreadableRowError):
                delivery = read_one(row, from_row)
                if delivery.tenant_id != tenant_id:
                    return  # a target is one tenant's, and how much lies there is nobody else's
                yield delivery

    def _rows_to(self, target_id: str, first: str, before: str) -> Iterator[Item]:
        part = Part(
            partition=f"{PREFIX}{target_id}", first=first, before=before, page_rows=PAGE_ROWS
        )
        return rows_of(self._client, self._table, part)

    def _listed_rows(self, tenant_id: TenantId, first: str, before: str) -> Iterator[Item]:
        entries = self._listed(tenant_id, first=first, before=before)
        for page in batched(entries, PAGE_ROWS, strict=False):
            keys = [_key_in(entry) for entry in page]
            rows = get_rows(self._client, self._table, keys)
            yield from sorted(rows, key=lambda row: text_of(row, "sk"), reverse=True)

    def _listed(self, tenant_id: TenantId, *, first: str, before: str) -> Iterator[Item]:
        part = Part(
            partition=tenant_id,
            first=first,
            before=before,
            page_rows=PAGE_ROWS,
            index=INDEX,
            hash_key=INDEX_KEY,
        )
        return rows_of(self._client, self._table, part)

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

    def reopen(self, before: Delivery, after: Delivery, *, at: datetime) -> None:
        """Write what differs. A late attempt changes when the next is due, but not the fence."""
        old, new = to_row(before), to_row(after)
        is_as_read = "fence = :fence AND #status = :status AND next_attempt_at = :due"
        is_free = "(attribute_not_exists(lease_until) OR lease_until < :at)"
        values = {
            ":fence": old["fence"],
            ":status": old["status"],
            ":due": old["next_attempt_at"],
            **to_item({":at": to_milliseconds(at)}),
        }
        condition = Condition(f"{is_as_read} AND {is_free}", values, {"#status": "status"})
        if not change_row(self._client, self._table, old, new, condition):
            raise LostRaceError(after.id)


def _key_in(entry: Item) -> Item:
    return {name: entry[name] for name in ("pk", "sk")}
