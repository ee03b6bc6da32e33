"""Rates are enforced on a clock that the tests turn."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.driving import CHAT, HandTurnedClock, Wire, chat
from tools.simulator.limits import Bucket


def statuses(wire: Wire, count: int) -> list[int]:
    return [wire.post(CHAT, chat()).status_code for _ in range(count)]


def test_without_limits_there_are_no_limit_headers(wire: Wire) -> None:
    answer = wire.post(CHAT, chat())

    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_a_second_lets_so_many_requests_through(wire: Wire, clock: HandTurnedClock) -> None:
    wire.behave(requests_per_second=3)

    assert statuses(wire, 5) == [200, 200, 200, 429, 429]
    clock.turn(1)
    assert statuses(wire, 4) == [200, 200, 200, 429]


def test_a_rate_below_one_lets_a_call_through_now_and_then(
    wire: Wire, clock: HandTurnedClock
) -> None:
    wire.behave(requests_per_second=0.1)

    assert statuses(wire, 2) == [200, 429]
    clock.turn(9)
    assert statuses(wire, 1) == [429]
    clock.turn(1.01)
    assert statuses(wire, 2) == [200, 429]


def test_a_refusal_has_both_known_forms_and_a_hint_with_one_of_them(wire: Wire) -> None:
    wire.behave(requests_per_second=0.2)
    wire.post(CHAT, chat())

    newer, older = wire.post(CHAT, chat()), wire.post(CHAT, chat())

    assert newer.json()["code"] == "1300"
    assert newer.headers["retry-after"] == "5"
    assert older.json() == {"message": "Requests rate limit exceeded"}
    assert "retry-after" not in older.headers


def test_the_headers_count_the_requests_of_the_minute(wire: Wire, clock: HandTurnedClock) -> None:
    wire.behave(requests_per_second=2)
    wire.post(CHAT, chat())
    second = wire.post(CHAT, chat())
    clock.turn(60)
    third = wire.post(CHAT, chat())

    remaining = "x-ratelimit-remaining-req-minute"
    assert second.headers["x-ratelimit-limit-req-minute"] == "120"
    assert (second.headers[remaining], third.headers[remaining]) == ("118", "119")


def test_a_rate_of_zero_is_a_model_that_is_not_on_the_plan(wire: Wire) -> None:
    wire.behave(requests_per_second=0)

    answer = wire.post(CHAT, chat())

    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-limit-req-minute"] == "0"
    assert "retry-after" not in answer.headers


def test_a_minute_lets_so_many_tokens_through(wire: Wire, clock: HandTurnedClock) -> None:
    cost = wire.post(CHAT, chat()).json()["usage"]["total_tokens"]
    wire.behave(tokens_per_minute=cost * 2)

    first = wire.post(CHAT, chat())

    assert first.headers["x-ratelimit-limit-tokens-minute"] == str(cost * 2)
    assert first.headers["x-ratelimit-remaining-tokens-minute"] == str(cost)
    assert first.headers["x-ratelimit-tokens-query-cost"] == str(cost)
    assert statuses(wire, 2) == [200, 429]
    clock.turn(31)
    assert statuses(wire, 2) == [200, 429]


def test_a_request_above_the_whole_minute_is_refused_without_a_hint(wire: Wire) -> None:
    wire.behave(tokens_per_minute=1)

    answer = wire.post(CHAT, chat())

    assert answer.status_code == 429
    assert "retry-after" not in answer.headers


def test_what_is_refused_is_not_billed(wire: Wire) -> None:
    wire.behave(tokens_per_minute=1)

    wire.post(CHAT, chat())

    assert wire.stats()["prompt_tokens"] == 0


def test_a_wrong_key_uses_nothing_up(wire: Wire) -> None:
    wire.behave(requests_per_second=1)

    wire.post(CHAT, chat(), headers={"authorization": "Bearer wrong"})

    assert statuses(wire, 1) == [200]


moments = st.lists(st.floats(0, 100), min_size=1, max_size=40).map(sorted)


@settings(deadline=None)
@given(moments=moments, capacity=st.integers(1, 5), per_second=st.floats(0.01, 5))
def test_a_bucket_gives_no_more_than_it_held_and_got(
    moments: list[float], capacity: int, per_second: float
) -> None:
    bucket = Bucket(capacity=capacity, per_second=per_second)

    taken = sum(bucket.take(1, at=at) for at in moments)

    assert taken <= capacity + (moments[-1] - moments[0]) * per_second + 1e-6
    assert bucket.level() >= 0


def test_a_clock_set_back_neither_fills_nor_drains_a_bucket() -> None:
    bucket = Bucket(capacity=2, per_second=1)
    bucket.take(1, at=100)

    assert bucket.take(1, at=50)
    assert not bucket.take(1, at=50)


@pytest.mark.parametrize(("amount", "seconds"), [(1, 0), (2, 1), (3, math.inf)])
def test_a_bucket_knows_how_long_to_wait(amount: int, seconds: float) -> None:
    bucket = Bucket(capacity=2, per_second=1)
    bucket.take(1, at=0)

    assert bucket.seconds_until(amount) == seconds
