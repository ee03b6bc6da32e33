"""The simulation finds what it is there to find."""

import pytest

from tests.simulation.history import live
from tests.simulation.planted_bugs import BUGS, Bug
from tests.simulation.planted_endpoint_bugs import ENDPOINT_BUGS
from tests.simulation.rates import swarm

SEEDS_MAX = 60
JOBS = 25


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)

    for seed in range(SEEDS_MAX):
        faults = live(seed, swarm(seed), jobs=JOBS).faults
        if any(fault.startswith(bug.breaks) for fault in faults):
            return

    pytest.fail(f"{bug.name} lived through {SEEDS_MAX} histories unseen")


@pytest.mark.parametrize("bug", ENDPOINT_BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_about_endpoints_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)

    for seed in range(SEEDS_MAX):
        faults = live(seed, swarm(seed), jobs=JOBS, has_endpoints=True).faults
        if any(fault.startswith(bug.breaks) for fault in faults):
            return

    pytest.fail(f"{bug.name} lived through {SEEDS_MAX} histories unseen")
