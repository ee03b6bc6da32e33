"""A deployed stack, as CloudFormation knows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.cli.aws import Aws, aws_in_words
from tools.cli.errors import RefusedError, UsageError

STACK_NAME_DEFAULT = "mistral-relay"
UNUSABLE = frozenset({"ROLLBACK_COMPLETE", "DELETE_COMPLETE"})  # complete, and nothing is there
OUTPUTS = ("ApiUrl", "TableName", "MistralApiKeySecretArn", "SubmissionsQueueUrl", "EventBusName")
"""What a stack of this project has at least, and its users need."""


class NoStackError(RefusedError):
    """There is no stack of that name in that region and account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something of the stack: what AWS calls it, and its type."""

    physical_id: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Stack:
    """``resources`` are by their logical ids, the names in ``template.yaml``."""

    name: str
    region: str
    status: str
    created_at: datetime
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, Resource]

    @property
    def is_usable(self) -> bool:
        """Whether the last deployment has come to an end, and left something that works."""
        return self.status.endswith("_COMPLETE") and self.status not in UNUSABLE

    @property
    def is_busy(self) -> bool:
        """Whether a deployment is under way."""
        return self.status.endswith("_IN_PROGRESS")

    def output(self, name: str) -> str:
        """Return what the stack tells its users under a name.

        Raises:
            UsageError: It does not.
        """
        if not self.outputs.get(name):
            raise UsageError(
                f"The stack {self.name} has no output {name}, so it seems to be something else.",
                advice=["Give the relay's own stack with --stack-name, or deploy it again."],
            )
        return self.outputs[name]

    def id_of(self, logical_id: str) -> str:
        """Return what AWS calls a resource.

        Raises:
            UsageError: The stack has none of that name.
        """
        if logical_id not in self.resources:
            raise UsageError(
                f"The stack {self.name} has no {logical_id}.",
                advice=["Deploy the version that belongs to this command line."],
            )
        return self.resources[logical_id].physical_id

    def of_kind(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield logical and physical ids of all resources of one CloudFormation type."""
        for logical_id, resource in sorted(self.resources.items()):
            if resource.kind == kind and resource.physical_id:
                yield logical_id, resource.physical_id


def read_stack(aws: Aws, name: str) -> Stack:
    """Return a stack.

    Raises:
        NoStackError: There is none of that name.
        CliError: AWS did not say.
    """
    cloudformation = aws.client("cloudformation")
    try:
        with aws_in_words(f"look at the stack {name}"):
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except RefusedError as error:
        # CloudFormation's word for an unknown stack is that of any other mistake.
        if any("does not exist" in line for line in error.lines):
            raise _no_stack(name, aws.region) from error
        raise
    with aws_in_words(f"list what is in the stack {name}"):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = [one for page in pages for one in page["StackResourceSummaries"]]
    return Stack(
        name=name,
        region=aws.region,
        status=stack["StackStatus"],
        created_at=stack.get("LastUpdatedTime") or stack["CreationTime"],
        outputs=_by_name(stack, "Outputs", "OutputKey", "OutputValue"),
        parameters=_by_name(stack, "Parameters", "ParameterKey", "ParameterValue"),
        resources={
            one["LogicalResourceId"]: Resource(
                physical_id=one.get("PhysicalResourceId", ""), kind=one["ResourceType"]
            )
            for one in resources
        },
    )


def _by_name(stack: Mapping[str, Any], part: str, key: str, value: str) -> dict[str, str]:
    return {one[key]: one.get(value, "") for one in stack.get(part, [])}


def _no_stack(name: str, region: str) -> NoStackError:
    return NoStackError(
        f"There is no stack {name} in {region}.",
        advice=[
            "Deploy it first (sam deploy --guided),",
            "or say where it is: --stack-name, --region, --profile.",
        ],
    )
