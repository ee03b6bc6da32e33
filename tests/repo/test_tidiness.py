"""What no linter of ours holds: sizes, leftovers, and exceptions without a reason."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.repo.tree import files, python_files, text_of

LINES_MAX = 300
TEST_LINES_MAX = 500
FUNCTION_LINES_MAX = 50
TEST_FUNCTION_LINES_MAX = 60

# Put together here, so that this file is not one of those that it looks for.
_LEFT_OVER = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
_MACHINE = re.compile(r"(?<![\w.}])/(?:work|root|home)/")
_REGISTRY = re.compile("|".join((r"pypi\." + "org", r"python" + r"hosted\.org", r"npm" + r"js\.")))
_BARE_IGNORE = re.compile(
    r"# (?:ruff: )?no" + r"qa(?!: [A-Z]+\d)"
    r"|# (?:type|pyright): " + r"ignore(?!\[)"
    r"|# pragma: " + r"no cover(?! - \w)"
)
_MUST_SAY_WHY = {"skip", "skipif", "xfail", "importorskip"}

type Look = Callable[[str], Iterator[str]]


def leftovers(text: str) -> Iterator[str]:
    yield from (f"left over: {found}" for found in _LEFT_OVER.findall(text))


def machines(text: str) -> Iterator[str]:
    yield from (f"a place on one machine: {found}" for found in _MACHINE.findall(text))


def registries(text: str) -> Iterator[str]:
    yield from (f"a registry: {found}" for found in _REGISTRY.findall(text))


def bare_ignores(text: str) -> Iterator[str]:
    yield from (f"an exception to what? {found}" for found in _BARE_IGNORE.findall(text))


def long_functions(text: str, lines_max: int = FUNCTION_LINES_MAX) -> Iterator[str]:
    """Find functions that are long without their docstrings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            first = node.body[0]
            start = (first.end_lineno or first.lineno) + 1 if has_docstring else node.lineno
            length = (node.end_lineno or start) - start + 1
            if length > lines_max:
                yield f"{node.name} has {length} lines"


def mocks(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module="unittest" | "unittest.mock" | "mock"):
                yield f"line {node.lineno} imports mocks"
            case ast.Import(names=names) if any("mock" in alias.name.split(".") for alias in names):
                yield f"line {node.lineno} imports mocks"
            case _:
                pass


def skips_without_reason(text: str) -> Iterator[str]:
    """Find marks and calls that leave a test out and do not say why."""
    tree = ast.parse(text)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in _MUST_SAY_WHY:
            continue
        if not ast.unparse(node).startswith("pytest."):
            continue
        call = calls.get(id(node))
        is_said = call is not None and any(word.arg == "reason" for word in call.keywords)
        is_plain = call is not None and ast.unparse(node) == "pytest.skip" and call.args
        if not is_said and not is_plain:
            yield f"line {node.lineno} leaves tests out without saying why"


EVERYWHERE: tuple[Look, ...] = (leftovers, machines, registries)
IN_PYTHON: tuple[Look, ...] = (bare_ignores, mocks, skips_without_reason)


def test_files_are_short() -> None:
    limits = {
        name: TEST_LINES_MAX if name.startswith("tests/") else LINES_MAX for name in python_files()
    }

    lengths = {name: len(text_of(name).splitlines()) for name in limits}

    assert {name: lines for name, lines in lengths.items() if lines > limits[name]} == {}


def test_functions_are_short() -> None:
    faults = [
        f"{name}: {fault}"
        for name in python_files()
        for fault in long_functions(
            text_of(name),
            TEST_FUNCTION_LINES_MAX if name.startswith("tests/") else FUNCTION_LINES_MAX,
        )
    ]

    assert faults == []


@pytest.mark.parametrize("look", EVERYWHERE)
def test_no_file_has_any(look: Look) -> None:
    faults = [f"{name}: {fault}" for name in files() for fault in look(text_of(name))]

    assert faults == []


@pytest.mark.parametrize("look", IN_PYTHON)
def test_no_python_file_has_any(look: Look) -> None:
    faults = [f"{name}: {fault}" for name in python_files() for fault in look(text_of(name))]

    assert faults == []


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (leftovers, "# TO" + "DO: later"),
        (machines, "cd /ro" + "ot/project"),
        (registries, "https://pypi" + ".org/simple"),
        (bare_ignores, "x = 1  # no" + "qa"),
        (bare_ignores, "x = 1  # type: " + "ignore"),
        (bare_ignores, "x = 1  # pragma: " + "no cover"),
        (long_functions, "def f() -> None:\n" + "    pass\n" * 51),
        (mocks, "from unittest.mock import Mock"),
        (mocks, "import unittest.mock as m"),
        (mocks, "from unittest import mock"),
        (skips_without_reason, "@pytest.mark.skip\ndef test_it() -> None: ..."),
        (skips_without_reason, "@pytest.mark.skipif(True)\ndef test_it() -> None: ..."),
        (skips_without_reason, "pytest.skip()"),
        (skips_without_reason, "pytest.importorskip('boto3')"),
    ],
)
def test_it_would_be_noticed(look: Look, text: str) -> None:
    assert list(look(text)) != []


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (bare_ignores, "x = 1  # noqa: S603 - our own tool"),
        (long_functions, 'def f() -> None:\n    """Say."""\n' + "    pass\n" * 49),
        (machines, "https://example.com/home/page"),
        (mocks, "from moto import mock_aws"),
        (skips_without_reason, "pytest.skip('no network')"),
        (skips_without_reason, "@pytest.mark.skipif(True, reason='r')\ndef test_it(): ..."),
    ],
)
def test_what_is_fine_is_left_alone(look: Look, text: str) -> None:
    assert list(look(text)) == []
