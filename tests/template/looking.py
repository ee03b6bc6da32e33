"""Ways to look at a translated template."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tools.template import Json, Resource, Template, resources_of

FUNCTION = "AWS::Lambda::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
EVENT_RULE = "AWS::Events::Rule"
QUEUE = "AWS::SQS::Queue"
QUEUE_POLICY = "AWS::SQS::QueuePolicy"
ROLE = "AWS::IAM::Role"

_FIRST_NAME = re.compile(r"\$\{(\w+)")


def target(node: Json) -> str:
    """Return the logical id that a reference, an attribute or a text names first."""
    match node:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            found = _FIRST_NAME.match(text)
            return found[1] if found else ""
        case _:
            return ""


def properties_of(template: Template, logical_id: str) -> Resource:
    """Return what a resource is told, nothing for one that is not there."""
    found: Resource = template["Resources"].get(logical_id, {}).get("Properties", {})
    return found


def every(template: Template, type_name: str) -> Iterator[tuple[str, Resource]]:
    """Yield logical ids and properties of all resources of a type."""
    for logical_id, resource in resources_of(template, type_name):
        yield logical_id, resource["Properties"]


def as_list(node: Json) -> list[Any]:
    """Return what may stand alone or in a list as a list."""
    return node if isinstance(node, list) else [] if node is None else [node]


def extreme(template: Template, node: Json, side: Literal["MinValue", "MaxValue"]) -> float:
    """Return the least or greatest number that a value can be, whoever deploys it."""
    if not isinstance(node, dict):
        return float(node)
    parameter = template["Parameters"][target(node)]
    pick = min if side == "MinValue" else max
    if "AllowedValues" in parameter:
        return float(pick(parameter["AllowedValues"]))
    return float(parameter.get(side, -math.inf if side == "MinValue" else math.inf))


def least(template: Template, node: Json) -> float:
    """Return the least number that a value can be."""
    return extreme(template, node, "MinValue")


def most(template: Template, node: Json) -> float:
    """Return the greatest number that a value can be."""
    return extreme(template, node, "MaxValue")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """What an event source mapping joins."""

    id: str
    source: str
    function: str
    properties: Mapping[str, Any]


def mappings_from(template: Template, source_type: str) -> Iterator[SourceMapping]:
    """Yield the mappings whose source is of a type."""
    for logical_id, properties in every(template, MAPPING):
        source = target(properties["EventSourceArn"])
        if template["Resources"].get(source, {}).get("Type") == source_type:
            function = target(properties["FunctionName"])
            yield SourceMapping(
                id=logical_id, source=source, function=function, properties=properties
            )


def dead_letter_queue_of(queue: Resource) -> str:
    """Return where a queue's messages go that were received too often."""
    return target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def dead_letter_queues(template: Template) -> set[str]:
    """Return every queue to which something is put that could not be handled."""
    of_queues = {dead_letter_queue_of(queue) for _, queue in every(template, QUEUE)}
    of_rules = {
        target(it.get("DeadLetterConfig", {}).get("Arn")) for _, it in rule_targets(template)
    }
    of_mappings = {
        target(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        for _, mapping in every(template, MAPPING)
    }
    named = {name for name, _ in every(template, QUEUE) if "DeadLetter" in name}
    return (of_queues | of_rules | of_mappings | named) - {""}


def rule_targets(template: Template) -> Iterator[tuple[str, Resource]]:
    """Yield, of every rule that hands on events, its logical id and each of its targets."""
    for logical_id, properties in every(template, EVENT_RULE):
        for it in properties["Targets"]:
            if "EventPattern" in properties:
                yield logical_id, it


def schedules(template: Template) -> Iterator[tuple[str, Resource]]:
    """Yield the rules that hand on no events but wake at times."""
    for logical_id, properties in every(template, EVENT_RULE):
        if "ScheduleExpression" in properties:
            yield logical_id, properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    raw: Mapping[str, Any]


def statements_of(document: Json) -> list[Statement]:
    """Return the statements of a policy document."""
    return [
        Statement(
            effect=raw["Effect"],
            actions=tuple(as_list(raw.get("Action"))),
            resources=tuple(as_list(raw.get("Resource"))),
            raw=raw,
        )
        for raw in as_list(document["Statement"])
    ]


def permissions_of(template: Template, function: str) -> list[Statement]:
    """Return what a function's role allows it."""
    role = properties_of(template, target(properties_of(template, function).get("Role")))
    return [
        statement
        for policy in role.get("Policies", [])
        for statement in statements_of(policy["PolicyDocument"])
    ]


def functions_that_may(template: Template, action: str, resource: str) -> set[str]:
    """Return the functions that may do something to a resource."""
    return {
        function
        for function, _ in every(template, FUNCTION)
        for statement in permissions_of(template, function)
        if action in statement.actions and resource in map(target, statement.resources)
    }
