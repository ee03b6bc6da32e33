"""Following the list of events: whoever goes on by the cursors gets each event once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.event import Event
from relay.domain.event_list import (
    EXAMINED_MAX,
    SETTLED_AFTER,
    TAIL_MAX,
    EventCursor,
    EventPage,
    cursor_from,
    page_of,
    read_event_cursor,
)
from relay.domain.ids import EventId, ulid
from tests.fakes.clock import NOON
from tests.fakes.examples import an_event

URL_CHARACTERS_MAX = 8 * 1024
MILLISECOND = timedelta(milliseconds=1)
SETTLED_MILLISECONDS = SETTLED_AFTER // MILLISECOND
EXAMPLE = an_event()


def event_at(at: datetime, number: int, kind: str = "job.completed") -> Event:
    identifier = EventId(f"evt_{ulid(at, (number + 1).to_bytes(10))}")
    return replace(EXAMPLE, id=identifier, occurred_at=at, type=kind)


@dataclass(kw_only=True)
class Follower:
    """Reads page after page of what has appeared by then."""

    limit: int = 100
    kind: str | None = None
    cursor: EventCursor = field(default_factory=lambda: cursor_from(NOON))
    got: list[Event] = field(default_factory=list)

    def read(self, there: Sequence[Event], at: datetime) -> EventPage:
        after = sorted((it for it in there if it.id > self.cursor.position), key=lambda it: it.id)
        page = page_of(
            after,
            self.cursor,
            limit=self.limit,
            at=at,
            wants=lambda it: self.kind in (None, it.type),
        )
        self.cursor = read_event_cursor(page.cursor.text)
        self.got += page.events
        return page

    def read_all(self, there: Sequence[Event], at: datetime) -> int:
        """Return how many pages it took."""
        pages = 1
        while self.read(there, at).has_more:
            pages += 1
        return pages


@dataclass(frozen=True, slots=True)
class Appearing:
    event: Event
    appears_at: datetime


@st.composite
def histories(draw: st.DrawFn) -> list[Appearing]:
    spans = st.integers(0, 3 * SETTLED_MILLISECONDS)
    delays = st.integers(0, SETTLED_MILLISECONDS - 1) | st.just(0)
    kinds = st.sampled_from(["job.completed", "job.failed"])
    drawn = draw(st.lists(st.tuples(spans, delays, kinds), max_size=60))
    return [
        Appearing(
            event_at(NOON + span * MILLISECOND, number, kind),
            NOON + (span + delay) * MILLISECOND,
        )
        for number, (span, delay, kind) in enumerate(drawn)
    ]


def looks(gaps: Sequence[int]) -> Iterator[datetime]:
    """Yield when a follower looks, at last when all has settled."""
    at = NOON
    for gap in gaps:
        yield at
        at += gap * MILLISECOND
    yield max(at, NOON + 5 * SETTLED_AFTER)


@given(
    histories(),
    st.lists(st.integers(0, SETTLED_MILLISECONDS), max_size=30),
    st.integers(1, 5) | st.just(100),
    st.sampled_from([None, "job.completed", "job.failed"]),
)
def test_in_whatever_order_events_appear_a_follower_gets_each_exactly_once(
    history: list[Appearing], gaps: list[int], limit: int, kind: str | None
) -> None:
    follower = Follower(limit=limit, kind=kind)

    for at in looks(gaps):
        follower.read([it.event for it in history if it.appears_at <= at], at)
    everything = [it.event for it in history]
    follower.read_all(everything, NOON + 6 * SETTLED_AFTER)

    wanted = [it.id for it in everything if kind in (None, it.type)]
    assert sorted(it.id for it in follower.got) == sorted(wanted)


@given(histories(), st.integers(1, 100))
def test_what_is_there_comes_in_order_and_the_pages_say_when_there_is_no_more(
    history: list[Appearing], limit: int
) -> None:
    everything = [it.event for it in history]
    follower = Follower(limit=limit)

    pages = follower.read_all(everything, NOON + 5 * SETTLED_AFTER)

    assert [it.id for it in follower.got] == sorted(it.id for it in everything)
    assert pages == max(1, -(-len(everything) // limit))


def test_of_more_events_than_a_cursor_holds_none_comes_twice_and_none_that_is_there_is_missed() -> (
    None
):
    everything = [event_at(NOON, number) for number in range(3 * TAIL_MAX)]
    follower = Follower()

    follower.read_all(everything, NOON)
    follower.read_all(everything, NOON)

    assert [it.id for it in follower.got] == [it.id for it in everything]
    assert len(follower.cursor.returned) == TAIL_MAX


def test_what_was_returned_is_known_when_a_page_ends_before_it() -> None:
    """Late ones fill the page, so that what was returned before them is not reached."""
    late = [event_at(NOON, number) for number in range(TAIL_MAX)]
    early = [event_at(NOON + MILLISECOND, number) for number in range(TAIL_MAX)]
    follower = Follower()
    follower.read_all(early, NOON)

    follower.read_all([*late, *early], NOON)
    follower.read_all([*late, *early], NOON)

    assert sorted(it.id for it in follower.got) == [it.id for it in (*late, *early)]


def test_a_rare_type_is_come_to_though_many_others_are_too_young_to_be_passed() -> None:
    others = [event_at(NOON, number) for number in range(2 * EXAMINED_MAX)]
    rare = event_at(NOON, 2 * EXAMINED_MAX, "job.failed")
    follower = Follower(kind="job.failed")

    pages = follower.read_all([*others, rare], NOON)

    assert follower.got == [rare]
    assert pages > 1


def test_the_longest_cursor_fits_into_an_address() -> None:
    everything = [event_at(NOON, number) for number in range(TAIL_MAX)]
    follower = Follower()

    follower.read_all(everything, NOON)

    assert len(follower.cursor.returned) == TAIL_MAX
    assert len(follower.cursor.text) < URL_CHARACTERS_MAX / 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "%%%%",
        "eA" * 200,
        cursor_from(NOON).text[:-1],
        EventCursor(EXAMPLE.id, (b"12345",)).text,
        EventCursor(EXAMPLE.id.replace("evt_", "job_")).text,
        EventCursor(EXAMPLE.id, (b"123456",) * (TAIL_MAX + 1)).text,
    ],
)
def test_what_is_no_cursor_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_event_cursor(text)


def test_without_a_moment_the_list_begins_with_the_first_event_there_can_be() -> None:
    assert cursor_from(None).position < EXAMPLE.id
