"""What the program says of itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Relay
from tools.cli.errors import Exit
from tools.cli.main import wait_spelled_out
from tools.cli.version import version

ROOT = Path(__file__).parents[3]
PROGRAM = "from tools.cli.main import app; app()"


def test_help_shows_an_example_and_every_exit_code(relay: Relay) -> None:
    said = relay("--help")

    assert said.exit_code == 0
    assert 'relay submit "Why is the sky blue?" --wait' in said.stdout
    told = {line.split()[0] for line in said.stdout.splitlines() if line.strip()}
    assert {str(int(code)) for code in Exit if code is not Exit.BROKEN_PIPE} <= told


@pytest.mark.parametrize(
    ("command", "option"), [("submit", "--callback-url"), ("job", "--timeout")]
)
def test_each_command_explains_its_options(relay: Relay, command: str, option: str) -> None:
    said = relay(command, "--help")

    assert said.exit_code == 0
    assert option in said.stdout


def test_the_version_is_printed(relay: Relay) -> None:
    said = relay("--version")

    assert said.exit_code == 0
    assert said.stdout.strip() == version()


def test_only_seconds_right_after_wait_are_taken_for_its_own() -> None:
    typed = ["submit", "--wait", "7", "42", "--wait=true", "--", "--wait", "9"]

    assert wait_spelled_out(typed) == [
        *("submit", "--wait", "--timeout", "7", "42", "--wait=true"),
        *("--", "--wait", "9"),
    ]


def run_program(*tokens: str, script: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 — this interpreter, on this code
        [sys.executable, "-c", script, *tokens],
        cwd=ROOT,
        env={"PATH": os.defpath, "RELAY_API_URL": "nonsense", "RELAY_API_KEY": "k"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_exits_with_the_commands_code() -> None:
    ended = run_program("submit", "Hello")

    assert ended.returncode == 2
    assert "not a plain http or https URL" in ended.stderr


def test_the_help_does_without_the_http_client() -> None:
    watched = (
        f"import sys, atexit\natexit.register(lambda: print('httpx' in sys.modules))\n{PROGRAM}"
    )

    assert run_program("--help", script=watched).stdout.splitlines()[-1] == "False"


def test_commands_that_do_not_look_into_aws_do_without_its_library() -> None:
    watched = (
        f"import sys, atexit\natexit.register(lambda: print('botocore' in sys.modules))\n{PROGRAM}"
    )

    assert run_program("submit", "Hello", script=watched).stdout.splitlines()[-1] == "False"


def test_a_reader_who_leaves_early_gets_no_traceback() -> None:
    closed = f"import os\nr, w = os.pipe()\nos.close(r)\nos.dup2(w, 1)\n{PROGRAM}"

    ended = run_program("--version", script=closed)

    assert ended.returncode == 141
    assert ended.stderr == ""
