"""Histories in which much goes wrong and nothing is lost: a share of them in every run.

All of them, by the hundred thousand: ``python -m tests.simulation``.
"""

import pytest

from tests.simulation.history import History, live
from tests.simulation.kept_seeds import KEPT
from tests.simulation.rates import PLAUSIBLE, QUIET, swarm

PLAUSIBLE_SEEDS = range(50)
PLAUSIBLE_JOBS = 105  # some are refused or made by nobody, so that 5,000 are left
SWARM_SEEDS = range(200)
SWARM_JOBS = 25
ENDPOINT_SEEDS = range(30)
ENDPOINT_JOBS = 20


@pytest.mark.parametrize("seed", PLAUSIBLE_SEEDS)
def test_on_a_bad_day_every_job_ends_once_and_is_told(seed: int) -> None:
    history = live(seed, PLAUSIBLE, jobs=PLAUSIBLE_JOBS)

    assert history.faults == []
    assert history.jobs * len(PLAUSIBLE_SEEDS) > 4500


@pytest.mark.parametrize("seed", SWARM_SEEDS)
def test_whatever_goes_wrong_most_every_job_ends_once_and_is_told(seed: int) -> None:
    assert live(seed, swarm(seed), jobs=SWARM_JOBS).faults == []


@pytest.mark.parametrize("seed", ENDPOINT_SEEDS)
def test_whatever_goes_wrong_each_endpoint_gets_what_it_chose_and_nothing_else(seed: int) -> None:
    rates = swarm(seed) if seed % 3 else PLAUSIBLE

    history = live(seed, rates, jobs=ENDPOINT_JOBS, has_endpoints=True)

    assert history.faults == []
    assert history.acts.total() > 0


@pytest.mark.parametrize(("seed", "rates"), KEPT)
def test_a_history_that_once_failed_does_not_fail_again(seed: int, rates: str) -> None:
    chosen = PLAUSIBLE if rates == "plausible" else swarm(seed)

    assert live(seed, chosen, jobs=SWARM_JOBS).faults == []


def test_a_day_without_trouble_is_one_call_and_one_completion_a_job() -> None:
    history = live(1, QUIET, jobs=60)

    assert history.faults == []
    assert history.crashes == 0
    assert history.calls - history.statuses["completed"] <= 12  # short deadlines and time-outs


def test_a_history_is_the_same_for_the_same_seed() -> None:
    def lived() -> History:
        return live(11, swarm(11), jobs=SWARM_JOBS)

    assert lived() == lived()
