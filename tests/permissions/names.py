"""What the template's references come to, once its resources have names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.recording.aws_calls import Place
from tools.template import Json, Template, parameter_values

STACK = "relay"
IN_ARNS = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/{}"),
    "AWS::SQS::Queue": ("sqs", "{}"),
    "AWS::Events::EventBus": ("events", "event-bus/{}"),
    "AWS::Lambda::Function": ("lambda", "function:{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}:*"),
}
"""The service of a resource, and how its ARN ends; only a queue's Ref, an address, has slashes."""
_IN_BRACES = re.compile(r"\$\{([\w:.]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of one deployment's resources.

    ``known`` are what ``Ref`` gives for those resources whose name is not their logical id.
    """

    template: Template
    place: Place
    known: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def text(self, node: Json) -> str:
        """Return the text that a value of the template comes to."""
        match node:
            case str() | int() | float():
                return str(node)
            case {"Ref": str(name)}:
                return self._ref(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": [str(text), variables]}:
                return self._filled(text, variables)
            case {"Fn::Sub": str(text)}:
                return self._filled(text, {})
            case {"Fn::If": [str(condition), yes, no]}:
                return self.text(yes if self._holds(self.template["Conditions"][condition]) else no)
            case _:
                raise LookupError(f"nothing is known about {node}")

    def _filled(self, text: str, variables: Mapping[str, Json]) -> str:
        def value(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if name in variables:
                return self.text(variables[name])
            return self._attribute(name, attribute) if attribute else self._ref(name)

        return _IN_BRACES.sub(value, text)

    def _holds(self, condition: Json) -> bool:
        match condition:
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::Equals": [one, other]}:
                return self.text(one) == self.text(other)
            case _:
                raise LookupError(f"nothing is known about {condition}")

    def _ref(self, name: str) -> str:
        pseudo = {
            "AWS::Region": self.place.region,
            "AWS::AccountId": self.place.account,
            "AWS::Partition": "aws",
            "AWS::StackName": STACK,
            "AWS::URLSuffix": "amazonaws.com",
        }
        values = pseudo | parameter_values(self.template, self.parameters)
        return values[name] if name in values else self.physical(name)

    def physical(self, logical_id: str) -> str:
        """Return what ``Ref`` gives for a resource."""
        if logical_id in self.known:
            return self.known[logical_id]
        match self.template["Resources"][logical_id]["Type"]:
            case "AWS::SQS::Queue":
                host = f"https://sqs.{self.place.region}.amazonaws.com"
                return f"{host}/{self.place.account}/{logical_id}"
            case "AWS::S3::Bucket":
                return logical_id.lower()
            case "AWS::SecretsManager::Secret":
                return self.place.arn("secretsmanager", f"secret:{logical_id}")
            case _:
                return logical_id

    def _attribute(self, logical_id: str, attribute: str) -> str:
        kind = self.template["Resources"][logical_id]["Type"]
        match kind, attribute:
            case "AWS::DynamoDB::Table", "StreamArn":
                return self.arn(logical_id) + "/stream/1"
            case _, "Arn":
                return self.arn(logical_id)
            case _:
                raise LookupError(f"nothing is known about {attribute} of a {kind}")

    def arn(self, logical_id: str) -> str:
        """Return a resource's ARN."""
        name = self.physical(logical_id)
        match self.template["Resources"][logical_id]["Type"]:
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{name}"
            case "AWS::SecretsManager::Secret":
                return name
            case "AWS::Events::Rule":
                return self.place.arn("events", f"rule/{self._bus_of(logical_id)}{name}")
            case kind if kind in IN_ARNS:
                service, form = IN_ARNS[kind]
                return self.place.arn(service, form.format(name.rpartition("/")[2]))
            case kind:
                raise LookupError(f"nothing is known about the ARN of a {kind}")

    def _bus_of(self, rule: str) -> str:
        bus = self.template["Resources"][rule]["Properties"].get("EventBusName")
        return f"{self.text(bus)}/" if bus else ""

    def environment(self, function: str) -> dict[str, str]:
        """Return the variables with which a function runs."""
        properties = self.template["Resources"][function]["Properties"]
        variables: dict[str, Any] = properties["Environment"]["Variables"]
        return {name: self.text(value) for name, value in variables.items()}
