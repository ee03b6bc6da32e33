"""``python -m tests.simulation [JOBS]``: as many simulated jobs as asked for, 100,000 by default.

Half of them on bad days, half with rates drawn by lot. Ends with 1 at the first fault, which it
names with its seed.
"""

import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.history import History, live
from tests.simulation.rates import PLAUSIBLE, swarm

JOBS_DEFAULT = 100_000
FIRST_SEED = 10_000  # beyond those of every run
JOBS_EACH = 100
PROCESSES = 2


def history_of(number: int) -> History:
    """Live one of them."""
    seed = FIRST_SEED + number
    return live(seed, PLAUSIBLE if number % 2 else swarm(seed), jobs=JOBS_EACH)


def main() -> int:
    """Live them all, and say what came of them."""
    jobs_asked = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS_DEFAULT
    began = time.monotonic()
    jobs = crashes = calls = 0
    statuses: Counter[str] = Counter()
    failed: list[History] = []
    with ProcessPoolExecutor(PROCESSES) as processes:
        numbers = range(-(-jobs_asked // JOBS_EACH) * 11 // 10)
        for done in as_completed([processes.submit(history_of, number) for number in numbers]):
            history = done.result()
            jobs, crashes, calls = (
                jobs + history.jobs,
                crashes + history.crashes,
                calls + history.calls,
            )
            statuses += history.statuses
            if history.faults:
                failed.append(history)
                kind = "swarm" if history.seed % 2 == 0 else "plausible"
                print(f"seed {history.seed} ({kind}): {history.faults[:3]}", flush=True)
    seconds = time.monotonic() - began
    print(f"{jobs} jobs in {seconds:.0f} s, {calls} calls, {crashes} crashes, {dict(statuses)}")
    print(f"{len(failed)} histories with violations")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
