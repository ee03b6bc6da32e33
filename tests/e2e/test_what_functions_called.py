"""What the functions called while all the other tests were run: last of all by its name."""

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.e2e.conftest import Stack
from tests.permissions.names import Names
from tests.permissions.roles import faults_of_calls
from tests.template.looking import FUNCTION
from tests.template.sent import sent_template
from tools.local.folder import RECORDED_CALLS
from tools.recording.aws_calls import Need, Place
from tools.template import resources_of

STACK_NAME = "mistral-relay"


def test_no_function_called_what_its_role_in_the_template_does_not_allow(stack: Stack) -> None:
    """The local cloud checks calls too, by its own reading of them. This is ours."""
    if not RECORDED_CALLS.exists():
        pytest.skip("the stack was up before and records nothing: run `make down` first")
    template, names = sent_template(), names_of(stack)
    calls = recorded_calls()
    functions = {names.physical(it) for it, _ in resources_of(template, FUNCTION)}
    silent = functions - calls.keys()

    faults = [
        fault
        for function, _ in resources_of(template, FUNCTION)
        for fault in faults_of_calls(template, function, names, calls[names.physical(function)])
    ]

    assert silent == set(), "each has been at work"
    assert faults == []


def names_of(stack: Stack) -> Names:
    """Return what the local cloud calls the template's resources."""
    cloud: Any = stack.aws("cloudformation")
    found = cloud.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    known = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
    for name, _ in resources_of(sent_template(), "AWS::SecretsManager::Secret"):
        secret: Any = stack.aws("secretsmanager").describe_secret(SecretId=known[name])
        known[name] = secret["ARN"]
    account: str = stack.aws("sts").get_caller_identity()["Account"]
    place = Place(stack.facts["region"], account)
    return Names(template=sent_template(), place=place, known=known)


def recorded_calls() -> dict[str, set[Need]]:
    """Return, by the name of each function, what its calls needed."""
    calls: dict[str, set[Need]] = defaultdict(set)
    for line in RECORDED_CALLS.read_text("utf-8").splitlines():
        function, action, resource = json.loads(line)
        calls[function].add(Need(action, resource))
    return calls
