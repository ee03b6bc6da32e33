from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.domain.backoff import IN_PLACE_BUDGET
from relay.domain.circuit import PROBES_APART, WAIT_MAX, Circuit
from relay.domain.job import OPERATORS_REASONS, StatusReason
from tests.fakes.clock import NOON
from tests.fakes.strategies import chances

A_TICK = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
REFUSED = StatusReason.INVALID_API_KEY
NO_CREDIT = StatusReason.INSUFFICIENT_CREDITS
CHANGES = ("opened", "refused", "probed", "not_probed", "closed")
durations = st.integers(0, 10**10).map(lambda ms: ms * A_TICK)
ALMOST_ONE = 1 - 2**-53

opened = Circuit().opened(NOON, REFUSED)


def changed(circuit: Circuit, change: str, at: datetime) -> Circuit:
    match change:
        case "opened":
            return circuit.opened(at, NO_CREDIT)
        case "refused":
            return circuit.opened(at, circuit.reason or REFUSED)
        case "probed":
            return circuit.probed(at) if circuit.is_open else circuit
        case "not_probed":
            return circuit.not_probed(at) if circuit.is_open else circuit
        case _:
            return circuit.closed(at)


def test_a_circuit_that_nobody_opened_is_closed_and_needs_no_probe() -> None:
    assert not Circuit().is_open
    assert not Circuit().may_probe(NOON)


def test_an_open_circuit_says_why_and_since_when_and_is_probed_in_a_minute() -> None:
    assert opened == Circuit(
        reason=REFUSED, version=1, changed_at=NOON, probe_at=NOON + PROBES_APART
    )
    assert opened.is_open
    assert not opened.may_probe(NOON + PROBES_APART - A_TICK)
    assert opened.may_probe(NOON + PROBES_APART)


def test_the_same_refusal_again_only_puts_off_the_next_probe() -> None:
    again = opened.opened(NOON + MINUTE, REFUSED)

    assert (again.version, again.changed_at) == (opened.version, opened.changed_at)
    assert again.probe_at == NOON + MINUTE + PROBES_APART


def test_another_refusal_is_another_opening() -> None:
    again = opened.opened(NOON + MINUTE, NO_CREDIT)

    assert (again.reason, again.version, again.changed_at) == (NO_CREDIT, 2, NOON + MINUTE)


def test_a_probe_that_called_nobody_makes_the_next_one_due() -> None:
    circuit = opened.probed(NOON + MINUTE)

    assert not circuit.may_probe(NOON + MINUTE)
    assert circuit.not_probed(NOON + MINUTE).may_probe(NOON + MINUTE)


def test_a_closed_circuit_forgets_why_it_was_open() -> None:
    closed = opened.closed(NOON + MINUTE)

    assert closed == Circuit(version=2, changed_at=NOON + MINUTE)
    assert not closed.may_probe(NOON + timedelta(days=1))


@given(steps=st.lists(st.tuples(st.sampled_from(CHANGES), durations), max_size=12))
def test_over_any_changes_versions_count_openings_and_closings_and_a_reason_has_a_probe(
    steps: list[tuple[str, timedelta]],
) -> None:
    circuit, at = Circuit(), NOON

    for change, pause in steps:
        before, at = circuit, at + pause
        circuit = changed(before, change, at)
        has_turned = circuit.reason is not before.reason or change == "closed"
        assert circuit.version == before.version + has_turned
        assert (circuit.probe_at is not None) is circuit.is_open
        assert circuit.reason in (None, *OPERATORS_REASONS)


@given(lasted=durations, chance=chances)
def test_a_wait_lies_between_a_minute_and_an_hour_and_is_whole_milliseconds(
    lasted: timedelta, chance: float
) -> None:
    wait = opened.wait(NOON + lasted, chance=chance)

    assert PROBES_APART <= wait <= WAIT_MAX
    assert wait % A_TICK == timedelta(0)


@given(lasted=durations, later=durations, chance=chances)
def test_the_longer_it_has_been_open_the_longer_a_wait(
    lasted: timedelta, later: timedelta, chance: float
) -> None:
    wait = opened.wait(NOON + lasted, chance=chance)

    assert opened.wait(NOON + lasted + later, chance=chance) >= wait


@given(lasted=durations, chance=chances)
def test_no_wait_is_longer_than_the_outage_so_far_but_for_the_first_minutes(
    lasted: timedelta, chance: float
) -> None:
    assert opened.wait(NOON + lasted, chance=chance) <= max(lasted, 2 * PROBES_APART)


@given(lasted=durations)
def test_waits_are_spread_over_the_second_half_of_their_bound(lasted: timedelta) -> None:
    at = NOON + lasted

    shortest, longest = opened.wait(at, chance=0), opened.wait(at, chance=ALMOST_ONE)

    assert timedelta(0) <= longest - 2 * shortest + A_TICK <= 2 * A_TICK


@given(early=durations, chance=chances)
def test_a_clock_that_is_behind_the_one_that_opened_it_still_waits(
    early: timedelta, chance: float
) -> None:
    assert opened.wait(NOON - early, chance=chance) >= PROBES_APART


def test_no_wait_for_the_operator_could_happen_in_place() -> None:
    assert PROBES_APART > IN_PLACE_BUDGET
