from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.secret_versions import (
    NEVER_ROTATED,
    OLD_SECRETS_MAX,
    OVERLAP,
    SecretVersions,
    TooManyRotationsError,
)
from tests.fakes.clock import NOON

HOUR = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
rotation_times = st.lists(st.integers(0, 200).map(lambda hours: NOON + hours * HOUR)).map(sorted)


def rotated_at(*moments: datetime) -> SecretVersions:
    versions = NEVER_ROTATED
    for moment in moments:
        versions = versions.rotated(moment)
    return versions


def test_a_secret_that_was_never_rotated_signs_alone() -> None:
    assert NEVER_ROTATED.active(NOON) == [1]
    assert NEVER_ROTATED.previous_until(NOON) is None


def test_the_old_secret_signs_along_for_24_hours_and_not_longer() -> None:
    versions = rotated_at(NOON)

    assert versions.active(NOON) == [2, 1]
    assert versions.active(NOON + OVERLAP - MILLISECOND) == [2, 1]
    assert versions.active(NOON + OVERLAP) == [2]
    assert timedelta(hours=24) == OVERLAP


def test_it_is_told_until_when_the_one_before_signs_along() -> None:
    versions = rotated_at(NOON)

    assert versions.previous_until(NOON) == NOON + OVERLAP
    assert versions.previous_until(NOON + OVERLAP) is None


def test_of_several_old_secrets_each_signs_along_for_its_own_24_hours() -> None:
    versions = rotated_at(NOON, NOON + HOUR, NOON + 2 * HOUR)

    assert versions.active(NOON + 2 * HOUR) == [4, 3, 2, 1]
    assert versions.active(NOON + OVERLAP) == [4, 3, 2]
    assert versions.active(NOON + OVERLAP + HOUR) == [4, 3]
    assert versions.previous_until(NOON + 3 * HOUR) == NOON + 2 * HOUR + OVERLAP


def test_a_rotation_forgets_what_signs_no_more() -> None:
    versions = rotated_at(NOON, NOON + OVERLAP)

    assert [it.version for it in versions.old] == [2]


def test_a_fifth_old_secret_is_refused_until_the_oldest_is_done() -> None:
    versions = rotated_at(*(NOON + hour * HOUR for hour in range(OLD_SECRETS_MAX)))

    with pytest.raises(TooManyRotationsError) as refused:
        versions.rotated(NOON + 4 * HOUR)

    assert refused.value.until == NOON + OVERLAP
    assert versions.rotated(refused.value.until).active(NOON + OVERLAP) == [6, 5, 4, 3, 2]


def rotated_where_allowed(asked: Sequence[datetime]) -> tuple[SecretVersions, list[datetime]]:
    versions, done = NEVER_ROTATED, []
    for moment in asked:
        try:
            versions = versions.rotated(moment)
        except TooManyRotationsError:
            continue
        done.append(moment)
    return versions, done


@given(asked=rotation_times, later=st.integers(0, 60))
def test_a_secret_signs_from_its_rotation_until_24_hours_after_the_next(
    asked: list[datetime], later: int
) -> None:
    versions, done = rotated_where_allowed(asked)
    at = (done[-1] if done else NOON) + later * HOUR

    still = [version for version, rotation in enumerate(done, 1) if at < rotation + OVERLAP]
    assert versions.active(at) == [len(done) + 1, *reversed(still)]


@given(rotation_times)
def test_there_are_never_more_than_four_old_secrets_and_none_is_used_again(
    asked: list[datetime],
) -> None:
    versions, done = rotated_where_allowed(asked)

    assert len(versions.old) <= OLD_SECRETS_MAX
    assert versions.current == len(done) + 1
    assert all(newer.version > older.version for newer, older in pairwise(versions.old))
