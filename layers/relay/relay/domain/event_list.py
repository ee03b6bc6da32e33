"""Lists of events, the oldest first, and where a reader goes on who must miss none.

An event's row appears a moment after the event's own time, which its id carries, so that an id
below the last one seen may appear later. A cursor therefore stays behind: whatever is younger
than ``SETTLED_AFTER`` is read again, and what was returned of that is known by short hashes.
"""

import base64
import binascii
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from relay.domain.event import Event
from relay.domain.ids import first_id, is_id
from relay.domain.moments import cut_to_milliseconds

SETTLED_AFTER = timedelta(minutes=2)
"""After that no event is expected to appear any more below those that are there."""
TAIL_MAX = 400
"""How many events are read again at most. Of a tenant with more in two minutes those count only."""
EXAMINED_MAX = 1000
"""How many events one page looks at, so that a rare type costs a bounded read."""
_EVENT = "evt"
_ID_BYTES = 30
_HASH_BYTES = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EventCursor:
    """Where a list goes on: after ``position``, but for what was returned of that already.

    ``returned`` are the hashes of those ids, in the order of the ids.
    """

    position: str
    returned: tuple[bytes, ...] = ()

    def from_moment(self, moment: datetime | None) -> "EventCursor":
        """Return the cursor that goes on no earlier than at a moment."""
        return replace(self, position=max(self.position, cursor_from(moment).position))

    @property
    def text(self) -> str:
        """The cursor as a text that means nothing to clients: 3,240 characters at most."""
        said = self.position.encode() + b"".join(self.returned)
        return base64.urlsafe_b64encode(said).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, whether there are more by now, and where the next page begins."""

    events: list[Event]
    has_more: bool
    cursor: EventCursor


def cursor_from(moment: datetime | None) -> EventCursor:
    """Return where a list begins that holds what happened at or after a moment, or all."""
    return EventCursor(first_id(_EVENT, moment or _EPOCH))


def read_event_cursor(text: str) -> EventCursor:
    """Return a cursor, which anyone may have made up.

    Raises:
        ValueError: it is no cursor of ours.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        said = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        position, hashes = said[:_ID_BYTES].decode(), said[_ID_BYTES:]
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a cursor") from error
    count, rest = divmod(len(hashes), _HASH_BYTES)
    if not is_id(position, _EVENT) or rest or count > TAIL_MAX:
        raise ValueError("not a cursor")
    starts = range(0, len(hashes), _HASH_BYTES)
    return EventCursor(position, tuple(hashes[it : it + _HASH_BYTES] for it in starts))


def page_of(
    events: Iterable[Event],
    cursor: EventCursor,
    *,
    limit: int,
    at: datetime,
    wants: Callable[[Event], bool],
) -> EventPage:
    """Return a page of those that a reader wants of the events after a cursor's position."""
    known = frozenset(cursor.returned)
    page: list[Event] = []
    examined: list[str] = []
    told: set[bytes] = set()
    has_more = False
    for event in events:
        mark = _hash(event.id)
        is_wanted = mark not in known and wants(event)
        if len(examined) == EXAMINED_MAX or (is_wanted and len(page) == limit):
            has_more = True
            break
        examined.append(event.id)
        if is_wanted:
            page.append(event)
        if is_wanted or mark in known:
            told.add(mark)
    # What was returned and is not reached this time lies behind what was examined.
    ahead = tuple(it for it in cursor.returned if it not in told) if has_more else ()
    return EventPage(page, has_more, _cursor_after(cursor, examined, told, ahead, at))


def _cursor_after(
    cursor: EventCursor,
    examined: list[str],
    told: set[bytes],
    ahead: tuple[bytes, ...],
    at: datetime,
) -> EventCursor:
    """Return the cursor that has passed what is settled, and as much as it cannot hold."""
    settled = first_id(_EVENT, max(cut_to_milliseconds(at) - SETTLED_AFTER, _EPOCH))
    passed = max(
        bisect_left(examined, settled),
        len(examined) + len(ahead) - TAIL_MAX,
    )
    position = examined[passed - 1] if passed else cursor.position
    tail = (_hash(it) for it in examined[passed:])
    return EventCursor(position, (*(it for it in tail if it in told), *ahead))


def _hash(event_id: str) -> bytes:
    return hashlib.sha256(event_id.encode()).digest()[:_HASH_BYTES]
