"""Templates as data: read, translated as CloudFormation would, looked through, rewritten."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

type Json = Any
type Template = dict[str, Any]
type Resource = dict[str, Any]

CODE_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


def read_template(file: Path) -> Template:
    """Return the template in a file, with short tags such as ``!Ref`` spelled out."""
    template: Template = yaml_parse(file.read_text("utf-8"))
    return template


def translated(template: Template, region: str) -> Template:
    """Return the template as CloudFormation sees it, after the SAM transform.

    Code must lie in S3 already, or be said to: see :func:`with_code_at`.
    """
    session = boto3.Session(region_name=region)
    result: Template = Translator({}, Parser(), boto_session=session).translate(template, {})
    return result


def as_cloudformation_sees(file: Path, region: str) -> Template:
    """Return the template in a file after the SAM transform, as if its code lay in S3."""
    source = with_code_at(read_template(file), lambda logical_id: f"s3://code/{logical_id}")
    # By way of JSON, which is how CloudFormation gets it: SAM leaves dicts of its own kind behind.
    sent: Template = json.loads(json.dumps(translated(source, region)))
    return sent


def with_code_at(template: Template, address: Callable[[str], str]) -> Template:
    """Return the template with each function's and layer's code at ``address(logical id)``."""
    resources = dict(template["Resources"])
    for type_name, code in CODE_PROPERTIES.items():
        for logical_id, resource in resources_of(template, type_name):
            properties = resource["Properties"] | {code: address(logical_id)}
            resources[logical_id] = resource | {"Properties": properties}
    return template | {"Resources": resources}


def resources_of(template: Template, type_name: str) -> Iterator[tuple[str, Resource]]:
    """Yield the logical ids and resources of one CloudFormation type."""
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == type_name:
            yield logical_id, resource


def parameter_values(template: Template, overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each parameter: the one given, else its default."""
    return {
        name: overrides.get(name, str(parameter.get("Default", "")))
        for name, parameter in template.get("Parameters", {}).items()
    }


def rewritten(node: Json, change: Callable[[dict[str, Json]], Json]) -> Json:
    """Return a copy in which *change* has replaced every object, from the leaves up."""
    if isinstance(node, dict):
        return change({key: rewritten(value, change) for key, value in node.items()})
    if isinstance(node, list):
        return [rewritten(value, change) for value in node]
    return node
