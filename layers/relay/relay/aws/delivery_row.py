"""A delivery as its row and back."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from relay.aws.values import Item, from_item, to_item
from relay.domain.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from relay.domain.ids import DeliveryId, EventId, JobId, TenantId
from relay.domain.moments import (
    from_milliseconds,
    from_seconds,
    moment,
    stamp,
    to_milliseconds,
    to_seconds,
)

SCHEMA = 1
PREFIX = "D#"
INDEX = "deliveries"
"""The index that lists a tenant's deliveries by id, whatever their target."""
INDEX_KEY = "deliveries_of"
_MILLISECOND = timedelta(milliseconds=1)


def key_of(target_id: str, delivery_id: DeliveryId) -> Item:
    """Return the key of a delivery's row: its target, so that one target's lie together."""
    return to_item({"pk": f"{PREFIX}{target_id}", "sk": delivery_id})


def to_row(delivery: Delivery) -> Item:
    """Return a delivery's row. Moments are milliseconds since 1970, ``ttl`` is seconds.

    ``data`` is JSON: a map would lose the fields that are null.
    """
    return key_of(delivery.target_id, delivery.id) | to_item(
        {
            "schema": SCHEMA,
            "tenant": delivery.tenant_id,
            "event": delivery.event_id,
            "type": delivery.event_type,
            "at": to_milliseconds(delivery.occurred_at),
            "sequence": delivery.sequence,
            "job": delivery.job_id,
            "data": None if delivery.data is None else _json(delivery.data),
            "url": delivery.url,
            "payload": delivery.payload,
            "legacy": delivery.legacy_signature or None,
            "status": delivery.status,
            "fence": delivery.fence,
            "created_at": to_milliseconds(delivery.created_at),
            "next_attempt_at": to_milliseconds(delivery.next_attempt_at),
            "lease_until": stamp(delivery.lease_until),
            "finished_at": stamp(delivery.finished_at),
            "ttl": to_seconds(delivery.purge_at),
            "attempts": [_attempt_map(attempt) for attempt in delivery.attempts],
            "opened_at": stamp(delivery.opened_at),
            "round": delivery.round_id,
            "attempts_before": delivery.attempts_before or None,
            "turn_at": stamp(delivery.turn_at),
        }
    )


def to_new_row(delivery: Delivery) -> Item:
    """Return the row of a delivery that is made: what puts it into the index never changes."""
    return to_row(delivery) | to_item({INDEX_KEY: delivery.tenant_id})


def from_row(item: Item) -> Delivery:
    """Read a delivery's row."""
    row = from_item(item)
    return Delivery(
        id=DeliveryId(row["sk"]),
        target_id=row["pk"].split("#", 1)[1],
        tenant_id=TenantId(row["tenant"]),
        event_id=EventId(row["event"]),
        event_type=row["type"],
        occurred_at=from_milliseconds(row["at"]),
        sequence=row["sequence"],
        job_id=JobId(row["job"]) if "job" in row else None,
        data=json.loads(row["data"]) if "data" in row else None,
        url=row["url"],
        payload=row["payload"],
        legacy_signature=row.get("legacy", False),
        status=DeliveryStatus(row["status"]),
        fence=row["fence"],
        created_at=from_milliseconds(row["created_at"]),
        next_attempt_at=from_milliseconds(row["next_attempt_at"]),
        lease_until=moment(row.get("lease_until")),
        finished_at=moment(row.get("finished_at")),
        purge_at=from_seconds(row["ttl"]),
        attempts=tuple(_attempt(fields) for fields in row["attempts"]),
        opened_at=moment(row.get("opened_at")),
        round_id=row.get("round"),
        attempts_before=row.get("attempts_before", 0),
        turn_at=moment(row.get("turn_at")),
    )


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), ensure_ascii=False, separators=(",", ":"))


def _attempt_map(attempt: DeliveryAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "at": to_milliseconds(attempt.at),
        "ms": attempt.duration // _MILLISECOND,
        "status_code": attempt.status_code,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
        "head": attempt.response_head,
    }


def _attempt(fields: Mapping[str, Any]) -> DeliveryAttempt:
    return DeliveryAttempt(
        number=fields["number"],
        at=from_milliseconds(fields["at"]),
        duration=fields["ms"] * _MILLISECOND,
        status_code=fields.get("status_code"),
        outcome=fields["outcome"],
        reason=fields["reason"],
        response_head=fields["head"],
    )
