"""The local stack's commands: ``run``, ``up``, ``down``, ``exec -- <command>``."""

import os
import signal
import subprocess
import sys
import time

from tools.local.deploy import DeployError
from tools.local.folder import (
    FOLDER,
    LOGS,
    REPOSITORY,
    AlreadyRunningError,
    holder,
    read_stack_file,
    remove_leftovers,
)
from tools.local.processes import PartError
from tools.local.stack import StoppedError, run
from tools.local.verify import VerifyError

LOOK_EVERY_SECONDS = 0.1
STOP_SECONDS_MAX = 60.0  # each warm function leaves some 1,700 files to remove
OUTPUT = LOGS / "stack.log"


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    match arguments:
        case ["run"]:
            return run_here(attached=True)
        case ["run", "--detached"]:
            return run_here(attached=False)
        case ["up"]:
            return up()
        case ["down"]:
            return down()
        case ["exec", "--", *command] if command:
            return run_with_stack(command)
    print(__doc__, file=sys.stderr)
    return 2


def run_here(*, attached: bool) -> int:
    """Hold the stack until it is told to end."""
    try:
        run(attached=attached)
    except StoppedError:
        print("\nStopped.")
        return 0
    except AlreadyRunningError:
        print("The local stack of this folder is up already. `make down` stops it.")
        return 1
    except (PartError, DeployError, VerifyError) as error:
        print(f"The local stack cannot run: {error}", file=sys.stderr)
        return 1
    return 0


def up() -> int:
    """Start the stack in the background and return when it answers."""
    if stack := read_stack_file():
        print(f"The local stack is up already, at {stack.api_url}.")
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    with OUTPUT.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.local", "run", "--detached"],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _follow(process)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 130


def _follow(process: subprocess.Popen[bytes]) -> int:
    """Print what the stack prints, until it answers or has ended."""
    with OUTPUT.open() as output:
        while process.poll() is None:
            print(output.read(), end="", flush=True)
            if read_stack_file():
                time.sleep(LOOK_EVERY_SECONDS)  # its last lines follow the file
                print(output.read(), end="")
                return 0
            time.sleep(LOOK_EVERY_SECONDS)
        print(output.read(), end="")
    return process.returncode or 1


def down() -> int:
    """Stop the stack, wherever it was started, and wait until it is gone."""
    pid = holder()
    if pid is None:
        if FOLDER.exists():
            remove_leftovers()
        print("The local stack is not up.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while holder() == pid:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)  # its guard ends what it started
            deadline = float("inf")
        time.sleep(LOOK_EVERY_SECONDS)
    print("Stopped.")
    return 0


def run_with_stack(command: list[str]) -> int:
    """Run a command while the stack is up; a stack that was not up before is not after."""
    was_up = read_stack_file() is not None
    if not was_up and (status := up()):
        return status
    try:
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    finally:
        if not was_up:
            down()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
