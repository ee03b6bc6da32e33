"""Many acts at once, in order."""

from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cli.in_order import AHEAD, in_order

PATIENCE_SECONDS = 10  # until a thread that never comes is given up


@given(
    items=st.lists(st.integers(), max_size=40), concurrency=st.integers(min_value=1, max_value=5)
)
def test_what_comes_of_items_comes_in_their_order(items: list[int], concurrency: int) -> None:
    assert list(in_order(items, lambda item: item * 2, concurrency=concurrency)) == [
        item * 2 for item in items
    ]


def test_as_many_are_at_work_at_once_as_may_be() -> None:
    together = Barrier(3, timeout=PATIENCE_SECONDS)

    assert len(list(in_order(range(3), lambda _: together.wait(), concurrency=3))) == 3


def test_one_that_takes_long_does_not_hold_up_those_behind_it() -> None:
    last_is_done = Event()
    last = AHEAD - 1

    def act(item: int) -> bool:
        if item == last:
            last_is_done.set()
        return item != 0 or last_is_done.wait(PATIENCE_SECONDS)

    assert all(in_order(range(AHEAD), act, concurrency=2))


def test_what_is_raised_is_raised_in_its_turn_and_what_was_not_begun_is_left() -> None:
    done = []

    def act(item: int) -> int:
        if item == 2:
            raise LookupError(item)
        done.append(item)
        return item

    outcomes = in_order(range(1000), act, concurrency=1)

    assert [next(outcomes), next(outcomes)] == [0, 1]
    with pytest.raises(LookupError):
        next(outcomes)
    assert len(done) <= AHEAD + 2
