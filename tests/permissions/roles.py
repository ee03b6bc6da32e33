"""What functions need of IAM against what their roles allow, both ways."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from tests.permissions.names import Names
from tests.permissions.policies import Ask, Decision, decision, matches
from tests.template.looking import (
    FUNCTION,
    QUEUE,
    SourceMapping,
    mappings_from,
    permissions_of,
    properties_of,
)
from tools.recording.aws_calls import Need
from tools.template import Resource, Template, resources_of

TABLE = "AWS::DynamoDB::Table"
LOGGING = ("logs:CreateLogStream", "logs:PutLogEvents")
TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
# Source: AWS Lambda, "Using Lambda with Amazon SQS" and "… with Amazon DynamoDB", execution roles.
READING_A_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
READING_A_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")


class Permission(NamedTuple):
    """One action on one resource, or on all that a pattern stands for."""

    action: str
    pattern: str


def needs_on_behalf(template: Template, function: str, names: Names) -> Iterator[Need]:
    """Yield what AWS does by a function's role without any call of its code.

    It follows from the template alone: what wakes the function, its log and its traces.
    """
    yield from _to_log_and_trace(properties_of(template, function), names)
    for it in mappings_from(template, QUEUE):
        if it.function == function:
            for action in READING_A_QUEUE:
                yield Need(action, names.text(it.properties["EventSourceArn"]))
    for it in mappings_from(template, TABLE):
        if it.function == function:
            yield from _to_read_a_stream(it, names)


def _to_log_and_trace(properties: Resource, names: Names) -> Iterator[Need]:
    group = names.text(properties["LoggingConfig"]["LogGroup"])
    for action in LOGGING:
        yield Need(action, names.place.arn("logs", f"log-group:{group}:*"))
    if properties.get("TracingConfig") == {"Mode": "Active"}:
        for action in TRACING:  # they know no resources
            yield Need(action, "*")


def _to_read_a_stream(mapping: SourceMapping, names: Names) -> Iterator[Need]:
    stream = names.text(mapping.properties["EventSourceArn"])
    for action in READING_A_STREAM:
        yield Need(action, stream)
    yield Need("dynamodb:ListStreams", stream.rpartition("/")[0] + "/*")
    if failed := mapping.properties.get("DestinationConfig", {}).get("OnFailure"):
        yield Need("sqs:SendMessage", names.text(failed["Destination"]))


def permissions(template: Template, function: str, names: Names) -> list[Permission]:
    """Return all that a function's role allows it, one by one."""
    return [
        Permission(action, names.text(resource))
        for statement in permissions_of(template, function)
        if statement.effect == "Allow"
        for action in statement.actions
        for resource in statement.resources
    ]


def faults_of_role(
    template: Template, function: str, names: Names, calls: AbstractSet[Need]
) -> Iterator[str]:
    """Yield what a function's role does not allow it, and what it allows for nothing.

    A permission is needed if something needs it that no other one allows.
    """
    needs = calls | set(needs_on_behalf(template, function, names))
    yield from faults_of_calls(template, function, names, needs)
    allowed = permissions(template, function, names)
    only = {
        granting[0]
        for need in needs
        if len(granting := [i for i, it in enumerate(allowed) if _allows(it, need)]) == 1
    }
    for index, permission in enumerate(allowed):
        if index not in only:
            yield f"{function}: nobody needs its {permission.action} on {permission.pattern}"


def faults_of_calls(
    template: Template, function: str, names: Names, needs: AbstractSet[Need]
) -> Iterator[str]:
    """Yield what a function's role does not allow it."""
    statements = [it.raw for it in permissions_of(template, function)]
    for need in sorted(needs):
        ask = Ask(principal=function, action=need.action, resource=need.resource)
        if decision(statements, ask, names) is not Decision.ALLOWED:
            yield f"{function}: may not {need.action} on {need.resource}"


def _allows(permission: Permission, need: Need) -> bool:
    return permission.action == need.action and matches(need.resource, permission.pattern)


def functions_of(template: Template) -> dict[str, str]:
    """Return, by its logical id, the folder of each function."""
    return {
        name: function["Properties"]["Handler"].split(".")[1]
        for name, function in resources_of(template, FUNCTION)
    }
