"""The one conditional write of a rate bucket, which many sandboxes share."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from relay.adapters.dynamodb_rate import DynamoDBRateBucket
from relay.domain.errors import UnavailableError
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.integration.interference import applied_twice, applied_unheard, just_before

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


class TestRate:
    ONE_HOUR_ON = NOON + HOUR

    def bucket(self, client: "DynamoDBClient") -> DynamoDBRateBucket:
        return DynamoDBRateBucket(client, TABLE, "calls", SECOND)

    def busy_bucket(self, client: "DynamoDBClient") -> DynamoDBRateBucket:
        """Return one that has dealt out two moments and knows that it is busy."""
        bucket = self.bucket(client)
        for _ in range(2):
            bucket.reserve(1, at=NOON, before=self.ONE_HOUR_ON)
        return bucket

    def forget(self, cloud: Cloud) -> None:
        """Turn a busy bucket idle, as the passing of time does."""
        (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
        key = {name: row[name] for name in ("pk", "sk")}
        cloud.dynamodb().delete_item(TableName=TABLE, Key=key)

    def taking(self, rival: DynamoDBRateBucket, count: int) -> Callable[[], object]:
        return lambda: rival.reserve(count, at=NOON, before=self.ONE_HOUR_ON)

    def next_of(self, bucket: DynamoDBRateBucket) -> datetime:
        """Take one more moment, which shows what was dealt out."""
        (moment,) = bucket.reserve(1, at=NOON, before=self.ONE_HOUR_ON)
        return moment

    def test_a_bucket_that_was_idle_is_shared_with_whoever_came_first(self, cloud: Cloud) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        just_before(client, "UpdateItem", self.taking(rival, 3))

        mine = self.bucket(client).reserve(2, at=NOON, before=self.ONE_HOUR_ON)

        assert mine == seconds(3, 5)
        assert self.next_of(rival) == NOON + 5 * SECOND

    def test_an_idle_bucket_that_another_fills_up_deals_out_what_is_left(
        self, cloud: Cloud
    ) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        just_before(client, "UpdateItem", self.taking(rival, 3))

        mine = self.bucket(client).reserve(10, at=NOON, before=NOON + 6 * SECOND)

        assert mine == seconds(3, 6)
        assert self.next_of(rival) == NOON + 6 * SECOND

    def test_a_busy_bucket_that_another_fills_up_deals_out_nothing_beyond(
        self, cloud: Cloud
    ) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        mine = self.busy_bucket(client)
        just_before(client, "UpdateItem", self.taking(rival, 9))

        assert mine.reserve(1, at=NOON, before=NOON + 11 * SECOND) == []

        assert self.next_of(rival) == NOON + 11 * SECOND

    def test_a_busy_bucket_that_others_fill_up_twice_deals_out_what_is_left_then(
        self, cloud: Cloud
    ) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        mine = self.busy_bucket(client)
        just_before(client, "UpdateItem", self.taking(rival, 9))
        just_before(client, "UpdateItem", self.taking(rival, 2), call=2)

        assert mine.reserve(10, at=NOON, before=NOON + 16 * SECOND) == seconds(13, 16)

        assert self.next_of(rival) == NOON + 16 * SECOND

    def test_a_busy_bucket_that_has_run_out_may_be_busy_again_at_once(self, cloud: Cloud) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        mine, later = self.busy_bucket(client), NOON + HOUR
        end = later + 6 * SECOND
        second_try = 2  # the first has found it idle
        just_before(
            client,
            "UpdateItem",
            lambda: rival.reserve(3, at=later, before=end),
            call=second_try,
        )

        assert mine.reserve(10, at=later, before=end) == seconds(3, 6, later)

    def test_a_bucket_whose_row_vanishes_begins_anew_and_deals_out_all_that_fit(
        self, cloud: Cloud
    ) -> None:
        """Two fitted when it was asked first: that holds no longer."""
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        mine = self.busy_bucket(client)
        second_try = 2  # the first has found room for two
        just_before(client, "UpdateItem", lambda: self.forget(cloud), call=second_try)

        assert mine.reserve(10, at=NOON, before=NOON + 4 * SECOND) == seconds(0, 4)

        assert self.next_of(rival) == NOON + 4 * SECOND

    def test_a_bucket_that_is_another_at_each_try_is_an_outage(self, cloud: Cloud) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        for call in (1, 3, 5, 7):
            just_before(client, "UpdateItem", self.taking(rival, 1), call=call)
            just_before(client, "UpdateItem", lambda: self.forget(cloud), call=call + 1)

        with pytest.raises(UnavailableError, match="too fast"):
            self.bucket(client).reserve(1, at=NOON, before=self.ONE_HOUR_ON)

        assert cloud.dynamodb().scan(TableName=TABLE)["Items"] == []

    @pytest.mark.parametrize("found_busy", [False, True])
    def test_moments_that_were_dealt_out_but_not_heard_of_are_nobodys(
        self, cloud: Cloud, *, found_busy: bool
    ) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        mine = self.busy_bucket(client) if found_busy else self.bucket(client)
        dealt_out = 2 if found_busy else 0
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        moments = mine.reserve(2, at=NOON, before=self.ONE_HOUR_ON)

        assert moments == seconds(dealt_out + 2, dealt_out + 4)
        assert self.next_of(rival) == NOON + (dealt_out + 4) * SECOND

    def test_a_reservation_whose_answer_never_came_is_an_outage_that_costs_its_moments(
        self, cloud: Cloud
    ) -> None:
        client, rival = cloud.dynamodb(), self.bucket(cloud.dynamodb())
        applied_unheard(client, "UpdateItem", cloud.dynamodb())

        with pytest.raises(UnavailableError):
            self.bucket(client).reserve(2, at=NOON, before=self.ONE_HOUR_ON)

        assert self.next_of(rival) == NOON + 2 * SECOND


def seconds(first: int, end: int, start: datetime = NOON) -> list[datetime]:
    """Return the moments that a bucket deals out from one second to another."""
    return [start + number * SECOND for number in range(first, end)]
