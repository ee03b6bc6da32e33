"""A terminal of one's own: what was typed, what was said, and how it ended."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.cli.fake_relay import API_KEY, API_URL, FakeClock, FakeRelay
from tools.cli.machine import Machine
from tools.cli.main import run

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
type Service = Callable[[httpx.Request], httpx.Response]
ENVIRONMENT = {"RELAY_API_URL": API_URL, "RELAY_API_KEY": API_KEY}


class TerminalStream(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


class TerminalInput(io.BytesIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Said:
    """What one command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Relay:
    """Runs ``relay`` in this process against a fake service; no run ever shows a canary."""

    def __init__(self, service: Service, clock: FakeClock, folder: Path) -> None:
        self.service: Service = service
        self.clock = clock
        self.folder = folder
        self.environment: Mapping[str, str] = ENVIRONMENT
        self.stdin = b""
        self.input: Callable[[bytes], io.BytesIO] = io.BytesIO
        self.stream: Callable[[], io.StringIO] = io.StringIO
        self.aws: Callable[[str], Any] | None = None
        self.typed_unseen = ""
        self.canaries: list[str] = [API_KEY]
        """What no run may ever show."""
        self._drawn = 0

    def __call__(self, *tokens: str) -> Said:
        stdout, stderr = self.stream(), self.stream()
        machine = Machine(
            environment=self.environment,
            folder=self.folder,
            stdin=self.input(self.stdin),
            stdout=stdout,
            stderr=stderr,
            now=lambda: NOON,
            ticks=self.clock.ticks,
            wait=self.clock.wait,
            new_key=lambda: "fresh-key",
            transport=httpx.MockTransport(self.service),
            aws=self.aws,
            ask_unseen=lambda _: self.typed_unseen,
            randomness=self._randomness,
        )
        exit_code = run(tokens, machine)
        said = Said(exit_code, stdout.getvalue(), stderr.getvalue())
        shown = said.stdout + said.stderr + repr(machine)
        assert [canary for canary in self.canaries if canary in shown] == []
        return said

    def _randomness(self, size: int) -> bytes:
        self._drawn += 1
        return bytes([self._drawn]) * size


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> FakeRelay:
    return FakeRelay(clock)


@pytest.fixture
def relay(service: FakeRelay, clock: FakeClock, tmp_path: Path) -> Relay:
    return Relay(service, clock, tmp_path)
