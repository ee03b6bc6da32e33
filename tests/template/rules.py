"""A rule about the template, and the ways to break it that prove that it looks.

A rule is a generator of faults, in words. Each comes with at least one breakage; a rule that does
not notice its breakages is no rule, and ``test_rules.py`` says so.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tools.template import Json, Template

type Faults = Iterator[str]
type Check = Callable[[Template], Faults]

_DROPPED = object()


@dataclass(frozen=True, slots=True)
class Breakage:
    """One change to a template that is sound."""

    steps: tuple[str | int, ...]
    change: Callable[[Json], Json]
    name: str

    def of(self, template: Template) -> Template:
        """Return the template, broken."""
        broken = deepcopy(template)
        *way, last = self.steps
        node: Any = broken
        for step in way:
            node = node[step]
        before = node.get(last) if isinstance(node, dict) else node[last]
        after = self.change(deepcopy(before))
        assert after != before, f"{self.name} changes nothing"
        if after is _DROPPED:
            del node[last]
        else:
            node[last] = after
        return broken


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template is broken."""

    steps: tuple[str | int, ...]

    def put(self, value: Json) -> Breakage:
        """Have another value here."""
        return Breakage(self.steps, lambda _: deepcopy(value), f"{self}={value}")

    def drop(self) -> Breakage:
        """Have nothing here."""
        return Breakage(self.steps, lambda _: _DROPPED, f"without {self}")

    def add(self, *values: Json) -> Breakage:
        """Have more in the list here."""
        return Breakage(self.steps, lambda node: [*node, *values], f"{self}+{values}")

    def __str__(self) -> str:
        return ".".join(map(str, self.steps))


def at(logical_id: str, *steps: str | int) -> Place:
    """Return a place in the properties of a resource."""
    return Place(("Resources", logical_id, "Properties", *steps))


def at_root(*steps: str | int) -> Place:
    """Return a place in the template."""
    return Place(steps)


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold."""

    name: str
    check: Check
    breakages: tuple[Breakage, ...]


RULES: list[Rule] = []


def rule(*breakages: Breakage) -> Callable[[Check], Check]:
    """Make a generator of faults a rule that the template must keep."""

    def register(check: Check) -> Check:
        name = getattr(check, "__name__", "")
        assert breakages, f"{name} is broken by nothing"
        RULES.append(Rule(name, check, breakages))
        return check

    return register
