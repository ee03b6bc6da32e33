"""The guard: what a dead stack started does not outlive it."""

import os
import subprocess
import sys

from tools.local.guard import end_groups, is_alive

PATIENCE_SECONDS = 10.0
READY_AND_WAIT = "import time; print(flush=True); time.sleep(60)"


def a_group() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - this Python, and a constant
        [sys.executable, "-c", READY_AND_WAIT], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    return process


def test_groups_end_when_asked() -> None:
    processes = [a_group(), a_group()]

    end_groups({it.pid for it in processes}, reap=lambda: [it.poll() for it in processes])

    assert not any(is_alive(it.pid) for it in processes)


def test_a_group_that_is_gone_is_no_fault() -> None:
    process = a_group()
    process.kill()
    process.wait()

    end_groups({process.pid})

    assert not is_alive(process.pid)


def test_the_guard_ends_the_groups_it_was_told_of_when_its_input_ends() -> None:
    wanted, dropped = a_group(), a_group()
    command = [sys.executable, "-m", "tools.local.guard"]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - this Python
    assert guard.stdin
    guard.stdin.write(f"+{wanted.pid}\n+{dropped.pid}\n-{dropped.pid}\n".encode())

    guard.stdin.close()

    assert wanted.wait(PATIENCE_SECONDS)
    assert is_alive(dropped.pid)
    guard.wait(PATIENCE_SECONDS)
    os.killpg(dropped.pid, 9)
    dropped.wait()
