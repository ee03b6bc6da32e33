from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_rate import DynamoDBRateBucket
from relay.ports import RateBucket
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.gate import InMemoryRateBucket
from tests.fakes.strategies import unused_id

SECOND = timedelta(seconds=1)
A_TICK = timedelta(milliseconds=1)
INTERVAL = 2 * SECOND
HOUR = timedelta(hours=1)
LATE = NOON + HOUR

type Pair = tuple[RateBucket, RateBucket]
"""One bucket, as two sandboxes have it."""
type MakePair = Callable[[timedelta], Pair]

asks = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 60_000).map(lambda ms: NOON + ms * A_TICK),
        st.integers(0, 10),
        st.integers(-1_000, 30_000).map(lambda ms: ms * A_TICK),
    ),
    max_size=12,
)


def moments_from(first: datetime, count: int, interval: timedelta = INTERVAL) -> list[datetime]:
    return [first + number * interval for number in range(count)]


class RateBucketContract:
    @pytest.fixture
    def make_pair(self) -> MakePair:
        """Return what makes a new bucket of an interval."""
        raise NotImplementedError

    @pytest.fixture
    def bucket(self, make_pair: MakePair) -> RateBucket:
        return make_pair(INTERVAL)[0]

    def test_a_bucket_says_how_far_apart_its_moments_lie(self, bucket: RateBucket) -> None:
        assert bucket.interval == INTERVAL

    def test_an_idle_bucket_begins_at_the_moment_that_asks(self, bucket: RateBucket) -> None:
        assert bucket.reserve(1, at=NOON, before=NOON + A_TICK) == [NOON]

    @pytest.mark.parametrize("count", [1, 3, 10])
    def test_a_busy_bucket_goes_on_where_the_moments_dealt_out_end(
        self, bucket: RateBucket, count: int
    ) -> None:
        end = NOON + count * INTERVAL
        bucket.reserve(count, at=NOON, before=LATE)

        assert bucket.reserve(2, at=NOON, before=LATE) == moments_from(end, 2)
        assert bucket.reserve(1, at=NOON + SECOND, before=LATE) == [end + 2 * INTERVAL]

    @pytest.mark.parametrize("later", [INTERVAL, INTERVAL + A_TICK, HOUR])
    def test_a_bucket_that_has_run_out_begins_anew_and_saves_nothing_up(
        self, bucket: RateBucket, later: timedelta
    ) -> None:
        at = NOON + later
        bucket.reserve(1, at=NOON, before=LATE)

        assert bucket.reserve(1, at=at, before=at + A_TICK) == [at]
        assert bucket.reserve(1, at=at, before=LATE + HOUR) == [at + INTERVAL]

    @pytest.mark.parametrize("taken", [0, 1, 5])
    @pytest.mark.parametrize("fit", [1, 3, 9])
    def test_where_fewer_fit_than_are_asked_for_those_that_fit_are_taken(
        self, bucket: RateBucket, taken: int, fit: int
    ) -> None:
        first = NOON + taken * INTERVAL
        bucket.reserve(taken, at=NOON, before=LATE)

        found = bucket.reserve(10, at=NOON, before=first + fit * INTERVAL)

        assert found == moments_from(first, fit)
        assert bucket.reserve(1, at=NOON, before=LATE) == [first + fit * INTERVAL]

    def test_the_last_moment_may_lie_just_before_what_is_said(self, bucket: RateBucket) -> None:
        first = NOON + 5 * INTERVAL
        bucket.reserve(5, at=NOON, before=LATE)

        found = bucket.reserve(3, at=NOON, before=first + 2 * INTERVAL + A_TICK)

        assert found == moments_from(first, 3)

    @pytest.mark.parametrize("taken", [0, 5])
    def test_where_the_first_moment_lies_too_far_ahead_none_is_taken(
        self, bucket: RateBucket, taken: int
    ) -> None:
        first = NOON + taken * INTERVAL
        bucket.reserve(taken, at=NOON, before=LATE)

        assert bucket.reserve(3, at=NOON, before=first) == []

        assert bucket.reserve(1, at=NOON, before=LATE) == [first]

    def test_nobody_is_given_a_moment_who_asks_for_none(self, bucket: RateBucket) -> None:
        assert bucket.reserve(0, at=NOON, before=LATE) == []

        assert bucket.reserve(1, at=NOON, before=LATE) == [NOON]

    def test_without_an_interval_everyone_goes_at_once(self, make_pair: MakePair) -> None:
        bucket, other = make_pair(timedelta(0))

        assert bucket.reserve(10, at=NOON, before=NOON + A_TICK) == [NOON] * 10
        assert other.reserve(10, at=NOON, before=NOON + A_TICK) == [NOON] * 10
        assert other.reserve(10, at=NOON, before=NOON) == []

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(asks=asks, interval=st.integers(1, 5_000).map(lambda ms: ms * A_TICK))
    def test_no_two_moments_lie_closer_than_the_interval_and_as_many_are_taken_as_fit(
        self,
        make_pair: MakePair,
        asks: list[tuple[int, datetime, int, timedelta]],
        interval: timedelta,
    ) -> None:
        """Whichever of two sandboxes asks when, and whatever their clocks say."""
        pair = make_pair(interval)
        moments: list[datetime] = []

        for who, at, most, ahead in asks:
            found = pair[who].reserve(most, at=at, before=at + ahead)
            first = max([at, *(moment + interval for moment in moments[-1:])])
            wished = moments_from(first, most, interval)
            assert list(found) == [moment for moment in wished if moment < at + ahead]
            assert all(at <= moment < at + ahead for moment in found)
            moments += found

        assert all(later - earlier >= interval for earlier, later in pairwise(moments))


class TestInMemoryRateBucket(RateBucketContract):
    @pytest.fixture
    def make_pair(self) -> MakePair:
        def make(interval: timedelta) -> Pair:
            bucket = InMemoryRateBucket(interval=interval)
            return bucket, bucket

        return make


class TestDynamoDBRateBucket(RateBucketContract):
    @pytest.fixture
    def make_pair(self, cloud: Cloud) -> MakePair:
        client, rivals = cloud.dynamodb(), cloud.dynamodb()

        def make(interval: timedelta) -> Pair:
            name = unused_id("rate")
            return (
                DynamoDBRateBucket(client, TABLE, name, interval),
                DynamoDBRateBucket(rivals, TABLE, name, interval),
            )

        return make

    def test_buckets_of_different_names_have_moments_of_their_own(self, cloud: Cloud) -> None:
        calls, backlog = (
            DynamoDBRateBucket(cloud.dynamodb(), TABLE, name, INTERVAL)
            for name in ("calls", "backlog")
        )

        assert calls.reserve(5, at=NOON, before=LATE) == moments_from(NOON, 5)
        assert backlog.reserve(5, at=NOON, before=LATE) == moments_from(NOON, 5)

    def test_a_bucket_whose_row_is_gone_begins_anew(self, cloud: Cloud) -> None:
        """A sandbox that had met it busy took it for busy ever after, and got no moment."""
        bucket = DynamoDBRateBucket(cloud.dynamodb(), TABLE, "calls", INTERVAL)
        bucket.reserve(5, at=NOON, before=LATE)
        bucket.reserve(5, at=NOON, before=LATE)
        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        key = {name: row[name] for name in ("pk", "sk")}
        cloud.dynamodb().delete_item(TableName=TABLE, Key=key)

        assert bucket.reserve(1, at=NOON, before=LATE) == [NOON]
