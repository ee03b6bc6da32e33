"""``python -m tests.simulation [JOBS]``: as many simulated jobs as asked for, 100,000 by default.

Half of them on bad days, half with rates drawn by lot, and every second two with webhook endpoints.
Then a fleet of a thousand endpoints lives through its days, and what it measured is printed. Ends
with 1 if there was a fault; each is named with its seed.
"""

import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import timedelta

from tests.simulation.fleet import Fleet
from tests.simulation.fleet_days import Days, figures_of, live_days
from tests.simulation.history import History, live
from tests.simulation.rates import PLAUSIBLE, swarm

JOBS_DEFAULT = 100_000
FIRST_SEED = 10_000  # beyond those of every run
JOBS_EACH = 100
PROCESSES = 2
FLEET_RUSH = timedelta(hours=3)


def history_of(number: int) -> History:
    """Live one of them."""
    seed = FIRST_SEED + number
    rates = PLAUSIBLE if number % 2 else swarm(seed)
    return live(seed, rates, jobs=JOBS_EACH, has_endpoints=number % 4 > 1)


def measure_fleet() -> None:
    """Let a fleet live, and say what it measured."""
    fleet = Fleet()
    live_days(fleet, Days(rush=FLEET_RUSH, hours=24))
    print(figures_of(fleet), flush=True)
    fleet.close()


def main() -> int:
    """Live them all, and say what came of them."""
    jobs_asked = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS_DEFAULT
    began = time.monotonic()
    jobs = crashes = calls = posts = 0
    acts: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    failed: list[History] = []
    with ProcessPoolExecutor(PROCESSES) as processes:
        numbers = range(-(-jobs_asked // JOBS_EACH) * 11 // 10)
        for done in as_completed([processes.submit(history_of, number) for number in numbers]):
            history = done.result()
            jobs, crashes = jobs + history.jobs, crashes + history.crashes
            calls, posts = calls + history.calls, posts + history.posts
            statuses += history.statuses
            acts += history.acts
            if history.faults:
                failed.append(history)
                kind = "swarm" if history.seed % 2 == 0 else "plausible"
                print(f"seed {history.seed} ({kind}): {history.faults[:3]}", flush=True)
    seconds = time.monotonic() - began
    print(f"{jobs} jobs in {seconds:.0f} s, {calls} calls, {crashes} crashes, {dict(statuses)}")
    print(f"{posts} webhooks posted; endpoints: {dict(acts)}")
    print(f"{len(failed)} histories with violations", flush=True)
    measure_fleet()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
