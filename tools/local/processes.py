"""The stack's processes: started in groups of their own, logged to files, ended together."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.local.folder import LOGS, REPOSITORY
from tools.local.guard import end_groups

LOG_TAIL_LINES = 25
POLL_SECONDS = 0.05
PROBE_TIMEOUT_SECONDS = 2.0
# Straight to loopback, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PartError(Exception):
    """A part of the stack did not start, or died. The message ends with its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """A running part of the stack."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def assert_alive(self) -> None:
        """Raise a PartError if the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise PartError(f"{self.name} ended with status {status}.\n{self.log_tail()}")

    def wait_for(self, url: str, *, seconds: float) -> None:
        """Return once the part answers at *url* with anything but a server's error."""
        deadline = time.monotonic() + seconds
        while not answers(url):
            self.assert_alive()
            if time.monotonic() > deadline:
                raise PartError(f"{self.name} did not answer at {url}.\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def finish(self, *, seconds: float) -> None:
        """Wait for a part that ends by itself, and raise a PartError unless it succeeded."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise PartError(f"{self.name} took over {seconds:.0f} s.\n{self.log_tail()}") from None
        if status:
            raise PartError(f"{self.name} failed.\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the log's last lines, under its path."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"--- {self.log.relative_to(REPOSITORY)}", *lines])


class Processes:
    """All parts of one stack. Leaving the ``with`` block ends them."""

    def __enter__(self) -> Self:
        """Start the guard, which ends the parts if this process cannot."""
        self._parts: list[Part] = []
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "tools.local.guard"],
            stdin=subprocess.PIPE,
            cwd=REPOSITORY,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all parts, then the guard, which has nothing left to do."""
        end_groups(
            {part.process.pid for part in self._parts},
            reap=lambda: [part.process.poll() for part in self._parts],
        )
        for part in self._parts:
            part.process.wait()
            self._tell_guard("-", part)
        assert self._guard.stdin
        self._guard.stdin.close()
        self._guard.wait()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Part:
        """Start a program in a session of its own, so that Ctrl-C reaches only this process."""
        log = LOGS / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        part = Part(name, process, log)
        self._parts.append(part)
        self._tell_guard("+", part)
        return part

    def assert_alive(self, *parts: Part) -> None:
        """Raise a PartError if one of the parts has died."""
        for part in parts:
            part.assert_alive()

    def _tell_guard(self, sign: str, part: Part) -> None:
        assert self._guard.stdin
        self._guard.stdin.write(f"{sign}{part.process.pid}\n".encode())
        self._guard.stdin.flush()


def answers(url: str) -> bool:
    """Tell whether a server answers at *url* with anything but a server's error."""
    try:
        with _OPENER.open(url, timeout=PROBE_TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # noqa: PLR2004 - the class of a server's errors
    except OSError:
        return False
