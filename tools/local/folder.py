"""Where the local stack keeps its files: all of them below ``.relay``, which git ignores."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".relay"
STACK_FILE = FOLDER / "stack.json"
LOCK_FILE = FOLDER / "lock"
LOGS = FOLDER / "logs"
BUILD = FOLDER / "build"
BUILD_CACHE = FOLDER / "cache"
SCRATCH = FOLDER / "tmp"
RECORDED_CALLS = SCRATCH / "calls.jsonl"


class AlreadyRunningError(Exception):
    """Another process holds this folder's stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """What a client of the local stack must know. The contract fixes the names."""

    api_url: str
    stream_url: str
    api_key: str
    admin_key: str
    tenant_id: str
    submissions_queue_url: str
    submissions_dlq_url: str
    event_bus_name: str
    table_name: str
    aws_endpoint_url: str
    region: str
    mistral_url: str
    console_url: str

    def write(self) -> None:
        """Write the file at once and whole, so that whoever sees it can read it.

        Only its owner may: it holds keys, though of a stack that only this machine reaches.
        """
        draft = STACK_FILE.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")
        draft.replace(STACK_FILE)


def read_stack_file() -> StackFile | None:
    """Return what the running stack wrote. A file that a dead stack left is not believed."""
    if holder() is None or not STACK_FILE.exists():
        return None
    return StackFile(**json.loads(STACK_FILE.read_text("utf-8")))


def holder() -> int | None:
    """Return the process that holds the stack. A lock dies with its process, so none is stale."""
    if not LOCK_FILE.exists():
        return None
    with LOCK_FILE.open("r") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return int(file.read() or "0") or None
    return None


@contextmanager
def held() -> Iterator[None]:
    """Hold the stack of this folder; clear up what an earlier one may have left.

    Raises:
        AlreadyRunningError: another process holds it.
    """
    FOLDER.mkdir(exist_ok=True)
    with LOCK_FILE.open("a+") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        remove_leftovers()
        LOGS.mkdir(exist_ok=True)
        SCRATCH.mkdir()
        try:
            yield
        finally:
            remove_leftovers()
            LOCK_FILE.unlink(missing_ok=True)


def remove_leftovers() -> None:
    """Remove all that must not outlive a stack. Logs and build caches may."""
    STACK_FILE.unlink(missing_ok=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)
