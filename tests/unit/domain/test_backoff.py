from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import (
    BASE,
    GATE_PATIENCE,
    IN_PLACE_BUDGET,
    IN_PLACE_CAP,
    MESSAGE_WAIT_MAX,
    RELEASED_CAP,
    RELEASES_BY_MESSAGE,
    UNWRITTEN_HOLD_MAX,
    WEBHOOK_SCHEDULE,
    full_jitter,
    is_for_the_message,
    webhook_wait,
)
from relay.domain.wheel import FIRST_LOOK
from tests.fakes.strategies import chances

A_TICK = timedelta(milliseconds=1)
ALMOST_ONE = 1 - 2**-53


@given(attempt=st.integers(1, 10**6), chance=chances)
def test_a_wait_is_spread_over_all_of_a_bound_that_doubles(attempt: int, chance: float) -> None:
    wait = full_jitter(attempt, cap=RELEASED_CAP, chance=chance)

    bound = min(RELEASED_CAP, BASE * 2 ** min(attempt - 1, 30))
    assert timedelta(0) <= wait <= bound
    assert abs(wait - bound * chance) <= A_TICK


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 32), (10**9, 32)]
)
def test_the_longest_waits_in_place(attempt: int, seconds: int) -> None:
    wait = full_jitter(attempt, cap=IN_PLACE_CAP, chance=ALMOST_ONE)

    assert timedelta(seconds=seconds) - wait <= A_TICK


@given(attempt=st.integers(1, 50), chance=chances)
def test_a_wait_is_whole_milliseconds(attempt: int, chance: float) -> None:
    assert full_jitter(attempt, cap=RELEASED_CAP, chance=chance) % A_TICK == timedelta(0)


@pytest.mark.parametrize(
    ("wait", "receives", "is_carried"),
    [
        (timedelta(0), 1, True),
        (MESSAGE_WAIT_MAX, RELEASES_BY_MESSAGE, True),
        (MESSAGE_WAIT_MAX + A_TICK, 1, False),
        (timedelta(0), RELEASES_BY_MESSAGE + 1, False),
        (-timedelta(hours=1), 1, True),
    ],
)
def test_a_message_carries_a_row_while_that_is_short_and_for_the_first_times(
    wait: timedelta, receives: int, *, is_carried: bool
) -> None:
    assert is_for_the_message(wait, receives=receives) is is_carried


def test_those_that_come_back_are_waited_for_longer_than_newcomers() -> None:
    assert GATE_PATIENCE < IN_PLACE_BUDGET


def test_a_hold_that_stands_on_no_row_is_over_before_a_watch_looks() -> None:
    assert RELEASES_BY_MESSAGE * UNWRITTEN_HOLD_MAX < FIRST_LOOK


def test_webhooks_follow_the_contracts_schedule() -> None:
    waits = [webhook_wait(failures, chance=0.5) for failures in range(1, 10)]

    assert waits == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    ]


@given(failures=st.integers(1, len(WEBHOOK_SCHEDULE)), chance=chances)
def test_webhooks_are_spread_by_a_fifth_either_way(failures: int, chance: float) -> None:
    wait = webhook_wait(failures, chance=chance)

    planned = WEBHOOK_SCHEDULE[failures - 1]
    assert wait is not None
    assert planned * 0.8 - A_TICK <= wait <= planned * 1.2
    assert wait % A_TICK == timedelta(0)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.8), (ALMOST_ONE, 1.2)])
def test_the_spread_reaches_both_of_its_ends(chance: float, factor: float) -> None:
    wait = webhook_wait(1, chance=chance)

    assert wait is not None
    assert abs(wait - timedelta(seconds=5) * factor) <= A_TICK


@given(failures=st.integers(10, 1000), chance=chances)
def test_after_the_last_wait_there_is_none(failures: int, chance: float) -> None:
    assert webhook_wait(failures, chance=chance) is None
