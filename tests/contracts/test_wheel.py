from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters import dynamodb_wheel
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.aws.values import Item, to_item
from relay.aws.wheel_row import hint_row
from relay.domain.errors import LostRaceError
from relay.domain.ids import ulid
from relay.domain.wheel import SHARDS, Hint, HintKind, Position, Purpose, minute_of
from relay.ports import Wheel
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT
from tests.fakes.strategies import hints as any_hints
from tests.fakes.wheel import InMemoryWheel

PAGE_ROWS = 3
SAME_SHARD = 1024  # ids whose numbers are so far apart end alike, and so lie in one shard
MINUTE = timedelta(minutes=1)
NOONS_MINUTE = minute_of(NOON)
BEGIN = [Position(NOONS_MINUTE)] * SHARDS
MIDWAY = [Position(NOONS_MINUTE, "watch#job#job_1")] * SHARDS
END = [Position(NOONS_MINUTE + 1)] * SHARDS


def a_hint(number: int = 0, purpose: Purpose = Purpose.WATCH, **changes: Any) -> Hint:
    """Return a hint of noon and of the first shard."""
    identifier = "job_" + ulid(NOON, (number * SAME_SHARD).to_bytes(10))
    hint = Hint(kind=HintKind.JOB, purpose=purpose, owner=TENANT, id=identifier, at=NOON)
    return replace(hint, **changes)


def read(wheel: Wheel, minute: int = NOONS_MINUTE, shard: int = 0) -> list[Hint]:
    """Return all hints of a minute's shard, page by page."""
    found: list[Hint] = []
    position = Position(minute)
    while position.minute == minute:
        page = wheel.page(shard, position)
        found += page.hints
        position = position.after_page(page.after)
    return found


class WheelContract:
    @pytest.fixture
    def wheel(self) -> Wheel:
        """Return a wheel whose pages hold three rows."""
        raise NotImplementedError

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(hint=any_hints)
    def test_a_hint_is_read_just_as_it_was_put(self, wheel: Wheel, hint: Hint) -> None:
        wheel.put([hint])

        assert hint in read(wheel, hint.minute, hint.shard)

    @pytest.mark.parametrize("number", [0, 1, 2, 25, 26, 60])
    def test_any_number_of_hints_is_kept(self, wheel: Wheel, number: int) -> None:
        put = [a_hint(index) for index in range(number)]

        wheel.put(put)

        assert read(wheel) == put

    def test_hints_put_twice_are_kept_once(self, wheel: Wheel) -> None:
        wheel.put([a_hint()])

        wheel.put([a_hint(), a_hint(1), a_hint()])

        assert read(wheel) == [a_hint(), a_hint(1)]

    def test_of_two_hints_for_one_row_minute_and_purpose_the_last_is_kept(
        self, wheel: Wheel
    ) -> None:
        wheel.put([a_hint(looks=1), a_hint(looks=2)])

        assert read(wheel) == [a_hint(looks=2)]

    def test_a_watch_and_a_wake_of_one_row_are_two_hints(self, wheel: Wheel) -> None:
        watch, wake = a_hint(), a_hint(purpose=Purpose.WAKE)

        wheel.put([watch, wake])

        assert read(wheel) == [wake, watch]

    def test_each_minute_and_shard_has_hints_of_its_own(self, wheel: Wheel) -> None:
        later = a_hint(at=NOON + MINUTE)
        wheel.put([a_hint(), later])

        assert read(wheel, NOONS_MINUTE + 1) == [later]
        assert read(wheel, NOONS_MINUTE + 2) == []
        assert read(wheel, NOONS_MINUTE, shard=1) == []

    def test_pages_follow_one_another_without_a_gap_or_a_repetition(self, wheel: Wheel) -> None:
        wheel.put([a_hint(index) for index in range(7)])

        first = wheel.page(0, Position(NOONS_MINUTE))
        second = wheel.page(0, Position(NOONS_MINUTE).after_page(first.after))
        third = wheel.page(0, Position(NOONS_MINUTE).after_page(second.after))

        pages = [first.hints, second.hints, third.hints]
        assert pages == [[a_hint(index) for index in part] for part in ([0, 1, 2], [3, 4, 5], [6])]
        assert third.after is None

    def test_a_page_that_was_read_before_comes_again_from_the_same_position(
        self, wheel: Wheel
    ) -> None:
        wheel.put([a_hint(index) for index in range(5)])
        first = wheel.page(0, Position(NOONS_MINUTE))

        assert wheel.page(0, Position(NOONS_MINUTE)) == first

    def test_before_the_first_sweep_there_are_no_positions(self, wheel: Wheel) -> None:
        assert wheel.positions() is None

    def test_positions_are_read_just_as_they_were_noted(self, wheel: Wheel) -> None:
        positions = [Position(NOONS_MINUTE + shard, "x" * shard) for shard in range(SHARDS)]

        wheel.advance(None, positions)

        assert list(wheel.positions() or ()) == positions

    def test_each_sweep_goes_on_from_the_one_before(self, wheel: Wheel) -> None:
        wheel.advance(None, BEGIN)

        wheel.advance(wheel.positions(), MIDWAY)
        wheel.advance(wheel.positions(), END)

        assert list(wheel.positions() or ()) == END

    def test_noting_again_what_was_noted_is_done_already(self, wheel: Wheel) -> None:
        wheel.advance(None, BEGIN)

        wheel.advance(None, BEGIN)

        assert list(wheel.positions() or ()) == BEGIN

    @pytest.mark.parametrize("before", [None, BEGIN])
    def test_a_sweep_loses_to_another_that_has_gone_on(
        self, wheel: Wheel, before: list[Position] | None
    ) -> None:
        wheel.advance(None, BEGIN)
        wheel.advance(BEGIN, MIDWAY)

        with pytest.raises(LostRaceError):
            wheel.advance(before, END)

        assert list(wheel.positions() or ()) == MIDWAY


