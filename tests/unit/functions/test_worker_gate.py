"""Who may call Mistral, and until when the others wait."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.gate import BACKLOG_SHARE, Admission, Gate, Hold, Leave, Pass
from relay.domain.backoff import GATE_PATIENCE, IN_PLACE_BUDGET
from relay.domain.circuit import PROBES_APART, Circuit
from relay.domain.errors import RelayError, UnavailableError, UnreadableRowError
from relay.domain.job import DEADLINE_MAX, StatusReason
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.gate import InMemoryCircuitStore, InMemoryRateBucket
from tests.fakes.offloading import offload
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Trouble
from tests.unit.functions.worker_on_fakes import Rival

TENTH = timedelta(milliseconds=100)
REFUSED = StatusReason.INVALID_API_KEY
NO_CREDIT = StatusReason.INSUFFICIENT_CREDITS


class AGate:
    """A gate, its circuit and its rate."""

    def __init__(self, seam: Seam = QUIET, *, interval: timedelta = timedelta(0)) -> None:
        self.clock = FakeClock()
        self.circuits = InMemoryCircuitStore(seam)
        self.calls = InMemoryRateBucket(seam, interval=interval)
        self.backlog = InMemoryRateBucket(seam, interval=interval / BACKLOG_SHARE, name="backlog")
        self.gate = Gate(
            circuits=self.circuits,
            calls=self.calls,
            backlog=self.backlog,
            clock=self.clock,
            dice=FakeDice(),
            offload=offload,
        )

    def ask(self, comes_back: Sequence[bool]) -> Admission:
        return asyncio.run(self.gate.admit(comes_back))

    def admit(self, newcomers: int, returning: int = 0) -> Sequence[Leave]:
        return self.ask([False] * newcomers + [True] * returning).leaves

    def block(self, reason: StatusReason = REFUSED) -> datetime:
        return asyncio.run(self.gate.blocked(reason))

    def heal(self) -> None:
        asyncio.run(self.gate.healed())

    def take_back(self, leave: Leave, *, has_called: bool) -> None:
        asyncio.run(self.gate.take_back(leave, has_called=has_called))


def passes(leaves: Sequence[Leave]) -> list[Pass]:
    return [leave for leave in leaves if isinstance(leave, Pass)]


def holds(leaves: Sequence[Leave]) -> list[Hold]:
    return [leave for leave in leaves if isinstance(leave, Hold)]


def gaps(moments: Sequence[datetime]) -> set[timedelta]:
    return {later - earlier for earlier, later in pairwise(moments)}


def test_an_idle_gate_without_a_rate_lets_all_pass_at_once() -> None:
    assert AGate().ask([False] * 10) == Admission([Pass(NOON)] * 10)


def test_a_batch_is_dealt_moments_that_lie_one_interval_apart() -> None:
    leaves = AGate(interval=TENTH).admit(10)

    assert leaves == [Pass(NOON + number * TENTH) for number in range(10)]


def test_batches_that_ask_at_once_share_one_row_of_moments() -> None:
    gate = AGate(interval=TENTH)

    found = [leave for _ in range(3) for leave in gate.admit(10)]

    assert [leave.at for leave in passes(found)] == [NOON + number * TENTH for number in range(30)]


def test_what_finds_no_room_in_the_time_that_is_waited_in_here_is_held_in_turn() -> None:
    gate = AGate(interval=TENTH)

    found = [leave for _ in range(15) for leave in gate.admit(10)]

    assert [leave.at for leave in passes(found)] == [NOON + n * TENTH for n in range(30)]
    held = holds(found)
    assert {hold.reason for hold in held} == {StatusReason.RATE_LIMITED}
    assert held[0].until == NOON + GATE_PATIENCE
    assert gaps([hold.until for hold in held]) == {TENTH / BACKLOG_SHARE}


def test_of_a_batch_too_long_to_wait_for_in_here_the_rest_is_held() -> None:
    leaves = AGate(interval=timedelta(seconds=1)).admit(25)

    assert len(passes(leaves)) == 3
    assert [leave for leave in leaves[:3] if isinstance(leave, Hold)] == []
    assert gaps([hold.until for hold in holds(leaves)]) == {timedelta(seconds=1) / BACKLOG_SHARE}


@given(
    asks=st.lists(
        st.tuples(st.lists(st.booleans(), min_size=1, max_size=50), st.integers(0, 20_000)),
        min_size=1,
        max_size=20,
    ),
    interval_ms=st.integers(1, 1000),
)
def test_no_two_leaves_lie_closer_than_the_interval(
    asks: list[tuple[list[bool], int]], interval_ms: int
) -> None:
    interval = timedelta(milliseconds=interval_ms)
    gate = AGate(interval=interval)
    found: list[Leave] = []

    for comes_back, pause_ms in asks:
        gate.clock.wait(timedelta(milliseconds=pause_ms))
        now = gate.clock.at
        leaves = gate.ask(comes_back).leaves
        found += leaves
        for came_back, leave in zip(comes_back, leaves, strict=True):
            patience = IN_PLACE_BUDGET if came_back else GATE_PATIENCE
            if isinstance(leave, Pass):
                assert now <= leave.at < now + patience
            else:
                assert leave.until >= now + GATE_PATIENCE

    assert min(gaps(sorted(it.at for it in passes(found))), default=interval) >= interval
    assert min(gaps([it.until for it in holds(found)]), default=interval) >= interval


def test_under_load_those_that_come_back_go_before_newcomers() -> None:
    gate = AGate(interval=TENTH)
    gate.calls.next_at = NOON + GATE_PATIENCE

    leaves = gate.ask([False, True, False, True]).leaves

    first, second = NOON + GATE_PATIENCE, NOON + GATE_PATIENCE + TENTH
    assert [type(leave) for leave in leaves] == [Hold, Pass, Hold, Pass]
    assert [leave.at for leave in passes(leaves)] == [first, second]


def test_those_that_come_back_are_dealt_the_first_moments_of_their_batch() -> None:
    gate = AGate(interval=TENTH)

    leaves = gate.ask([False, True, False, True]).leaves

    assert [leave.at - NOON for leave in passes(leaves)] == [
        2 * TENTH,
        0 * TENTH,
        3 * TENTH,
        1 * TENTH,
    ]


@pytest.mark.parametrize(
    ("comes_back", "patience"),
    [
        pytest.param(True, IN_PLACE_BUDGET, id="those that come back"),
        pytest.param(False, GATE_PATIENCE, id="newcomers"),
    ],
)
def test_of_a_batch_of_which_three_fit_three_go(*, comes_back: bool, patience: timedelta) -> None:
    gate = AGate(interval=TENTH)
    gate.calls.next_at = NOON + patience - 3 * TENTH

    leaves = gate.ask([comes_back] * 10).leaves

    assert [leave.at for leave in passes(leaves[:3])] == [
        NOON + patience - left * TENTH for left in (3, 2, 1)
    ]
    assert len(holds(leaves[3:])) == 7
    assert gate.calls.next_at == NOON + patience


def test_a_newcomer_finds_room_though_there_is_a_backlog_where_the_rate_is_not_used_up() -> None:
    gate = AGate(interval=TENTH)
    gate.backlog.next_at = NOON + timedelta(hours=1)

    assert gate.admit(1) == [Pass(NOON)]


def test_while_a_backlog_comes_back_newcomers_still_find_the_rest_of_the_rate() -> None:
    gate = AGate(interval=TENTH)
    returning, newcomers = 9, 1  # each second, of the ten that the rate allows

    found: list[Leave] = []
    for _ in range(600):
        found += gate.admit(newcomers, returning)
        gate.clock.wait(timedelta(seconds=1))

    assert len(passes(found)) == 600 * (returning + newcomers)
    assert holds(found) == []


def test_a_backlog_of_a_week_holds_for_a_week_and_not_for_ever() -> None:
    gate = AGate(interval=TENTH)
    gate.calls.next_at = gate.backlog.next_at = NOON + 2 * DEADLINE_MAX

    (leave,) = gate.admit(1)

    assert leave == Hold(NOON + DEADLINE_MAX, StatusReason.RATE_LIMITED)


def test_a_claimed_job_calls_again_in_turn_and_not_where_that_is_not_soon() -> None:
    gate = AGate(interval=TENTH)
    gate.admit(10)

    assert asyncio.run(gate.gate.room()) == NOON + timedelta(seconds=1)
    gate.calls.next_at = last = NOON + IN_PLACE_BUDGET - TENTH
    assert asyncio.run(gate.gate.room()) == last
    assert asyncio.run(gate.gate.room()) is None

    assert gate.backlog.next_at is None  # it has a wait of its own, and takes nobody's turn


@pytest.mark.parametrize("call", ["circuits.get", "calls.reserve", "backlog.reserve"])
def test_where_the_table_cannot_be_asked_the_gate_stands_open_and_says_so(call: str) -> None:
    gate = AGate(Trouble(call), interval=TENTH)
    gate.calls.next_at = NOON + timedelta(minutes=1) if call == "backlog.reserve" else None

    admission = gate.ask([False] * 3)

    assert len(passes(admission.leaves)) == 3
    assert isinstance(admission.error, UnavailableError)


def test_an_outage_of_the_table_does_not_keep_a_claimed_job_from_calling_again() -> None:
    gate = AGate(Trouble("calls.reserve"), interval=TENTH)

    assert asyncio.run(gate.gate.room()) == NOON


@pytest.mark.parametrize("error", [UnavailableError("circuit"), UnreadableRowError("circuit")])
def test_a_circuit_that_cannot_be_read_counts_as_closed_and_the_rate_still_holds(
    error: RelayError,
) -> None:
    gate = AGate(Trouble("circuits.get", error), interval=TENTH)

    admission = gate.ask([False] * 2)

    assert admission == Admission([Pass(NOON), Pass(NOON + TENTH)], admission.error)
    assert admission.error is error


def test_an_open_circuit_holds_everyone_with_its_reason() -> None:
    gate = AGate(interval=TENTH)
    gate.block()

    leaves = gate.admit(10)

    assert {hold.reason for hold in holds(leaves)} == {REFUSED}
    assert len(holds(leaves)) == 10
    assert all(PROBES_APART <= hold.until - NOON < 2 * PROBES_APART for hold in holds(leaves))
    assert len({hold.until for hold in holds(leaves)}) > 1  # spread, not to come all at once
    assert gate.calls.next_at is None


def test_an_open_circuit_lets_one_probe_a_minute_through() -> None:
    gate = AGate()
    gate.block()
    probes = []

    for _ in range(60):
        gate.clock.wait(timedelta(seconds=10))
        found = passes(gate.admit(3))
        probes += [probe.at for probe in found]
        assert all(probe.is_probe for probe in found)

    assert len(probes) == 10
    assert gaps(probes) == {PROBES_APART}


def test_of_two_gates_that_would_probe_at_once_one_does() -> None:
    rival = Rival("circuits.save")
    gate = AGate(rival)
    gate.block()
    gate.clock.wait(PROBES_APART)
    circuit = gate.circuits.circuit
    rivals = circuit.probed(gate.clock.at + timedelta(milliseconds=1))
    rival.act = lambda: gate.circuits.save(circuit, rivals)

    leaves = gate.admit(2)

    assert len(holds(leaves)) == 2
    assert gate.circuits.circuit == rivals


def test_a_probe_that_cannot_be_noted_does_not_go() -> None:
    outage = Trouble("circuits.save", times=0)
    gate = AGate(outage)
    gate.block()
    gate.clock.wait(PROBES_APART)
    outage.times = 1

    assert passes(gate.admit(2)) == []
    assert len(passes(gate.admit(2))) == 1


def test_a_probe_that_comes_through_closes_the_circuit() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(PROBES_APART)
    gate.admit(1)

    gate.heal()

    assert not gate.circuits.circuit.is_open
    assert gate.circuits.circuit.version == 2
    assert gate.admit(3) == [Pass(gate.clock.at)] * 3


def test_closing_what_is_closed_writes_nothing() -> None:
    gate = AGate(Trouble("circuits.save", AssertionError()))

    gate.heal()

    assert gate.circuits.circuit == Circuit()


def test_a_probe_that_is_refused_keeps_the_circuit_open_and_moves_the_next() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(PROBES_APART)
    gate.admit(1)
    gate.clock.wait(timedelta(seconds=20))  # the probe's call took that long

    until = gate.block()

    circuit = gate.circuits.circuit
    assert (circuit.version, circuit.changed_at) == (1, NOON)
    assert circuit.probe_at == gate.clock.at + PROBES_APART
    assert until >= gate.clock.at + PROBES_APART


def test_another_reason_opens_the_circuit_anew() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(timedelta(minutes=30))

    gate.block(NO_CREDIT)

    assert gate.circuits.circuit.version == 2
    assert {hold.reason for hold in holds(gate.admit(3))} == {NO_CREDIT}


def test_of_ten_jobs_that_meet_the_refusal_at_once_one_opens_the_circuit() -> None:
    gate = AGate()

    async def meet() -> list[datetime]:
        return await asyncio.gather(*(gate.gate.blocked(REFUSED) for _ in range(10)))

    moments = asyncio.run(meet())

    assert gate.circuits.circuit.version == 1
    assert all(moment >= NOON + PROBES_APART for moment in moments)


def test_an_opening_that_cannot_be_written_still_holds_the_job_that_met_the_refusal() -> None:
    gate = AGate(Trouble("circuits.save"))

    assert gate.block() >= NOON + PROBES_APART
    assert not gate.circuits.circuit.is_open


def test_a_probe_that_called_nobody_is_taken_back_and_the_next_may_go_at_once() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(PROBES_APART)
    (probe,) = gate.admit(1)

    gate.take_back(probe, has_called=False)

    assert gate.admit(1) == [probe]


def test_nothing_is_taken_back_of_a_probe_that_called_or_of_one_that_was_none() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(PROBES_APART)
    (probe,) = gate.admit(1)
    probed = gate.circuits.circuit

    gate.take_back(probe, has_called=True)
    gate.take_back(replace(passes([probe])[0], is_probe=False), has_called=False)
    gate.take_back(Hold(NOON, REFUSED), has_called=False)

    assert gate.circuits.circuit == probed


def test_a_probe_that_is_taken_back_after_the_circuit_has_closed_leaves_it_closed() -> None:
    gate = AGate()
    gate.block()
    gate.clock.wait(PROBES_APART)
    (probe,) = gate.admit(1)
    gate.heal()

    gate.take_back(probe, has_called=False)

    assert not gate.circuits.circuit.is_open
