"""Events in DynamoDB."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from relay.aws.batches import get_rows, put_rows
from relay.aws.errors import aws_errors_translated
from relay.aws.event_row import PREFIX, UNPUBLISHED, from_row, key_of, to_outbox_row, to_row
from relay.aws.listing import Part, merged
from relay.aws.reading import read_one
from relay.aws.update import put_row
from relay.aws.values import text_of, to_item
from relay.domain.errors import NotFoundError, UnreadableRowError
from relay.domain.event import Event
from relay.domain.ids import SHARDS, EventId, TenantId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE_ROWS = 10
"""Rows of one shard to a page of a list."""
_LAST = "evt`"  # after every event's id


class DynamoDBEventStore:
    """Events, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, events: Sequence[Event]) -> None:
        """Write rows in batches. Written twice they are the same rows, so no condition."""
        rows = {event.id: to_row(event) for event in events}  # a batch may not name a row twice
        put_rows(self._client, self._table, list(rows.values()))

    def insert(self, event: Event) -> None:
        """Write the row as its own outbox, unless it is there, published or not."""
        put_row(self._client, self._table, to_outbox_row(event))
        # Its id is derived, so whatever stood in the way is this event.

    def published(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        """Read keys and marks in batches."""
        return {it for it, is_unpublished in self._marks(names).items() if not is_unpublished}

    def unpublished(self, names: Collection[tuple[TenantId, EventId]]) -> set[EventId]:
        """Read keys and marks in batches."""
        return {it for it, is_unpublished in self._marks(names).items() if is_unpublished}

    def _marks(self, names: Collection[tuple[TenantId, EventId]]) -> dict[EventId, bool]:
        keys = [key_of(tenant_id, event_id) for tenant_id, event_id in dict.fromkeys(names)]
        found = get_rows(self._client, self._table, keys, names=("sk", UNPUBLISHED))
        return {EventId(text_of(row, "sk")): UNPUBLISHED in row for row in found}

    def tell_again(self, tenant_id: TenantId, event_id: EventId) -> None:
        """Change a row that is still unpublished, so that the stream shows it anew."""
        try:
            with aws_errors_translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=key_of(tenant_id, event_id),
                    UpdateExpression="ADD told_again :one",
                    ConditionExpression="attribute_exists(#unpublished)",
                    ExpressionAttributeNames={"#unpublished": UNPUBLISHED},
                    ExpressionAttributeValues=to_item({":one": 1}),
                )
        except ClientError:
            return  # gone, or told meanwhile

    def get(self, tenant_id: TenantId, event_id: EventId) -> Event:
        """Read an event, strongly consistent."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=key_of(tenant_id, event_id), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(event_id)
        return from_row(found["Item"])

    def oldest_first(
        self, tenant_id: TenantId, *, after: str, before: str | None = None, at: datetime
    ) -> Iterator[Event]:
        """Merge the tenant's shards. DynamoDB's own expiry is late, so it is checked here."""
        shards = [
            Part(
                partition=f"{PREFIX}{tenant_id}#{shard}",
                first=after,
                before=before or _LAST,
                page_rows=PAGE_ROWS,
                is_ascending=True,
                is_consistent=True,
            )
            for shard in range(SHARDS)
        ]
        for row in merged(self._client, self._table, shards):
            with suppress(UnreadableRowError):
                event = read_one(row, from_row)
                if event.id > after and event.purge_at > at:
                    yield event
