"""What a command uses of the computer it runs on, so that tests can bring their own."""

import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

if TYPE_CHECKING:
    import httpx  # takes longer to import than the help takes to print


def ask_unseen(question: str) -> str:
    """Ask a person on the terminal for what must not be seen there."""
    from getpass import getpass  # noqa: PLC0415 - hardly any command asks

    return getpass(question, stream=sys.stderr)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """``ticks`` is a monotonic clock in seconds, and ``wait`` takes seconds.

    ``aws`` makes the client of one of AWS's services, if not botocore does.
    """

    environment: Mapping[str, str] = field(repr=False)  # holds the API key
    folder: Path
    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO
    now: Callable[[], datetime]
    ticks: Callable[[], float]
    wait: Callable[[float], None]
    new_key: Callable[[], str]
    transport: "httpx.BaseTransport | None" = None
    aws: Callable[[str], Any] | None = None
    ask_unseen: Callable[[str], str] = ask_unseen
    randomness: Callable[[int], bytes] = secrets.token_bytes


def this_machine() -> Machine:
    """Return the machine the process runs on."""
    for stream in (sys.stdout, sys.stderr):
        # A model may answer what the terminal's encoding lacks; that must not end in a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return Machine(
        environment=os.environ,
        folder=Path.cwd(),
        stdin=sys.stdin.buffer,
        stdout=sys.stdout,
        stderr=sys.stderr,
        now=lambda: datetime.now(UTC),
        ticks=time.monotonic,
        wait=time.sleep,
        new_key=lambda: uuid.uuid4().hex,
    )
