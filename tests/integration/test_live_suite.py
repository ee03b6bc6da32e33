"""The tests for the real Mistral, run against the simulated one: they work, and never pretend."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.unit.simulator.driving import served
from tools.simulator.simulator import Simulator

REPOSITORY = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-o", "addopts=", "--import-mode=importlib", "-q"]


def run_live(**environment: str) -> subprocess.CompletedProcess[str]:
    left_out = {"MISTRAL_API_KEY", "MISTRAL_API_URL", "PYTEST_ADDOPTS"}
    others = {name: value for name, value in os.environ.items() if name not in left_out}  # noqa: TID251 - the child's path and home
    return subprocess.run(  # noqa: S603 - pytest
        [*PYTEST, "-p", "no:cacheprovider", "tests/live"],
        cwd=REPOSITORY,
        env=others | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_they_pass_against_the_simulated_mistral() -> None:
    with served(Simulator()) as url:
        run = run_live(MISTRAL_API_KEY="a-canary-key", MISTRAL_API_URL=url)
        calls = httpx.get(f"{url}/_simulator/stats").json()["calls"]

    assert run.returncode == 0, run.stdout
    assert "7 passed" in run.stdout
    assert calls == 7


@pytest.mark.parametrize("environment", [{}, {"MISTRAL_API_KEY": ""}])
def test_without_a_key_they_say_that_they_were_not_run_and_do_not_pass(
    environment: dict[str, str],
) -> None:
    run = run_live(**environment)

    assert run.returncode == 1
    assert "not run: MISTRAL_API_KEY is not set" in run.stdout + run.stderr
    assert "passed" not in run.stdout


def test_a_failure_does_not_print_the_key() -> None:
    run = run_live(MISTRAL_API_KEY="a-canary-key", MISTRAL_API_URL="http://127.0.0.1:9")

    assert run.returncode == 1
    assert "7 failed" in run.stdout
    assert "a-canary-key" not in run.stdout + run.stderr


def test_they_are_in_no_run_that_was_not_asked_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    checks = (REPOSITORY / ".ci" / "run").read_text()

    assert "--ignore=tests/live" in project["tool"]["pytest"]["addopts"]
    assert "test-live" not in checks
