"""Rows read so that one that cannot be read harms no other."""

from collections.abc import Callable, Iterable

from relay.aws.values import Item, text_of
from relay.domain.errors import UnreadableRowError
from relay.ports import Found


def read_one[Row](row: Item, read: Callable[[Item], Row]) -> Row:
    """Read one row.

    Raises:
        UnreadableRowError: whatever is wrong with it.
    """
    try:
        return read(row)
    except Exception as error:  # a row that newer code wrote may fail anywhere in the reading
        raise UnreadableRowError(text_of(row, "sk")) from error


def read_each[Id, Row](
    rows: Iterable[Item], id_of: Callable[[Item], Id], read: Callable[[Item], Row]
) -> Found[Id, Row]:
    """Read rows, and tell which of them cannot be read."""
    found: dict[Id, Row] = {}
    unreadable: set[Id] = set()
    for row in rows:
        try:
            found[id_of(row)] = read_one(row, read)
        except UnreadableRowError:
            unreadable.add(id_of(row))
    return Found(rows=found, unreadable=frozenset(unreadable))
