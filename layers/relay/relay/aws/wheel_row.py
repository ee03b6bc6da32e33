"""A hint on the wheel, and how far the wheel has been swept, as rows and back."""

from collections.abc import Sequence
from datetime import timedelta

from relay.aws.values import Item, from_item, to_item
from relay.domain.moments import from_milliseconds, to_milliseconds
from relay.domain.wheel import Hint, HintKind, Position, Purpose, minute_of

KEPT_AFTER = timedelta(days=7)
"""How long a hint outlives its minute: longer than any outage of the sweeper that goes unseen."""
_MINUTE_SECONDS = 60


def hint_row(hint: Hint) -> Item:
    """Return a hint's row. Two hints for one row, minute and purpose are one."""
    expires = hint.minute * _MINUTE_SECONDS + int(KEPT_AFTER.total_seconds())
    return to_item(
        {
            "pk": partition_of(hint.minute, hint.shard),
            "sk": f"{hint.purpose}#{hint.kind}#{hint.id}",
            "owner": hint.owner,
            "at": to_milliseconds(hint.at),
            "looks": hint.looks or None,
            "ttl": expires,
        }
    )


def hint_from_row(item: Item) -> Hint:
    """Read a hint's row."""
    row = from_item(item)
    if "tenant" in row:  # as the first version wrote them: jobs only, and only to watch them
        row |= {"sk": f"{Purpose.WATCH}#{row['sk']}", "owner": row["tenant"]}
        row |= {"at": int(row["pk"].split("#")[1]) * _MINUTE_SECONDS * 1000}
    at = from_milliseconds(row["at"])
    purpose, kind, identifier = row["sk"].split("#", 2)
    return Hint(
        kind=HintKind(kind),
        purpose=Purpose(purpose),
        owner=row["owner"],
        id=identifier,
        at=at,
        looks=row.get("looks", 0),
        minutes_ahead=minute_of(at) - int(row["pk"].split("#")[1]),
    )


def partition_of(minute: int, shard: int) -> str:
    """Return the partition in which a minute's shard lies."""
    return f"W#{minute}#{shard}"


POSITIONS_KEY = to_item({"pk": "WC", "sk": "positions"})


def positions_value(positions: Sequence[Position]) -> Item:
    """Return the positions of all shards as one attribute."""
    return to_item({"positions": [[it.minute, it.after] for it in positions]})


def positions_from_row(item: Item) -> list[Position]:
    """Read the positions of all shards."""
    return [Position(minute, after) for minute, after in from_item(item)["positions"]]
