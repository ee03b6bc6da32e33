"""Events in DynamoDB."""

from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from relay.aws.errors import aws_errors_translated
from relay.aws.event_row import from_row, key_of, to_row
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.event import Event
from relay.domain.ids import EventId, TenantId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH_ROWS_MAX = 25  # of BatchWriteItem
_TRIES = 3


class DynamoDBEventStore:
    """Events, one row each."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, events: Sequence[Event]) -> None:
        """Write rows in batches. Written twice they are the same rows, so no condition."""
        rows = {event.id: to_row(event) for event in events}  # a batch may not name a row twice
        for batch in batched(rows.values(), BATCH_ROWS_MAX, strict=False):
            self._put_batch([{"PutRequest": {"Item": row}} for row in batch])

    def _put_batch(self, requests: list[Any]) -> None:
        for _ in range(_TRIES):
            with aws_errors_translated():
                done = self._client.batch_write_item(RequestItems={self._table: requests})
            requests = list(done["UnprocessedItems"].get(self._table, []))
            if not requests:
                return
        raise UnavailableError(f"DynamoDB left {len(requests)} events unwritten")

    def get(self, tenant_id: TenantId, event_id: EventId) -> Event:
        """Read an event, strongly consistent."""
        with aws_errors_translated():
            found = self._client.get_item(
                TableName=self._table, Key=key_of(tenant_id, event_id), ConsistentRead=True
            )
        if "Item" not in found:
            raise NotFoundError(event_id)
        return from_row(found["Item"])
