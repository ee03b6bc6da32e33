"""Every address in docs/where-is.md leads somewhere."""

import ast
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.repo.tree import REPOSITORY, text_of

PAGE = text_of("docs/where-is.md")
ADDRESS = re.compile(r"`([^`\s:]+)(?:: ([^`]+))?`")


def rows() -> list[tuple[str, str]]:
    cells = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("|")]
    return [(row[0], row[1]) for row in cells if len(row) > 1 and row[0] != "question"]


def addresses() -> list[tuple[str, str]]:
    return [(path, symbol) for _, cell in rows() for path, symbol in ADDRESS.findall(cell)]


def fault_of(path: str, symbol: str) -> str | None:
    """Say why an address is dead; nothing if it is alive."""
    place = REPOSITORY / path
    if not place.exists():
        return "no such file"
    if symbol and symbol not in defined_in(path):
        return f"{symbol} is not defined there"
    return None


def defined_in(path: str) -> set[str]:
    """Return what a file defines: dotted names in Python and TOML, else keys and targets."""
    text = text_of(path)
    if path.endswith(".py"):
        return set(_names(ast.parse(text)))
    if path.endswith(".toml"):
        return set(_tables(tomllib.loads(text)))
    return set(re.findall(r"^ {0,2}([\w-]+):", text, re.MULTILINE))


def _names(node: ast.AST, prefix: str = "") -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + child.name
                yield from _names(child, f"{prefix}{child.name}.")
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                yield prefix + name
            case _:
                pass


def _tables(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield prefix + key
            yield from _tables(value, f"{prefix}{key}.")


@pytest.mark.parametrize(("path", "symbol"), addresses())
def test_an_address_is_alive(path: str, symbol: str) -> None:
    assert fault_of(path, symbol) is None


@pytest.mark.parametrize(
    ("path", "symbol"),
    [
        ("functions/worker/gone.py", ""),
        ("functions/worker/run_job.py", "RunJob.gone"),
        ("functions/worker/run_job.py", "timedelta"),  # imported, not defined
        ("template.yaml", "GoneFunction"),
        ("pyproject.toml", "tool.gone"),
        ("Makefile", "gone"),
    ],
)
def test_a_dead_address_is_noticed(path: str, symbol: str) -> None:
    assert fault_of(path, symbol) is not None


def test_every_question_is_asked_once_and_answered() -> None:
    questions = [question for question, _ in rows()]

    assert [question for question, answer in rows() if not ADDRESS.search(answer)] == []
    assert len(questions) == len(set(questions))
    assert len(questions) > 50, "the page was not read"
