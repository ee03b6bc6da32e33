"""The locked requirements are those of pyproject.toml, and what ships is what is tested."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.repo.tree import files, text_of

PROJECT = tomllib.loads(text_of("pyproject.toml"))
PIN = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)(?: ; ([^\\]+?))?(?: \\)?$", re.MULTILINE)
# What the lock holds on Lambda: it has neither Windows' packages nor those of other Pythons.
ON_LAMBDA = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def pins_of(file: str) -> dict[str, Version]:
    """Return what a lock pins for this kind of machine."""
    found: dict[str, Version] = {}
    for name, version, marker in PIN.findall(text_of(file)):
        requirement = Requirement(f"{name} ; {marker}" if marker else name)
        if applies(requirement):
            found[canonicalize_name(name)] = Version(version)
    return found


def applies(requirement: Requirement, extras: Iterable[str] = ()) -> bool:
    """Tell whether a requirement counts on Linux, with any of these extras."""
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate(ON_LAMBDA | {"extra": extra}) for extra in ("", *extras)
    )


def dependencies() -> list[Requirement]:
    return [Requirement(line) for line in PROJECT["project"]["dependencies"]]


def group(name: str) -> Iterator[Requirement]:
    """Yield what a dependency group asks for, groups in it included."""
    for line in PROJECT["dependency-groups"][name]:
        if isinstance(line, dict):
            yield from group(line["include-group"])
        else:
            yield Requirement(line)


def tree_below(roots: Iterable[Requirement], pins: Mapping[str, Version]) -> dict[str, list[str]]:
    """Return every package that these need, each with the needs that its pin does not meet."""
    unmet: dict[str, list[str]] = {}
    waiting, seen = list(roots), set[tuple[str, frozenset[str]]]()
    while waiting:  # ends: each package is looked at once for each set of its extras
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        met = (
            requirement.specifier.contains(pins[name], prereleases=True) if name in pins else False
        )
        unmet.setdefault(name, []).extend([] if met else [str(requirement)])
        key = (name, frozenset(requirement.extras))
        if key not in seen and name in pins:
            seen.add(key)
            waiting += _needs_of(name, requirement.extras)
    return unmet


def _needs_of(name: str, extras: Iterable[str]) -> list[Requirement]:
    needs = (Requirement(line) for line in distribution(name).requires or ())
    return [need for need in needs if applies(need, extras)]


def test_the_development_lock_holds_what_pyproject_asks_for_and_nothing_else() -> None:
    pins = pins_of("requirements/dev.txt")

    unmet = tree_below([*dependencies(), *group("dev")], pins)

    assert {name: needs for name, needs in unmet.items() if needs} == {}, "run `make lock`"
    assert pins.keys() - unmet.keys() == set(), "run `make lock`"


def test_the_layer_holds_the_tree_of_the_projects_dependencies_as_tested() -> None:
    tested = pins_of("requirements/dev.txt")

    shipped = pins_of("layers/dependencies/requirements.txt")

    needed = tree_below(dependencies(), tested)
    assert shipped == {name: tested[name] for name in needed}


@pytest.mark.parametrize("name", ["uv", "sam", "ministack", "audit", "checkov"])
def test_the_other_locks_hold_what_their_lists_ask_for(name: str) -> None:
    lines = text_of(f"requirements/{name}.in").splitlines()
    asked = [Requirement(line.partition(" #")[0]) for line in lines if re.match(r"\w", line)]
    pins = pins_of(f"requirements/{name}.txt")

    assert asked
    for requirement in asked:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def locks() -> list[str]:
    return [name for name in files() if re.fullmatch(r"requirements/\w+\.txt", name)] + [
        "layers/dependencies/requirements.txt"
    ]


def test_every_list_has_a_lock_that_make_lock_makes() -> None:
    lists = [name for name in files() if re.fullmatch(r"requirements/\w+\.in", name)]

    made = {name.replace(".in", ".txt") for name in lists} | {"requirements/dev.txt"}
    makefile = text_of("Makefile")

    assert made == set(locks()) - {"layers/dependencies/requirements.txt"}
    assert [name for name in locks() if f"-o {name}" not in makefile] == []


def test_every_pin_has_a_hash() -> None:
    for file in locks():
        entries = re.split(r"^(?=[\w.-]+(?:\[[^\]]*\])?==)", text_of(file), flags=re.MULTILINE)[1:]

        assert entries
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_a_lock_that_lags_behind_would_be_noticed() -> None:
    pins: dict[str, Any] = pins_of("requirements/dev.txt") | {"httpx": Version("0.1")}
    del pins["pydantic"]

    unmet = tree_below(dependencies(), pins)

    assert unmet["httpx"]
    assert unmet["pydantic"]
