"""Cold starts: the CPU that importing a built function takes, against a bare boto3 client.

Built for this machine with the layers that go to AWS, pruned and compiled; the peer is
``import boto3; boto3.client("sqs")`` from an ordinary environment, compiled as well. Rounds
alternate between all of them, since the machine's own mood changes.
"""

import importlib.util
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.table import Row
from tools.build.import_built_handlers import IMPORT_HANDLER, RUNTIME_ENVIRONMENT, functions_of

BUILD = Path(__file__).parents[1] / ".relay" / "build"
ROUNDS = 15
BUDGETS = {
    "ApiFunction": 1.45,
    "AuthorizerFunction": 1.1,
    "DelivererFunction": 1.1,
    "WorkerFunction": 1.5,
}
_PEER = 'import sys; sys.path[:0] = sys.argv[1:]; import boto3; boto3.client("sqs")'


def rows() -> list[Row]:
    """Measure every function of the build."""
    site_packages = str(Path(str(importlib.util.find_spec("boto3").origin)).parents[1])  # type: ignore[union-attr]
    peer = [sys.executable, "-I", "-S", "-c", _PEER, site_packages]
    commands = {"peer": (peer, dict(RUNTIME_ENVIRONMENT))}
    for function in functions_of(BUILD, BUILD):
        command = [sys.executable, "-I", "-S", "-c", IMPORT_HANDLER]
        command += [function.module, function.attribute, *map(str, function.folders)]
        commands[function.name] = (command, RUNTIME_ENVIRONMENT | function.environment)
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, (command, environment) in commands.items():
            spent[name].append(_cpu_seconds(command, environment))
    base = median(spent.pop("peer"))
    found = [Row("cold start: import boto3, client sqs (the peer)", f"{base * 1000:.0f} ms CPU")]
    for name, seconds in sorted(spent.items()):
        budget = f"{BUDGETS[name]}" if name in BUDGETS else ""
        ratio = median(seconds) / base
        text = f"{ratio:.2f} of the peer ({median(seconds) * 1000:.0f} ms CPU)"
        found.append(Row(f"cold start: {name}", text, budget))
    return found


def _cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env={"PATH": os.environ["PATH"]} | environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
