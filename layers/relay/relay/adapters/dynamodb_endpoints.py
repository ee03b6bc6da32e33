"""Webhook endpoints in DynamoDB."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.endpoint_row import FIRST, LAST, from_row, key_of, partition_of, to_row
from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.event_row import to_outbox_row
from relay.aws.listing import Part, rows_of
from relay.aws.reading import read_one
from relay.aws.transaction import change_row_and_put
from relay.aws.update import Condition, change_row, put_row
from relay.aws.values import Item, from_item, to_item
from relay.domain.errors import (
    AlreadyExistsError,
    LostRaceError,
    NotFoundError,
    UnavailableError,
    UnreadableRowError,
)
from relay.domain.event import Event
from relay.domain.ids import EndpointId, TenantId
from relay.domain.moments import moment, to_milliseconds
from relay.domain.webhook_endpoint import ENDPOINTS_MAX, WebhookEndpoint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 8
"""Each refusal means that the endpoint has healed, or its first turn was taken, meanwhile."""
_TURN = "turn_at"
_MILLISECOND = timedelta(milliseconds=1)


class DynamoDBEndpointStore:
    """Endpoints, one row each, all of a tenant's in one partition."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, endpoint: WebhookEndpoint) -> None:
        """Write the row unless there is one."""
        row = to_row(endpoint)
        if put_row(self._client, self._table, row) not in (None, row):  # else our own, unheard
            raise AlreadyExistsError(endpoint.id)

    def get(self, tenant_id: TenantId, endpoint_id: EndpointId) -> WebhookEndpoint:
        """Read an endpoint, strongly consistent. Rows of other kinds lie beside it."""
        if not FIRST <= endpoint_id < LAST:
            raise NotFoundError(endpoint_id)
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=key_of(tenant_id, endpoint_id), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(endpoint_id)
        return from_row(found["Item"])

    def of_tenant(self, tenant_id: TenantId) -> Sequence[WebhookEndpoint]:
        """Read the tenant's partition, strongly consistent: most are one page."""
        part = Part(
            partition=partition_of(tenant_id),
            first=FIRST,
            before=LAST,
            page_rows=ENDPOINTS_MAX,
            is_consistent=True,
        )
        endpoints: list[WebhookEndpoint] = []
        for row in rows_of(self._client, self._table, part):
            with suppress(UnreadableRowError):
                endpoints.append(read_one(row, from_row))
        return endpoints

    def save(
        self, before: WebhookEndpoint, after: WebhookEndpoint, *, told_by: Event | None = None
    ) -> None:
        """Write what differs, and the event with it or neither.

        A turn that neither of them changes is left out, since others take turns all the while.
        """
        old, new = to_row(before), to_row(after)
        if before.turn_at == after.turn_at:
            old.pop(_TURN, None)
            new.pop(_TURN, None)
        is_as_read = Condition("version = :version", {":version": old["version"]})
        is_done = (
            change_row(self._client, self._table, old, new, is_as_read)
            if told_by is None
            else change_row_and_put(
                self._client, self._table, old, new, is_as_read, to_outbox_row(told_by)
            )
        )
        if not is_done:
            raise LostRaceError(after.id)

    def take_turn(
        self, endpoint: WebhookEndpoint, *, at: datetime, apart: timedelta
    ) -> datetime | None:
        """Take the turn after all that are taken, or now where that is free.

        The former is lost to nobody, however many take turns at this moment.
        """
        is_free = f"attribute_exists(pk) AND (attribute_not_exists({_TURN}) OR {_TURN} <= :at)"
        now = (f"SET {_TURN} = :at + :apart", is_free)
        after_others = (f"SET {_TURN} = {_TURN} + :apart", f"{_TURN} > :at")
        free_at = endpoint.turn_at
        for _ in range(_TRIES):
            change, condition = after_others if free_at is not None and free_at > at else now
            try:
                with aws_errors_translated():
                    changed = self._client.update_item(
                        TableName=self._table,
                        Key=key_of(endpoint.tenant_id, endpoint.id),
                        UpdateExpression=change,
                        ConditionExpression=condition,
                        ExpressionAttributeValues=to_item(
                            {":at": to_milliseconds(at), ":apart": apart // _MILLISECOND}
                        ),
                        ReturnValues="UPDATED_NEW",
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )
            except ClientError as error:
                row = row_before(error)
                if row is None:
                    return None
                free_at = _free_at(row)
            else:
                next_free_at = _free_at(changed["Attributes"])
                return next_free_at - apart if next_free_at else at
        raise UnavailableError("the endpoint is well and troubled again too fast")

    def remove(self, tenant_id: TenantId, endpoint_id: EndpointId) -> None:
        """Delete the row, if it is there."""
        try:
            with aws_errors_translated():
                self._client.delete_item(
                    TableName=self._table,
                    Key=key_of(tenant_id, endpoint_id),
                    ConditionExpression="attribute_exists(pk)",
                )
        except ClientError as error:
            raise NotFoundError(endpoint_id) from error


def _free_at(row: Item) -> datetime | None:
    return moment(from_item(row).get(_TURN))
