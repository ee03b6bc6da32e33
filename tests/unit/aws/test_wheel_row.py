from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.aws.values import from_item, to_item
from relay.aws.wheel_row import (
    KEPT_AFTER,
    POSITIONS_KEY,
    hint_from_row,
    hint_row,
    partition_of,
    positions_from_row,
    positions_value,
)
from relay.domain.ids import JobId, TenantId, ulid
from relay.domain.wheel import (
    FIRST_LOOK,
    SHARDS,
    Hint,
    HintKind,
    Position,
    Purpose,
    begin_of,
    minute_of,
    watch,
)
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_job, a_job_id
from tests.fakes.strategies import hints, texts

MINUTE = timedelta(minutes=1)
HINT = Hint(
    kind=HintKind.JOB,
    purpose=Purpose.WATCH,
    owner=TENANT,
    id=a_job_id(),
    at=NOON + timedelta(seconds=30),
)


def first_version_row(job_id: JobId, tenant_id: TenantId, minute: int, shard: int) -> Any:
    """Return a hint as the first version of this code wrote it."""
    return {
        "pk": {"S": f"W#{minute}#{shard}"},
        "sk": {"S": f"job#{job_id}"},
        "tenant": {"S": tenant_id},
        "ttl": {"N": str(minute * 60 + 2 * 24 * 3600)},
    }


@given(hints)
def test_a_hint_survives_its_row(hint: Hint) -> None:
    assert hint_from_row(hint_row(hint)) == hint


@given(hints)
def test_a_hint_lies_in_its_minute_and_shard_and_outlives_its_minute(hint: Hint) -> None:
    row = from_item(hint_row(hint))

    assert row["pk"] == partition_of(hint.minute, hint.shard)
    assert row["ttl"] == hint.minute * 60 + KEPT_AFTER.total_seconds()


def test_a_row_is_named_by_purpose_kind_and_what_it_watches_over() -> None:
    row = from_item(hint_row(HINT))

    assert row["pk"] == f"W#{minute_of(NOON)}#{HINT.shard}"
    assert row["sk"] == f"watch#job#{HINT.id}"
    assert row["owner"] == TENANT


def test_looks_make_a_hint_no_other_one() -> None:
    first, third = hint_row(HINT), hint_row(HINT.again(HINT.at - MINUTE, looks=2))

    assert "looks" not in first
    assert third["looks"] == {"N": "2"}
    assert (third["pk"], third["sk"]) == (first["pk"], first["sk"])


@given(randomness=st.binary(min_size=10, max_size=10), at_ms=st.integers(0, 59_999))
def test_the_first_look_falls_two_to_five_minutes_after_the_submission(
    randomness: bytes, at_ms: int
) -> None:
    created_at = NOON + timedelta(milliseconds=at_ms)
    job_id = JobId("job_" + ulid(NOON, randomness))

    row = from_item(hint_row(watch(HintKind.JOB, TENANT, job_id, created_at)))

    _, minute, shard = row["pk"].split("#")
    assert FIRST_LOOK <= begin_of(int(minute)) - created_at <= 5 * MINUTE
    assert 0 <= int(shard) < SHARDS


def test_a_burst_of_jobs_is_spread_over_minutes_and_shards() -> None:
    ids = [a_job_id(number) for number in range(1024)]

    rows = [hint_row(watch(HintKind.JOB, TENANT, job_id, NOON)) for job_id in ids]

    places = [from_item(row)["pk"].split("#") for row in rows]
    assert len({minute for _, minute, _ in places}) == 3
    assert {int(shard) for _, _, shard in places} == set(range(SHARDS))


@pytest.mark.parametrize("number", [1, 77, 1023])
def test_a_hint_of_the_first_version_watches_over_a_job(number: int) -> None:
    job = a_job(id=a_job_id(number))
    minute = minute_of(NOON)
    row = first_version_row(job.id, job.tenant_id, minute, shard=number % SHARDS)

    hint = hint_from_row(row)

    assert hint == Hint(
        kind=HintKind.JOB, purpose=Purpose.WATCH, owner=job.tenant_id, id=job.id, at=NOON
    )
    assert hint.minute == minute


def test_a_watch_begins_in_the_minute_in_which_the_first_version_began_it() -> None:
    """Whoever reads both finds them in one place, so that a deployment loses no job."""
    job = a_job(id=a_job_id(77))
    row = hint_row(watch(HintKind.JOB, TENANT, job.id, NOON))

    _, minute, shard = from_item(row)["pk"].split("#")

    # 77 is 2 * 32 + 13: its last two characters are 2 and D, so 5 + 8 * 2 in base 8.
    assert (int(minute), int(shard)) == (minute_of(NOON) + 3, 21 % SHARDS)


@pytest.mark.parametrize(
    "change",
    [
        {"sk": "watch#dream#1"},
        {"sk": "guess#job#1"},
        {"sk": "watch"},
        {"at": "noon"},
        {"owner": None},
    ],
)
def test_a_hint_of_newer_code_is_not_read_as_something_else(change: dict[str, Any]) -> None:
    row = to_item(from_item(hint_row(HINT)) | change)

    with pytest.raises((KeyError, ValueError, TypeError)):
        hint_from_row(row)


positions = st.builds(Position, st.integers(0, 10**9), texts)


@given(st.lists(positions, max_size=SHARDS))
def test_positions_survive_their_row(swept: list[Position]) -> None:
    assert positions_from_row(POSITIONS_KEY | positions_value(swept)) == swept
