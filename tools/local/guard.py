"""Ends the stack's processes when the process that started them is gone, however it went.

It reads the ids of process groups from its standard input, one a line. The input ends when the
stack's own process does: after a SIGKILL too, which that process cannot answer.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

from tools.local.folder import holder, remove_leftovers

GRACE_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.05


def end_groups(groups: set[int], *, reap: Callable[[], object] = lambda: None) -> None:
    """Ask process groups to end, and make those that have not ended in time.

    A process that has ended counts until its parent has asked for its status: *reap* does that.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    while left and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)
        reap()
        left = {group for group in left if is_alive(group)}
    for group in left:
        _signal(group, signal.SIGKILL)


def is_alive(group: int) -> bool:
    """Tell whether any process of the group is left."""
    return _signal(group, 0)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Wait for the end of the input, then end all groups named in it."""
    # The guard leaves by the end of its input alone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        sign, group = line[0], int(line[1:])
        if sign == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups)
    # The stack that leaves in order still holds its folder, and so may the next one already.
    if holder() is None:
        remove_leftovers()


if __name__ == "__main__":
    main()
