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
    """Runs ``relay`` in this process against a fake service; no run ever shows the key."""

    def __init__(self, service: FakeRelay, clock: FakeClock, folder: Path) -> None:
        self.service = service
        self.clock = clock
        self.folder = folder
        self.environment: Mapping[str, str] = ENVIRONMENT
        self.stdin = b""
        self.input: Callable[[bytes], io.BytesIO] = io.BytesIO
        self.stream: Callable[[], io.StringIO] = io.StringIO

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
        )
        exit_code = run(tokens, machine)
        said = Said(exit_code, stdout.getvalue(), stderr.getvalue())
        assert API_KEY not in said.stdout + said.stderr + repr(machine)
        return said


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> FakeRelay:
    return FakeRelay(clock)


@pytest.fixture
def relay(service: FakeRelay, clock: FakeClock, tmp_path: Path) -> Relay:
    return Relay(service, clock, tmp_path)
