"""Templates without one permission, and templates with one too many."""

from collections.abc import Iterator

from tests.permissions.doors import BUCKET_POLICY, LAMBDA_PERMISSION
from tests.template.looking import QUEUE_POLICY, ROLE, as_list, every
from tests.template.rules import Breakage, at, at_root
from tools.template import Json, Template

NEVER_CALLED = {
    "dynamodb": "dynamodb:Scan",
    "s3": "s3:PutObjectAcl",
    "sqs": "sqs:PurgeQueue",
    "secretsmanager": "secretsmanager:PutSecretValue",
    "events": "events:PutRule",
    "logs": "logs:DeleteLogStream",
    "xray": "xray:GetTraceSummaries",
}
OTHER_QUEUE = {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}
"""Nobody's: what lies there is the operator's."""


def without_one_of_a_role(template: Template, role: str) -> Iterator[Breakage]:
    """Yield, for each action on each resource that a role allows, the template without it."""
    for steps, statements in _statements_of_role(template, role):
        for statement in statements:
            others = [it for it in statements if it is not statement]
            pairs = _pairs(statement)
            for pair in pairs:
                left = [dict(statement, Action=a, Resource=r) for a, r in pairs if (a, r) != pair]
                yield at(role, *steps).put([*others, *left])


def with_one_more_in_a_role(template: Template, role: str) -> Iterator[Breakage]:
    """Yield, for each statement of a role, the template with an action or a resource too many."""
    for steps, statements in _statements_of_role(template, role):
        for index, statement in enumerate(statements):
            actions = as_list(statement["Action"])
            superfluous = NEVER_CALLED[actions[0].partition(":")[0]]
            yield at(role, *steps, index, "Action").put([*actions, superfluous])
            resources = as_list(statement["Resource"])
            if OTHER_QUEUE not in resources:
                yield at(role, *steps, index, "Resource").put([*resources, OTHER_QUEUE])


def _statements_of_role(
    template: Template, role: str
) -> Iterator[tuple[tuple[str | int, ...], list[Json]]]:
    for index, policy in enumerate(template["Resources"][role]["Properties"]["Policies"]):
        steps = ("Policies", index, "PolicyDocument", "Statement")
        yield steps, policy["PolicyDocument"]["Statement"]


def _pairs(statement: Json) -> list[tuple[str, Json]]:
    resources = as_list(statement["Resource"])
    return [(action, it) for action in as_list(statement["Action"]) for it in resources]


def without_one_of_a_door(template: Template) -> Iterator[Breakage]:
    """Yield the template without each permission of Lambda's, and each part of other policies."""
    for name, _ in every(template, LAMBDA_PERMISSION):
        yield at_root("Resources", name).drop()
    for name, policy in every(template, QUEUE_POLICY):
        for index, _ in enumerate(policy["Queues"]):
            yield at(name, "Queues", index).drop()
    for kind in (QUEUE_POLICY, BUCKET_POLICY):
        for name, policy in every(template, kind):
            yield from _without_one_of_a_policy(name, policy["PolicyDocument"]["Statement"])


def _without_one_of_a_policy(name: str, statements: list[Json]) -> Iterator[Breakage]:
    steps = ("PolicyDocument", "Statement")
    for index, statement in enumerate(statements):
        yield at(name, *steps, index).drop()
        yield at(name, *steps, index, "Condition").put({})
        resources = as_list(statement["Resource"])
        for resource in resources if len(resources) > 1 else []:
            left = [it for it in resources if it != resource]
            yield at(name, *steps, index, "Resource").put(left)


def roles(template: Template) -> list[str]:
    """Return every role's logical id."""
    return [name for name, _ in every(template, ROLE)]
