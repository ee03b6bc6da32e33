import asyncio
from datetime import UTC, timedelta

import pytest

from relay.adapters.system_clock import SystemClock
from relay.adapters.system_dice import SystemDice
from relay.ports import Clock, Dice
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice

NO_TIME = timedelta(0)


class ClockContract:
    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    def test_a_moment_is_utc_and_whole_milliseconds(self, clock: Clock) -> None:
        now = clock.now()

        assert now.tzinfo is UTC
        assert now.microsecond % 1000 == 0

    def test_time_does_not_run_backwards_over_a_wait(self, clock: Clock) -> None:
        before = clock.now()

        clock.wait(NO_TIME)
        asyncio.run(clock.sleep(NO_TIME))

        assert clock.now() >= before


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestFakeClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return FakeClock()

    def test_who_sleeps_at_the_same_time_sleeps_once(self) -> None:
        clock = FakeClock()
        before = clock.now()

        async def sleep_together() -> None:
            await asyncio.gather(*(clock.sleep(timedelta(seconds=s)) for s in (1, 3, 2)))

        asyncio.run(sleep_together())

        assert clock.now() - before == timedelta(seconds=3)


class DiceContract:
    @pytest.fixture
    def dice(self) -> Dice:
        raise NotImplementedError

    @pytest.mark.parametrize("length", [0, 10, 32])
    def test_randomness_has_the_length_that_was_asked_for(self, dice: Dice, length: int) -> None:
        assert len(dice.randomness(length)) == length

    def test_randomness_does_not_come_twice(self, dice: Dice) -> None:
        assert dice.randomness(16) != dice.randomness(16)

    def test_chance_lies_between_nought_and_one(self, dice: Dice) -> None:
        assert all(0 <= dice.chance() < 1 for _ in range(100))


class TestSystemDice(DiceContract):
    @pytest.fixture
    def dice(self) -> Dice:
        return SystemDice()


class TestFakeDice(DiceContract):
    @pytest.fixture
    def dice(self) -> Dice:
        return FakeDice()

    def test_the_same_seed_gives_the_same_chance(self) -> None:
        assert FakeDice(7).randomness(8) == FakeDice(7).randomness(8)
