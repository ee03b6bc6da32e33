"""Rules about the gateway: what it lets through, and to whom."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from functions.api.routes import ROUTES
from tests.template.looking import every, most
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

API = "AWS::ApiGatewayV2::Api"
STAGE = "AWS::ApiGatewayV2::Stage"
INVOCATION_BYTES_MAX = 6 * 1024 * 1024  # Source: AWS Lambda, quotas
EVENT_BYTES_AROUND_A_BODY = 64 * 1024  # headers, of which the gateway takes 10 KiB, and context
ANYTHING_ELSE = "$default"
LOGGED = {
    "$context.requestId",
    "$context.routeKey",
    "$context.status",
    "$context.responseLatency",
    "$context.identity.sourceIp",
}

_PATHS = ("HttpApi", "Body", "paths")
_AUTHORIZER = (
    "HttpApi", "Body", "components", "securitySchemes", "ApiKey", "x-amazon-apigateway-authorizer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A route as the gateway has it."""

    key: str
    operation: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether no key is asked for."""
        return self.operation.get("security") in (None, [], [{"NONE": []}])


def routes_of(template: Template) -> Iterator[GatewayRoute]:
    for _, api in every(template, API):
        for path, methods in api["Body"]["paths"].items():
            for method, operation in methods.items():
                is_any = method == "x-amazon-apigateway-any-method"
                key = path if is_any else f"{method.upper()} {path}"
                yield GatewayRoute(key, operation)


@rule(
    at(*_PATHS, "/v1/jobs").drop(),
    at(*_PATHS, "/v1/more").put({"get": {"security": [{"ApiKey": []}]}}),
    at(*_PATHS, "/v1/jobs").put({"put": {"security": [{"ApiKey": []}]}}),
    at(*_PATHS, "$default").drop(),
)
def the_gateway_has_exactly_the_routes_of_the_code(template: Template) -> Faults:
    here = {route.key for route in routes_of(template)}
    there = {route.key for route in ROUTES} | {ANYTHING_ELSE}
    for key in here ^ there:
        yield f"{key}: only in {'the template' if key in here else 'functions/api/routes.py'}"


@rule(
    at(*_PATHS, "/v1/jobs", "post", "security").put([{"NONE": []}]),
    at(*_PATHS, "/v1/jobs", "post", "security").drop(),
    at(*_PATHS, "/v1/jobs/{job_id}", "get", "security").put([{"Other": []}]),
    at(*_PATHS, "/v1/health", "get", "security").put([{"ApiKey": []}]),
)
def only_routes_that_need_no_scope_are_open(template: Template) -> Faults:
    expected = {route.key for route in ROUTES if route.scope is None} | {ANYTHING_ELSE}
    for route in routes_of(template):
        if route.is_open != (route.key in expected):
            yield f"{route.key}: {'is open' if route.is_open else 'asks for a key'}"
        if not route.is_open and route.operation["security"] != [{"ApiKey": []}]:
            yield f"{route.key}: asks somebody else"


@rule(
    at(*_AUTHORIZER, "authorizerResultTtlInSeconds").put(300),
    at(*_AUTHORIZER, "identitySource").drop(),
    at(*_AUTHORIZER, "identitySource").add("$request.querystring.key"),
    at(*_AUTHORIZER, "enableSimpleResponses").put(value=False),
    at(*_AUTHORIZER, "authorizerUri", "Fn::Sub", 1, "__FunctionArn__").put(
        {"Fn::GetAtt": ["ApiFunction", "Arn"]}
    ),
)
def a_key_is_looked_up_once_a_minute_by_the_authorizer(template: Template) -> Faults:
    expected = {
        "authorizerResultTtlInSeconds": 60,
        "identitySource": ["$request.header.Authorization"],
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": True,
    }
    for name, api in every(template, API):
        schemes = api["Body"]["components"]["securitySchemes"]
        if schemes.keys() != {"ApiKey"}:
            yield f"{name}: has other authorizers"
        authorizer = schemes["ApiKey"]["x-amazon-apigateway-authorizer"]
        if not expected.items() <= authorizer.items():
            yield f"{name}: its authorizer must have {expected}"
        _, named = authorizer["authorizerUri"]["Fn::Sub"]
        if named != {"__FunctionArn__": {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}}:
            yield f"{name}: asks {named}"


@rule(
    at("HttpApiApiGatewayDefaultStage", "DefaultRouteSettings").drop(),
    at("HttpApiApiGatewayDefaultStage", "DefaultRouteSettings", "ThrottlingRateLimit").drop(),
)
def the_gateway_has_a_limit(template: Template) -> Faults:
    for name, stage in every(template, STAGE):
        if stage.get("DefaultRouteSettings", {}).keys() != {
            "ThrottlingRateLimit",
            "ThrottlingBurstLimit",
        }:
            yield f"{name}: takes any number of requests"


@rule(
    at_root("Parameters", "MaxRequestBytes", "MaxValue").put(6 * 1024 * 1024),
    at_root("Parameters", "MaxRequestBytes", "MaxValue").drop(),
)
def the_largest_body_fits_an_invocation_in_base_64(template: Template) -> Faults:
    body = most(template, {"Ref": "MaxRequestBytes"})
    if body * 4 / 3 + EVENT_BYTES_AROUND_A_BODY > INVOCATION_BYTES_MAX:
        yield f"MaxRequestBytes: may be {body}, and the gateway refuses it without our words"


@rule(
    at("HttpApiApiGatewayDefaultStage", "AccessLogSettings", "Format").put('{"a":"$context.path"}'),
    at("HttpApiApiGatewayDefaultStage", "AccessLogSettings").drop(),
)
def the_access_log_has_nothing_that_a_client_wrote(template: Template) -> Faults:
    for name, stage in every(template, STAGE):
        logged = set(re.findall(r"\$[\w.]+", stage.get("AccessLogSettings", {}).get("Format", "")))
        if not logged:
            yield f"{name}: has no access log"
        if logged - LOGGED:
            yield f"{name}: logs {logged - LOGGED}"


@rule(
    at_root("Parameters", "MistralApiUrl", "AllowedPattern").put("^https?://.*$"),
    at_root("Parameters", "MistralApiUrl", "AllowedPattern").drop(),
    at_root("Parameters", "PublicApiUrl", "AllowedPattern").drop(),
    at_root("Parameters", "MistralApiUrl", "Default").put("http://api.mistral.ai"),
)
def every_address_is_https(template: Template) -> Faults:
    for name in ("MistralApiUrl", "PublicApiUrl"):
        parameter = template["Parameters"][name]
        pattern = re.compile(parameter.get("AllowedPattern", ""))
        for address in ("http://example.com", "http://127.0.0.1", " https://example.com"):
            if pattern.search(address):
                yield f"{name}: takes {address}"
        if not pattern.search(parameter["Default"]):
            yield f"{name}: its default is not allowed"
