"""What a function loads before its first request is what a cold start costs."""

import os
import subprocess
import sys

import pytest

from tests.repo.tree import REPOSITORY
from tests.template.environment_rules import environment_read_by

# boto3 adds resources that nothing here uses; the others are for those functions that need them.
_NEEDED_BY: dict[str, set[str]] = {
    "api": {"pydantic"},
    "authorizer": set(),
    "deliverer": {"asyncio", "httpcore"},
    "fanout": set(),
    "intake": {"pydantic"},
    "publisher": set(),
    "sweeper": set(),
    "worker": {"asyncio", "httpx"},
}
_HEAVY = {"asyncio", "boto3", "httpcore", "httpx", "pydantic"}
_LIST_MODULES = "import sys, {module}; print(*sys.modules)"


def modules_loaded_by(function: str) -> set[str]:
    """Return the modules of a fresh process in which a function has been imported."""
    module = f"functions.{function}.main"
    settings = dict.fromkeys(environment_read_by(f"{module}.handle").asked, "1")
    listed = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", _LIST_MODULES.format(module=module)],
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        | settings,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(listed.split())


@pytest.mark.parametrize("function", _NEEDED_BY)
def test_a_function_loads_what_it_needs_and_nothing_heavier(function: str) -> None:
    loaded = modules_loaded_by(function)

    assert loaded & _HEAVY == _NEEDED_BY[function]
    assert "botocore.session" in loaded  # it was the real thing that was imported


def test_every_function_is_looked_at() -> None:
    found = {path.parent.name for path in (REPOSITORY / "functions").glob("*/main.py")}

    assert found == _NEEDED_BY.keys()