class TestInMemoryWheel(WheelContract):
    @pytest.fixture
    def wheel(self) -> Wheel:
        return InMemoryWheel(page_rows=PAGE_ROWS)


class TestDynamoDBWheel(WheelContract):
    @pytest.fixture
    def wheel(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Wheel:
        monkeypatch.setattr(dynamodb_wheel, "PAGE_ROWS", PAGE_ROWS)
        return DynamoDBWheel(cloud.dynamodb(), TABLE)

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda row: row | to_item({"sk": "watch#dream#1"}), id="a kind"),
            pytest.param(lambda row: row | to_item({"sk": "guess#job#1"}), id="a purpose"),
            pytest.param(lambda row: row | to_item({"sk": "something else"}), id="a name"),
            pytest.param(lambda row: row | to_item({"at": "noon"}), id="a moment"),
            pytest.param(
                lambda row: {name: row[name] for name in ("pk", "sk", "ttl")}, id="nothing else"
            ),
        ],
    )
    def test_a_hint_that_cannot_be_read_is_counted_and_holds_up_no_other(
        self, wheel: Wheel, cloud: Cloud, spoil: Callable[[Item], Item]
    ) -> None:
        cloud.dynamodb().put_item(TableName=TABLE, Item=spoil(hint_row(a_hint())))
        wheel.put([a_hint(1)])

        page = wheel.page(0, Position(NOONS_MINUTE))

        assert (page.hints, page.unreadable, page.after) == ([a_hint(1)], 1, None)

    def test_a_page_of_nothing_that_can_be_read_says_where_the_next_begins(
        self, wheel: Wheel, cloud: Cloud
    ) -> None:
        for number in range(PAGE_ROWS):
            row = hint_row(a_hint(number)) | to_item({"sk": f"guess#{number}"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)
        wheel.put([a_hint()])

        page = wheel.page(0, Position(NOONS_MINUTE))

        assert (page.hints, page.unreadable, page.after) == ([], PAGE_ROWS, "guess#2")
        assert read(wheel) == [a_hint()]
