"""Import every built handler as Lambda would: nothing on the path but its package and its layers.

It proves that a build is complete (a file or package left out fails here, not after a deployment)
and compiled (a module without bytecode doubles a cold start).
Usage: ``import_built_handlers.py <build for AWS> <build for this machine>``. Two builds, because
this machine cannot import packages that were compiled for AWS's processor: those of the layer
`DependenciesLayer` are taken from the second, all else from the first.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.template import read_template, resources_of

NATIVE_LAYER = "DependenciesLayer"
# What Lambda itself sets, and credentials that open nothing.
RUNTIME_ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "LAMBDA_TASK_ROOT": "/var/task",
}
# Isolated and without site-packages, so that only the folders named here can be imported from.
IMPORT_HANDLER = """
import importlib, sys
module, function, *folders = sys.argv[1:]
sys.path[:0] = folders
assert callable(getattr(importlib.import_module(module), function))
"""


@dataclass(frozen=True)
class BuiltFunction:
    """A function as the built template describes it."""

    name: str
    module: str
    attribute: str
    folders: tuple[Path, ...]
    environment: dict[str, str]


def functions_of(build: Path, host_build: Path) -> Iterator[BuiltFunction]:
    """Yield the functions of the template in *build*."""
    template = read_template(build / "template.yaml")
    common = template["Globals"]["Function"]
    defaults = {
        name: str(parameter.get("Default", ""))
        for name, parameter in template["Parameters"].items()
    }
    for name, resource in resources_of(template, "AWS::Serverless::Function"):
        properties = resource["Properties"]
        module, _, attribute = properties["Handler"].rpartition(".")
        layers = [layer["Ref"] for layer in properties.get("Layers", common["Layers"])]
        yield BuiltFunction(
            name=name,
            module=module,
            attribute=attribute,
            folders=(
                build / properties["CodeUri"],
                *((host_build if it == NATIVE_LAYER else build) / it / "python" for it in layers),
            ),
            environment={
                key: placeholder(value, defaults)
                for variables in (
                    common["Environment"]["Variables"],
                    properties.get("Environment", {}).get("Variables", {}),
                )
                for key, value in variables.items()
            },
        )


def placeholder(value: Any, defaults: dict[str, str]) -> str:
    """Return a parameter's default or a literal; what only AWS can tell becomes an address."""
    if isinstance(value, dict):
        return defaults.get(value.get("Ref", ""), "https://example.com/placeholder")
    return str(value)


def sources_without_bytecode(folder: Path) -> list[Path]:
    """Return the modules below *folder* that Python would have to compile at every cold start."""
    return [
        source
        for source in sorted(folder.rglob("*.py"))
        if not Path(importlib.util.cache_from_source(str(source))).exists()
    ]


def faults_of(function: BuiltFunction) -> list[str]:
    """Return what is wrong with a built function, in words; nothing if it would start."""
    missing = [folder for folder in function.folders if not folder.is_dir()]
    if missing:
        return [f"{function.name}: no folder {folder}" for folder in missing]
    faults = [
        f"{function.name}: not compiled: {source}"
        for folder in function.folders
        for source in sources_without_bytecode(folder)
    ]
    python = [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", IMPORT_HANDLER]
    arguments = [function.module, function.attribute, *map(str, function.folders)]
    result = subprocess.run(
        [*python, *arguments],
        env=RUNTIME_ENVIRONMENT | function.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        faults.append(f"{function.name}: {function.module} does not import:\n{result.stderr}")
    return faults


def size_mb(folder: Path) -> float:
    """Return the size of all files below *folder*, in millions of bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def main(build: Path, host_build: Path) -> int:
    """Check all functions, print what was found, and return the exit status."""
    functions = list(functions_of(build, host_build))
    faults = [fault for function in functions for fault in faults_of(function)]
    for folder in sorted(entry for entry in build.iterdir() if entry.is_dir()):
        print(f"{folder.name:<24}{size_mb(folder):8.2f} MB")
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{len(functions)} handlers imported, {len(faults)} faults")
    return 1 if faults or not functions else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
