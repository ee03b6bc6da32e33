"""HTTP APIs with their routes spelled out.

SAM describes the routes, authorizers and integrations of an HTTP API in an OpenAPI ``Body``, which
ministack ignores: every call would be answered 404. CloudFormation has a resource for each of them
too, and those it takes.
"""

from collections.abc import Iterator
from typing import Any

from tools.template import Json, Resource, Template, resources_of

ANY_METHOD = "x-amazon-apigateway-any-method"
DEFAULT_PATH = "$default"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", ANY_METHOD})
NO_AUTHORIZER = "NONE"


class UnsupportedError(Exception):
    """The template has something that was never tried with the local cloud."""


def with_explicit_routes(template: Template) -> Template:
    """Return the template with resources of their own in place of each HTTP API's ``Body``."""
    resources = dict(template["Resources"])
    for api_id, api in resources_of(template, "AWS::ApiGatewayV2::Api"):
        body = api["Properties"].get("Body")
        if body is None:
            continue
        resources[api_id] = api | {"Properties": _properties_without_body(api["Properties"])}
        resources |= _authorizers(api_id, body) | _routes(api_id, body)
    return template | {"Resources": resources}


def route_keys(body: Json) -> list[str]:
    """Return the keys of a body's routes, such as ``GET /v1/health``, sorted."""
    return sorted(key for key, _ in _operations(body))


def _properties_without_body(properties: dict[str, Any]) -> dict[str, Any]:
    body = properties["Body"]
    kept = {name: value for name, value in properties.items() if name != "Body"}
    explicit = {"Name": body["info"]["title"], "ProtocolType": "HTTP"}
    if "x-amazon-apigateway-cors" in body:
        raise UnsupportedError("CORS of an HTTP API has not been tried with the local cloud")
    return explicit | kept


def _authorizers(api_id: str, body: Json) -> dict[str, Resource]:
    schemes = body.get("components", {}).get("securitySchemes", {})
    return {
        _authorizer_id(api_id, name): {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": _authorizer_properties(api_id, name, scheme),
        }
        for name, scheme in schemes.items()
    }


def _authorizer_properties(api_id: str, name: str, scheme: Json) -> dict[str, Any]:
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    if authorizer["type"] != "request":
        raise UnsupportedError(f"authorizer {name}: type {authorizer['type']} has not been tried")
    return {
        "ApiId": {"Ref": api_id},
        "Name": name,
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": authorizer["authorizerUri"],
        "AuthorizerPayloadFormatVersion": authorizer["authorizerPayloadFormatVersion"],
        "AuthorizerResultTtlInSeconds": authorizer["authorizerResultTtlInSeconds"],
        "EnableSimpleResponses": authorizer["enableSimpleResponses"],
        "IdentitySource": authorizer["identitySource"],
    }


def _routes(api_id: str, body: Json) -> dict[str, Resource]:
    """Return one route and one integration for each operation."""
    resources: dict[str, Resource] = {}
    for number, (key, operation) in enumerate(sorted(_operations(body), key=lambda it: it[0])):
        route_id = f"{api_id}Route{number}"
        integration_id = f"{api_id}Integration{number}"
        integration = operation["x-amazon-apigateway-integration"]
        resources[integration_id] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api_id},
                "IntegrationType": integration["type"].upper(),
                "IntegrationMethod": integration["httpMethod"],
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        }
        resources[route_id] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api_id},
                "RouteKey": key,
                "Target": {"Fn::Sub": f"integrations/${{{integration_id}}}"},
                **_authorization(api_id, operation),
            },
        }
    return resources


def _authorization(api_id: str, operation: Json) -> dict[str, Any]:
    names = [name for rule in operation.get("security", []) for name in rule]
    if not names or names == [NO_AUTHORIZER]:
        return {"AuthorizationType": "NONE"}
    if len(names) > 1:
        raise UnsupportedError(f"several authorizers on one route: {names}")
    return {
        "AuthorizationType": "CUSTOM",
        "AuthorizerId": {"Ref": _authorizer_id(api_id, names[0])},
    }


def _operations(body: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            if method not in METHODS:
                continue
            verb = "ANY" if method == ANY_METHOD else method.upper()
            yield (path if path == DEFAULT_PATH else f"{verb} {path}"), operation


def _authorizer_id(api_id: str, name: str) -> str:
    return f"{api_id}{name}Authorizer"
