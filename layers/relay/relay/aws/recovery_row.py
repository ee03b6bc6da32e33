"""A recovery as its row and back."""

from relay.aws.values import Item, from_item, to_item
from relay.domain.ids import EndpointId, EventId, TenantId
from relay.domain.moments import (
    from_milliseconds,
    from_seconds,
    moment,
    stamp,
    to_milliseconds,
    to_seconds,
)
from relay.domain.recovery import Recovery

SCHEMA = 1


def key_of(endpoint_id: EndpointId, recovery_id: str) -> Item:
    """Return the key of a recovery's row."""
    return to_item({"pk": f"R#{endpoint_id}", "sk": recovery_id})


def to_row(recovery: Recovery) -> Item:
    """Return a recovery's row. Moments are milliseconds since 1970, ``ttl`` is seconds."""
    return key_of(recovery.endpoint_id, recovery.id) | to_item(
        {
            "schema": SCHEMA,
            "tenant": recovery.tenant_id,
            "since": to_milliseconds(recovery.since),
            "until": to_milliseconds(recovery.until),
            "created_at": to_milliseconds(recovery.created_at),
            "due_at": to_milliseconds(recovery.due_at),
            "ttl": to_seconds(recovery.purge_at),
            "version": recovery.version,
            "after": recovery.after,
            "redelivered": recovery.redelivered,
            "finished_at": stamp(recovery.finished_at),
        }
    )


def from_row(item: Item) -> Recovery:
    """Read a recovery's row."""
    row = from_item(item)
    after = row.get("after")
    return Recovery(
        id=row["sk"],
        tenant_id=TenantId(row["tenant"]),
        endpoint_id=EndpointId(row["pk"].split("#", 1)[1]),
        since=from_milliseconds(row["since"]),
        until=from_milliseconds(row["until"]),
        created_at=from_milliseconds(row["created_at"]),
        due_at=from_milliseconds(row["due_at"]),
        purge_at=from_seconds(row["ttl"]),
        version=row["version"],
        after=None if after is None else EventId(after),
        redelivered=row["redelivered"],
        finished_at=moment(row.get("finished_at")),
    )
