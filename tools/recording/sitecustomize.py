"""Has a function of the local stack write down what each of its calls needs of IAM.

Python imports a module of this name from its path before anything else. The local stack puts this
folder on the path of the functions that it starts, if it is asked to: see ``tools.local.parts``.
It is never part of what is built.
"""

import importlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

FILE_VARIABLE = "RELAY_RECORDED_CALLS"
FUNCTION_VARIABLE = "_LAMBDA_FUNCTION_ARN"  # the local cloud sets it for a function's process only
HOOKED = "botocore.handlers"


class _WhenLoaded:
    """Adds to botocore's own handlers once they are there: the path to it comes later than this."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let botocore be found as ever, and be added to when it is run."""
        if name != HOOKED:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            _add_when_run(spec.loader)
        return spec


def _add_when_run(loader: Any) -> None:
    run = loader.exec_module

    def run_and_add(module: ModuleType) -> None:
        run(module)
        vars(module)["BUILTIN_HANDLERS"].extend(_handlers())

    loader.exec_module = run_and_add


def _handlers() -> Any:
    calls = importlib.import_module("aws_calls")  # lies beside this on the path, in no package
    _, _, _, region, account, _, function = os.environ[FUNCTION_VARIABLE].split(":")[:7]
    noted: set[tuple[str, str]] = set()

    def note(need: tuple[str, str]) -> None:
        if need not in noted:
            noted.add(need)
            with open(os.environ[FILE_VARIABLE], "a", encoding="utf-8") as file:  # noqa: PTH123 - starts with every process, and pathlib is slow to import
                file.write(json.dumps([function, *need]) + "\n")

    return calls.Recorder(calls.Place(region, account), note).handlers()


if FUNCTION_VARIABLE in os.environ and FILE_VARIABLE in os.environ:
    sys.meta_path.insert(0, _WhenLoaded())
