"""The template keeps every rule, and every rule notices when it is broken."""

from importlib import import_module

import pytest

from tests.template.rules import RULES, Breakage, Rule
from tools.template import Template

SUBJECTS = (
    "alarm",
    "api",
    "dashboard",
    "email",
    "environment",
    "function",
    "mapping",
    "queue",
    "storage",
    "time",
)
for subject in SUBJECTS:
    import_module(f"tests.template.{subject}_rules")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_template_keeps_the_rule(rule: Rule, template: Template) -> None:
    faults = list(rule.check(template))

    assert faults == []


@pytest.mark.parametrize(
    ("rule", "breakage"),
    [
        pytest.param(rule, breakage, id=f"{rule.name}: {breakage.name}")
        for rule in RULES
        for breakage in rule.breakages
    ],
)
def test_the_rule_notices(rule: Rule, breakage: Breakage, template: Template) -> None:
    faults = list(rule.check(breakage.of(template)))

    assert faults != []
