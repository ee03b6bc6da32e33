"""An event as its row and back: what lists, replays and usage totals are read from."""

import json
from dataclasses import asdict
from decimal import Decimal

from relay.aws.values import Item, from_item, known, to_item
from relay.domain.event import Event
from relay.domain.ids import EventId, TenantId, shard_of
from relay.domain.moments import from_milliseconds, from_seconds, to_milliseconds, to_seconds
from relay.domain.money import Money
from relay.domain.usage import Usage

SCHEMA = 1
PREFIX = "E#"
UNPUBLISHED = "unpublished"
"""Marks an event that was inserted before it was put on the bus: it is its own outbox."""


def key_of(tenant_id: TenantId, event_id: EventId) -> Item:
    """Return the key of an event's row."""
    return to_item({"pk": f"{PREFIX}{tenant_id}#{shard_of(event_id)}", "sk": event_id})


def to_row(event: Event) -> Item:
    """Return an event's row. ``data`` is JSON: a map would lose the fields that are null."""
    return key_of(event.tenant_id, event.id) | to_item(
        {
            "schema": SCHEMA,
            "type": event.type,
            "resource": event.resource_id,
            "at": to_milliseconds(event.occurred_at),
            "sequence": event.sequence,
            "ttl": to_seconds(event.purge_at),
            "data": json.dumps(dict(event.data), ensure_ascii=False, separators=(",", ":")),
            "model": event.model,
            "usage": asdict(event.usage) if event.usage else None,
            "cost": event.cost.text if event.cost else None,
        }
    )


def to_outbox_row(event: Event) -> Item:
    """Return the row of an event that the publisher has yet to put on the bus."""
    return to_row(event) | to_item({UNPUBLISHED: True})


def from_row(item: Item) -> Event:
    """Read an event's row."""
    row = from_item(item)
    _, tenant_id, _ = row["pk"].split("#")
    usage, cost = row.get("usage"), row.get("cost")
    return Event(
        id=EventId(row["sk"]),
        type=row["type"],
        tenant_id=TenantId(tenant_id),
        resource_id=row["resource"],
        occurred_at=from_milliseconds(row["at"]),
        sequence=row["sequence"],
        purge_at=from_seconds(row["ttl"]),
        data=json.loads(row["data"]),
        model=row.get("model"),
        usage=Usage(**known(Usage, usage)) if usage is not None else None,
        cost=Money(Decimal(cost)) if cost is not None else None,
    )
