from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.aws.wheel_row import FIRST_LOOK, KEPT_AFTER, SHARDS, hint_row
from relay.domain.ids import JobId, ulid
from relay.domain.moments import to_milliseconds
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_job

MINUTE = timedelta(minutes=1)


def minute_and_shard(job_id: JobId, at_ms: int = 0) -> tuple[int, int]:
    created_at = NOON + timedelta(milliseconds=at_ms)
    _, minute, shard = hint_row(a_job(id=job_id, created_at=created_at))["pk"]["S"].split("#")
    return int(minute), int(shard)


@given(randomness=st.binary(min_size=10, max_size=10), at_ms=st.integers(0, 59_999))
def test_the_first_look_falls_two_to_five_minutes_after_the_submission(
    randomness: bytes, at_ms: int
) -> None:
    minute, shard = minute_and_shard(JobId("job_" + ulid(NOON, randomness)), at_ms)

    created_ms = to_milliseconds(NOON) + at_ms
    ahead = timedelta(milliseconds=minute * 60_000 - created_ms)
    assert FIRST_LOOK <= ahead <= 5 * MINUTE
    assert 0 <= shard < SHARDS


def test_a_burst_of_jobs_is_spread_over_minutes_and_shards() -> None:
    ids = [JobId("job_" + ulid(NOON, number.to_bytes(10))) for number in range(1024)]

    looks = [minute_and_shard(job_id) for job_id in ids]

    assert len({minute for minute, _ in looks}) == 3
    assert {shard for _, shard in looks} == set(range(SHARDS))


def test_a_hint_names_its_job_and_outlives_its_minute() -> None:
    row = hint_row(a_job())

    minute = int(row["pk"]["S"].split("#")[1])
    assert row["sk"] == {"S": f"job#{a_job().id}"}
    assert row["tenant"] == {"S": TENANT}
    assert int(row["ttl"]["N"]) == minute * 60 + KEPT_AFTER.total_seconds()


def test_a_hint_is_the_same_however_often_it_is_written() -> None:
    assert hint_row(a_job()) == hint_row(a_job())


@pytest.mark.parametrize("change", [{"model": "another"}, {"metadata": {"a": "b"}}])
def test_a_hint_holds_nothing_else_of_its_job(change: dict[str, object]) -> None:
    assert hint_row(a_job(**change)) == hint_row(a_job())
