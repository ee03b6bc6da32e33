"""The translated template, changed so that the local cloud does with it what AWS would do.

A pure function from template to template. Each change closes one gap of ministack 1.5.33 that it
does not report; ``verify.py`` checks after the deployment that they are closed.
"""

import re
from collections.abc import Mapping
from typing import Any

from tools.local.http_api import with_explicit_routes
from tools.template import Json, Resource, Template, parameter_values, resources_of, rewritten

LOCAL_STACK_VARIABLE = "RELAY_LOCAL_STACK"
"""Allows webhooks to this machine. Only ever set here: the template for AWS does not know it."""

POLICIES_OF_RESOURCES = frozenset({"AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"})
TLS_CONDITION = "aws:SecureTransport"
BATCHED_ACTIONS = frozenset({"sqs:ChangeMessageVisibility", "sqs:SendMessage"})


def adapted(
    template: Template,
    *,
    parameters: Mapping[str, str],
    environment: Mapping[str, str],
) -> Template:
    """Return the template for the local cloud.

    *parameters* are the values that differ from the template's defaults. *environment* replaces
    variables of those functions that have them already.
    """
    values = parameter_values(template, parameters)
    for change in (with_explicit_routes, with_secret_arns, without_tls_rules, with_batch_actions):
        template = change(template)
    template = with_numbers(template, values)
    return with_environment(template, environment)


def ttl_attributes(template: Template) -> dict[str, str]:
    """Return, per table, the attribute that ages its rows.

    ministack ignores the property, so it takes a call after the deployment.
    """
    return {
        logical_id: table["Properties"]["TimeToLiveSpecification"]["AttributeName"]
        for logical_id, table in resources_of(template, "AWS::DynamoDB::Table")
        if table["Properties"].get("TimeToLiveSpecification", {}).get("Enabled")
    }


def with_secret_arns(template: Template) -> Template:
    """Ask for a secret's ARN wherever the template names it.

    ministack's ``Ref`` gives the name, which no policy would match.
    """
    secrets = {name for name, _ in resources_of(template, "AWS::SecretsManager::Secret")}
    in_text = re.compile(r"\$\{(" + "|".join(map(re.escape, secrets)) + r")\}") if secrets else None

    def change(node: dict[str, Json]) -> Json:
        match node:
            case {"Ref": str(name)} if name in secrets:
                return {"Fn::GetAtt": [name, "Id"]}
            case {"Fn::Sub": str(text)} if in_text:
                return {"Fn::Sub": in_text.sub(r"${\1.Id}", text)}
            case {"Fn::Sub": [str(text), variables]} if in_text:
                return {"Fn::Sub": [in_text.sub(r"${\1.Id}", text), variables]}
        return node

    return template | {
        section: rewritten(template[section], change)
        for section in ("Resources", "Outputs")
        if section in template
    }


def without_tls_rules(template: Template) -> Template:
    """Drop the rules that refuse whatever comes without TLS: on loopback, everything does."""
    resources: dict[str, Resource] = {}
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] not in POLICIES_OF_RESOURCES:
            resources[logical_id] = resource
            continue
        properties = resource["Properties"]
        document = properties["PolicyDocument"]
        kept = [rule for rule in document["Statement"] if not _is_about_tls(rule)]
        if kept:
            policy = properties | {"PolicyDocument": document | {"Statement": kept}}
            resources[logical_id] = resource | {"Properties": policy}
    return template | {"Resources": resources}


def _is_about_tls(rule: Json) -> bool:
    return any(TLS_CONDITION in test for test in rule.get("Condition", {}).values())


def with_batch_actions(template: Template) -> Template:
    """Allow SQS's batch calls by names of their own.

    AWS checks a batch call by its single call's permission; ministack knows the two as two.
    """

    def change(node: dict[str, Json]) -> Json:
        if node.get("Effect") != "Allow" or "Action" not in node:
            return node
        actions = [node["Action"]] if isinstance(node["Action"], str) else node["Action"]
        batched = [f"{name}Batch" for name in actions if name in BATCHED_ACTIONS]
        return node | {"Action": [*actions, *batched]} if batched else node

    return template | {"Resources": rewritten(template["Resources"], change)}


def with_numbers(template: Template, values: Mapping[str, str]) -> Template:
    """Put the values of Number parameters in, as numbers.

    ministack leaves them strings, and one such event source mapping stops all the others. A
    function's environment is spared: there a string is right.
    """
    numbers = {
        name: float(values[name]) if "." in values[name] else int(values[name])
        for name, parameter in template.get("Parameters", {}).items()
        if parameter["Type"] == "Number"
    }

    def change(node: dict[str, Json]) -> Json:
        match node:
            case {"Ref": str(name)} if name in numbers:
                return numbers[name]
        return node

    resources = {
        logical_id: resource
        if resource["Type"] == "AWS::Lambda::Function"
        else rewritten(resource, change)
        for logical_id, resource in template["Resources"].items()
    }
    return template | {"Resources": resources}


def with_environment(template: Template, replacements: Mapping[str, str]) -> Template:
    """Tell every function that it runs here, and where its neighbours are."""
    functions = {
        logical_id: _with_variables(function, replacements)
        for logical_id, function in resources_of(template, "AWS::Lambda::Function")
    }
    return template | {"Resources": template["Resources"] | functions}


def _with_variables(function: Resource, replacements: Mapping[str, str]) -> Resource:
    properties = function["Properties"]
    declared: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
    variables = (
        declared
        | {name: value for name, value in replacements.items() if name in declared}
        | {LOCAL_STACK_VARIABLE: "true"}
    )
    return function | {"Properties": properties | {"Environment": {"Variables": variables}}}
