"""Idempotency keys in DynamoDB."""

from datetime import datetime
from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.aws.update import IS_NEW, Condition, change_row, put_row
from relay.aws.values import Item, from_item, to_item
from relay.domain.errors import LostRaceError, NotFoundError
from relay.domain.idempotency import Reservation
from relay.domain.ids import TenantId
from relay.domain.moments import from_milliseconds, from_seconds, to_milliseconds, to_seconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA = 1


class DynamoDBIdempotencyStore:
    """Reservations, one row each. DynamoDB's own expiry is late, so it is checked here."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def reserve(self, reservation: Reservation, *, at: datetime) -> Reservation:
        """Write the row unless one is in force, which is read from the failure only.

        The id of the resource is random, so a row that names ours is our own write.
        """
        is_expired = "#ttl <= :at"
        is_free = Condition(
            f"{IS_NEW.text} OR {is_expired}", to_item({":at": to_seconds(at)}), {"#ttl": "ttl"}
        )
        held = put_row(self._client, self._table, _to_row(reservation), is_free)
        return reservation if held is None else _from_row(held)

    def take_over(self, before: Reservation, after: Reservation) -> None:
        """Lengthen the time for accepting, if nobody else has."""
        old, new = _to_row(before), _to_row(after)
        is_unchanged = Condition(
            "accepting_until = :until AND #resource = :resource",
            {":until": old["accepting_until"], ":resource": old["resource"]},
            {"#resource": "resource"},
        )
        if not change_row(self._client, self._table, old, new, is_unchanged):
            raise LostRaceError(before.resource_id)

    def get(self, tenant_id: TenantId, key_hash: str, *, at: datetime) -> Reservation:
        """Read a reservation, strongly consistent."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=_key_of(tenant_id, key_hash), ConsistentRead=True
            )
        if "Item" not in found or (reservation := _from_row(found["Item"])).expires_at <= at:
            raise NotFoundError("no such key")
        return reservation


def _key_of(tenant_id: TenantId, key_hash: str) -> Item:
    return to_item({"pk": f"I#{tenant_id}", "sk": key_hash})


def _to_row(reservation: Reservation) -> Item:
    return _key_of(reservation.tenant_id, reservation.hash) | to_item(
        {
            "schema": SCHEMA,
            "fingerprint": reservation.fingerprint,
            "resource": reservation.resource_id,
            "accepting_until": to_milliseconds(reservation.accepting_until),
            "ttl": to_seconds(reservation.expires_at),
        }
    )


def _from_row(item: Item) -> Reservation:
    row = from_item(item)
    return Reservation(
        tenant_id=TenantId(row["pk"].split("#", 1)[1]),
        hash=row["sk"],
        fingerprint=row["fingerprint"],
        resource_id=row["resource"],
        accepting_until=from_milliseconds(row["accepting_until"]),
        expires_at=from_seconds(row["ttl"]),
    )
