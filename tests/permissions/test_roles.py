"""Each function may do what it was seen to do, and nothing else."""

import pytest

from tests.permissions.code_reading import ACTIONS, actions_of, calls_of_clients
from tests.permissions.mutations import with_one_more_in_a_role, without_one_of_a_role
from tests.permissions.roles import faults_of_role, functions_of
from tests.permissions.scenarios import recorded
from tests.template.looking import properties_of, target
from tests.template.rules import Breakage
from tests.template.sent import sent_template
from tools.recording.aws_calls import UNKNOWN
from tools.template import Template

FUNCTIONS = functions_of(sent_template())
every_function = pytest.mark.parametrize("function", FUNCTIONS)


def faults(template: Template, function: str) -> list[str]:
    recording = recorded()
    calls = recording.calls[FUNCTIONS[function]]
    return list(faults_of_role(template, function, recording.names, calls))


def role_of(template: Template, function: str) -> str:
    return target(properties_of(template, function)["Role"])


def test_every_function_was_seen_at_work() -> None:
    assert recorded().calls.keys() == set(FUNCTIONS.values())


def test_every_call_is_one_of_which_it_is_known_what_it_needs() -> None:
    """The table of them is ``tools/recording/aws_calls.py``."""
    unknown = {
        (function, need.action)
        for function, needs in recorded().calls.items()
        for need in needs
        if need.resource == UNKNOWN
    }

    assert unknown == set()


@every_function
def test_a_function_may_do_what_it_does_and_nothing_else(function: str, template: Template) -> None:
    assert faults(template, function) == []


def test_the_reading_of_the_code_knows_every_call_that_it_names() -> None:
    assert calls_of_clients() == set(ACTIONS)


@every_function
def test_the_scenarios_make_every_call_that_the_code_names(function: str) -> None:
    """What no scenario reaches would be missed on AWS only. Add one that does."""
    seen = {need.action for need in recorded().calls[FUNCTIONS[function]]}
    named = actions_of(FUNCTIONS[function])
    if "s3:GetObject" in named:
        named.add("s3:ListBucket")  # else S3 answers 403 for what is gone

    assert named - seen == set()


@every_function
def test_each_single_permission_is_missed(function: str, template: Template) -> None:
    dropped = list(without_one_of_a_role(template, role_of(template, function)))

    assert len(dropped) >= 5, "one to call, two for the log and two for traces"
    assert unnoticed(dropped, template, function) == []


@every_function
def test_each_permission_too_many_is_seen(function: str, template: Template) -> None:
    added = list(with_one_more_in_a_role(template, role_of(template, function)))

    assert added != []
    assert unnoticed(added, template, function) == []


def unnoticed(breakages: list[Breakage], template: Template, function: str) -> list[str]:
    return [it.name for it in breakages if not faults(it.of(template), function)]
