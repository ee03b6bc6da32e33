"""Rules about what functions are told: just what their settings read."""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relay import config
from tests.template.looking import FUNCTION, every, target
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Json, Template

REPOSITORY = Path(__file__).parents[2]
LOCAL_ONLY = "RELAY_LOCAL_STACK"
OF_POWERTOOLS = "POWERTOOLS_"
_WORDS_OF_LOCAL_STACK = ("RELAY_LOCAL_STACK", "localhost", "127.0.0.1", "::1", "loopback")


@dataclass(slots=True)
class RecordedEnvironment:
    """Stands in for the environment; knows what was asked for."""

    values: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def get(self, name: str, default: str = "") -> str:
        """Answer for any variable; a number will do for all that are read."""
        self.asked.add(name)
        return self.values.get(name, "1" if name != LOCAL_ONLY else default)


def main_of(handler: str) -> Path:
    """Return the module in which a function is put together."""
    return REPOSITORY / (handler.rpartition(".")[0].replace(".", "/") + ".py")


def settings_of(handler: str) -> Callable[[], Any]:
    """Return the settings that a function's ``main`` reads."""
    (name,) = (
        alias.name
        for node in ast.walk(ast.parse(main_of(handler).read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "relay.config"
        for alias in node.names
    )
    settings: Callable[[], Any] = getattr(config, name)
    return settings


def environment_read_by(handler: str, **values: str) -> RecordedEnvironment:
    """Read a function's settings and return what was asked of the environment.

    Raises:
        MissingSettingError: one of these values will not do.
    """
    environment = RecordedEnvironment(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relay.config.os.environ", environment)
        settings_of(handler)()
    return environment


def _variables(function: Json) -> dict[str, Json]:
    variables: dict[str, Json] = function["Environment"]["Variables"]
    return {name: it for name, it in variables.items() if not name.startswith(OF_POWERTOOLS)}


@rule(
    at("WorkerFunction", "Environment", "Variables", "MISTRAL_API_URL").drop(),
    at("FanoutFunction", "Environment", "Variables", "BUCKET_NAME").put({"Ref": "Bucket"}),
    at("AuthorizerFunction", "Environment", "Variables", "TABLE_NAME").drop(),
    at("ApiFunction", "Handler").put("functions.worker.main.handle"),
)
def a_function_is_told_all_that_it_reads_and_nothing_else(template: Template) -> Faults:
    for name, function in every(template, FUNCTION):
        read = environment_read_by(function["Handler"]).asked - {LOCAL_ONLY}
        for variable in read ^ _variables(function).keys():
            yield f"{name}: {variable} is {'not set' if variable in read else 'never read'}"


@rule(
    at_root("Parameters", "DefaultModel", "MinLength").drop(),
    at("WorkerFunction", "Environment", "Variables", "MISTRAL_API_URL").put(
        {"Ref": "AlarmTopicArn"}
    ),
)
def what_a_function_cannot_do_without_cannot_be_left_empty(template: Template) -> Faults:
    for name, function in every(template, FUNCTION):
        for variable, value in _variables(function).items():
            parameter = template["Parameters"].get(target(value)) if "Ref" in value else None
            if parameter is None or not _takes_nothing(parameter):
                continue
            try:
                environment_read_by(function["Handler"], **{variable: ""})
            except config.MissingSettingError:
                yield f"{name}: does not start if {target(value)} is empty"


def _takes_nothing(parameter: Json) -> bool:
    return (
        parameter["Type"] == "String"
        and not parameter.get("MinLength")
        and "" in parameter.get("AllowedValues", [""])
        and re.search(parameter.get("AllowedPattern", ""), "") is not None
    )


@rule(
    at_root("Parameters", "DefaultSqsTenant", "AllowedPattern").put("^.*$"),
    at_root("Parameters", "DefaultSqsTenant", "AllowedPattern").put("^[a-z#]*$"),
    at_root("Parameters", "DefaultSqsTenant", "AllowedPattern").put("^[A-Za-z0-9_-]{0,64}$"),
    at_root("Parameters", "DefaultSqsTenant", "AllowedPattern").put("^(operator|ten_.{26})$"),
    at_root("Parameters", "DefaultSqsTenant", "AllowedPattern").drop(),
    at_root("Parameters", "DefaultSqsTenant", "Default").put("public"),
)
def senders_that_nobody_knows_are_refused_unless_a_tenant_is_named(template: Template) -> Faults:
    parameter = template["Parameters"]["DefaultSqsTenant"]
    pattern = re.compile(parameter.get("AllowedPattern", ""))
    if parameter["Default"]:
        yield "DefaultSqsTenant: whoever may send is taken in by default"
    for text in ("", "operator", "ten_01M7YZMHG00000000000000000"):
        if not pattern.search(text):
            yield f"DefaultSqsTenant: does not take {text!r}"
    for text in ("acme", "ten_1", "a#b", "ten_01M7YZMHG0000000000000000#", "é"):
        if pattern.search(text):
            yield f"DefaultSqsTenant: takes {text!r}, which is no tenant that a key could be of"


@rule(
    at("DelivererFunction", "Environment", "Variables", LOCAL_ONLY).put("true"),
    at_root("Parameters", "LocalStack").put({"Type": "String", "Default": LOCAL_ONLY}),
    at("DelivererFunction", "Environment", "Variables", "PUBLIC_API_URL").put("http://localhost"),
)
def nothing_here_knows_of_the_local_stack(template: Template) -> Faults:
    text = json.dumps(template)
    for word in _WORDS_OF_LOCAL_STACK:
        if word in text:
            yield f"{word} allows webhooks to the machine itself, and does not belong here"
