"""What a command uses of the computer it runs on, so that tests can bring their own."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    import httpx  # takes longer to import than the help takes to print


@dataclass(frozen=True, kw_only=True)
class Machine:
    """``ticks`` is a monotonic clock in seconds, and ``wait`` takes seconds."""

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
