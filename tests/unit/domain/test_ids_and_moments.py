from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.delivery import delivery_id
from relay.domain.ids import (
    SHARDS,
    EventId,
    derived_ulid,
    first_id,
    is_id,
    made_at,
    shard_of,
    ulid,
)
from relay.domain.moments import (
    cut_to_milliseconds,
    from_iso,
    from_milliseconds,
    moments_between,
    to_iso,
    to_milliseconds,
)
from tests.fakes.clock import NOON
from tests.fakes.strategies import moments

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
randomness = st.binary(min_size=10, max_size=10)
any_moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)


@pytest.mark.parametrize(
    ("milliseconds", "random_bytes", "text"),
    [
        # Source: the tests of https://github.com/ulid/javascript, encodeTime(1469918176385).
        (1469918176385, bytes(10), "01ARYZ6S410000000000000000"),
        (1469918176385, b"\xff" * 10, "01ARYZ6S41ZZZZZZZZZZZZZZZZ"),
        (0, bytes(10), "00000000000000000000000000"),
        # Source: the example of https://github.com/ulid/spec, 01ARZ3NDEKTSV4RRFFQ69G5FAV.
        (1469922850259, bytes.fromhex("d676 4c61 efb9 9302 bd5b"), "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ],
)
def test_ulids_are_written_as_published(milliseconds: int, random_bytes: bytes, text: str) -> None:
    assert ulid(EPOCH + timedelta(milliseconds=milliseconds), random_bytes) == text


@given(first=moments, second=moments, one=randomness, other=randomness)
def test_ids_sort_by_creation(first: datetime, second: datetime, one: bytes, other: bytes) -> None:
    if first != second:
        assert (ulid(first, one) < ulid(second, other)) == (first < second)


@given(at=moments, random_bytes=randomness)
def test_an_id_holds_no_dot_and_is_known_again(at: datetime, random_bytes: bytes) -> None:
    identifier = "job_" + ulid(at, random_bytes)

    assert "." not in identifier
    assert is_id(identifier, "job")
    assert not is_id(identifier, "evt")
    assert 0 <= shard_of(identifier) < SHARDS
    assert made_at(identifier) == at


@given(moment=any_moments, ahead=st.integers(-5, 5), random_bytes=randomness)
def test_of_what_is_made_at_whole_milliseconds_the_first_id_parts_later_from_earlier(
    moment: datetime, ahead: int, random_bytes: bytes
) -> None:
    made = cut_to_milliseconds(moment) + timedelta(milliseconds=ahead)

    assert (f"evt_{ulid(made, random_bytes)}" >= first_id("evt", moment)) == (made >= moment)


def test_the_first_id_of_a_moment_is_an_id_and_the_least_there_is() -> None:
    assert first_id("evt", NOON) == f"evt_{ulid(NOON, bytes(10))}"
    assert is_id(first_id("evt", NOON), "evt")


@pytest.mark.parametrize("length", [0, 9, 11])
def test_a_ulid_takes_ten_random_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        ulid(NOON, bytes(length))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
        "job_01arz3ndektsv4rrffq69g5fav",
        "job_81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV#x",
        "job_../../../etc/passwd0000000",
    ],
)
def test_what_cannot_be_an_id_is_known_without_a_look(text: str) -> None:
    assert not is_id(text, "job")


@given(randomness)
def test_a_derived_id_is_the_same_each_time_and_differs_with_its_parts(noise: bytes) -> None:
    part = noise.hex()

    assert derived_ulid(NOON, part, "a") == derived_ulid(NOON, part, "a")
    assert len({derived_ulid(NOON, *parts) for parts in [(part, "a"), (part, "b"), (part,)]}) == 3


def test_an_event_has_one_delivery_to_one_target() -> None:
    first = delivery_id(EventId("evt_1"), "job_1", NOON)

    assert first == delivery_id(EventId("evt_1"), "job_1", NOON)
    assert first != delivery_id(EventId("evt_1"), "job_2", NOON)
    assert is_id(first, "dlv")


def test_derived_ids_stay_what_they_were() -> None:
    """They name rows and webhooks that are out there: a change would tell events twice."""
    assert derived_ulid(NOON, "a", "b") == "01M7YZMHG0FRCFEDSH3CPW7CQJ"


@given(any_moments)
def test_a_moment_survives_its_texts_to_the_millisecond(moment: datetime) -> None:
    cut = cut_to_milliseconds(moment)

    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    assert from_iso(to_iso(moment)) == cut
    assert from_milliseconds(to_milliseconds(moment)) == cut


def test_a_moment_is_written_in_utc_with_a_z() -> None:
    moment = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=1)))

    assert to_iso(moment) == "2026-11-21T00:02:03.456Z"


@pytest.mark.parametrize(
    ("end", "count"), [(-1, 0), (0, 0), (1, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 3)]
)
def test_the_first_of_some_moments_lies_at_the_start_and_none_at_the_end(
    end: int, count: int
) -> None:
    interval = timedelta(seconds=2)

    assert moments_between(NOON, NOON + timedelta(milliseconds=end), interval) == count


@given(start=moments, end=moments, interval=st.integers(1, 2**42))
def test_of_the_moments_between_two_the_last_lies_before_the_end_and_one_more_would_not(
    start: datetime, end: datetime, interval: int
) -> None:
    step = timedelta(milliseconds=interval)

    count = moments_between(start, end, step)

    assert (count > 0) == (start < end)
    assert not count or start + (count - 1) * step < end <= start + count * step
