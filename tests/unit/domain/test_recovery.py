from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.domain.ids import EventId, is_id, ulid
from relay.domain.recovery import (
    RECOVERY_KEPT,
    RECOVERY_LASTS_AT_MOST,
    Recovery,
    recovery_of,
)
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_recovery, an_endpoint_id
from tests.fakes.strategies import moments, recoveries

SECOND = timedelta(seconds=1)
ids = st.builds(lambda at: "rec_" + ulid(at, bytes(10)), moments)


def test_a_new_recovery_is_due_at_once_and_has_come_nowhere() -> None:
    at = NOON.replace(microsecond=500_000)

    recovery = recovery_of(
        an_endpoint_id(), TENANT, identifier="rec_1", since=NOON - SECOND, until=NOON, at=at
    )

    assert recovery == Recovery(
        id="rec_1",
        tenant_id=TENANT,
        endpoint_id=an_endpoint_id(),
        since=NOON - SECOND,
        until=NOON,
        created_at=at,
        due_at=at,
        purge_at=NOON + RECOVERY_KEPT,
    )


def test_after_a_page_it_knows_how_far_it_has_come() -> None:
    recovery = a_recovery(redelivered=2)

    after = recovery.advanced(EventId("evt_7"), redelivered=3, due_at=NOON + SECOND)

    assert after == replace(
        recovery, version=2, after=EventId("evt_7"), redelivered=5, due_at=NOON + SECOND
    )


def test_after_its_last_page_it_is_finished() -> None:
    recovery = a_recovery(redelivered=2)

    after = recovery.finished(NOON + SECOND, redelivered=3)

    assert after == replace(recovery, version=2, redelivered=5, finished_at=NOON + SECOND)


def test_it_is_given_up_two_days_after_it_was_asked_for_however_far_it_has_come() -> None:
    recovery = a_recovery().advanced(
        EventId("evt_7"), redelivered=3, due_at=NOON + timedelta(days=1)
    )

    assert recovery.ends_at == NOON + RECOVERY_LASTS_AT_MOST


@given(recoveries)
def test_its_version_rises_with_each_page(recovery: Recovery) -> None:
    advanced = recovery.advanced(EventId("evt_7"), redelivered=1, due_at=NOON)

    assert recovery.version < advanced.version < advanced.finished(NOON, redelivered=0).version


@given(ids, ids)
def test_its_rounds_have_one_name_that_sorts_as_recoveries_do(one: str, other: str) -> None:
    first, second = a_recovery(id=one).round_id, a_recovery(id=other).round_id

    assert is_id(first, "rnd")
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)
