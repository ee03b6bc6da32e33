"""The template for the local cloud: each gap of ministack closed, and nothing else changed."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tools.local.adapt_template import (
    LOCAL_STACK_VARIABLE,
    adapted,
    ttl_attributes,
    with_batch_actions,
    with_environment,
    with_numbers,
    with_secret_arns,
    without_tls_rules,
)
from tools.local.http_api import UnsupportedError, with_explicit_routes
from tools.template import Template, read_template, resources_of, translated, with_code_at

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
FRONT = "http://127.0.0.1:8720"
MISTRAL = "http://127.0.0.1:8721"


@pytest.fixture(scope="module")
def original() -> Template:
    """Our own template, as CloudFormation would see it."""
    located = with_code_at(read_template(TEMPLATE), lambda name: f"s3://somewhere/{name}")
    return translated(located, "eu-west-1")


@pytest.fixture(scope="module")
def local(original: Template) -> Template:
    environment = {"PUBLIC_API_URL": FRONT, "MISTRAL_API_URL": MISTRAL}
    return adapted(original, parameters={}, environment=environment)


def variables_of(template: Template, function: str) -> dict[str, Any]:
    variables: dict[str, Any] = template["Resources"][function]["Properties"]["Environment"][
        "Variables"
    ]
    return variables


def an_api(operation: dict[str, Any], path: str = "/v1/jobs", method: str = "post") -> Template:
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": {"Fn::Sub": "…${ApiFunction.Arn}/invocations"},
        "payloadFormatVersion": "2.0",
    }
    operation = {"x-amazon-apigateway-integration": integration} | operation
    body = {
        "info": {"title": "api"},
        "paths": {path: {method: operation}},
        "components": {"securitySchemes": {}},
    }
    return {"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}}}


def test_adapting_leaves_the_original_as_it_was(original: Template) -> None:
    before = deepcopy(original)

    adapted(original, parameters={}, environment={})

    assert original == before


def test_our_api_has_every_route_and_no_body(local: Template) -> None:
    routes = {
        route["Properties"]["RouteKey"]: route["Properties"]["AuthorizationType"]
        for _, route in resources_of(local, "AWS::ApiGatewayV2::Route")
    }

    assert "Body" not in local["Resources"]["HttpApi"]["Properties"]
    assert routes["POST /v1/jobs"] == "CUSTOM"
    assert routes["GET /v1/jobs/{job_id}"] == "CUSTOM"
    assert routes["GET /v1/health"] == "NONE"
    assert routes["$default"] == "NONE"


def test_our_authorizer_keeps_how_long_it_is_believed(local: Template) -> None:
    ((_, authorizer),) = resources_of(local, "AWS::ApiGatewayV2::Authorizer")

    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 60
    assert authorizer["Properties"]["EnableSimpleResponses"] is True


def test_a_route_without_security_takes_anyone() -> None:
    template = with_explicit_routes(an_api({}))

    ((_, route),) = resources_of(template, "AWS::ApiGatewayV2::Route")
    assert route["Properties"]["AuthorizationType"] == "NONE"


def test_a_route_for_any_method_says_so() -> None:
    template = with_explicit_routes(an_api({}, "/x", "x-amazon-apigateway-any-method"))

    ((_, route),) = resources_of(template, "AWS::ApiGatewayV2::Route")
    assert route["Properties"]["RouteKey"] == "ANY /x"


def test_a_route_points_at_its_own_integration() -> None:
    template = with_explicit_routes(an_api({}))

    ((integration_id, _),) = resources_of(template, "AWS::ApiGatewayV2::Integration")
    ((_, route),) = resources_of(template, "AWS::ApiGatewayV2::Route")
    assert route["Properties"]["Target"] == {"Fn::Sub": f"integrations/${{{integration_id}}}"}


def test_an_api_that_was_never_tried_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        with_explicit_routes(an_api({"security": [{"One": []}, {"Two": []}]}))


def test_our_event_source_mappings_hold_numbers(local: Template) -> None:
    mappings = dict(resources_of(local, "AWS::Lambda::EventSourceMapping"))

    assert all(isinstance(it["Properties"]["BatchSize"], int) for it in mappings.values())
    assert mappings["WorkerFunctionJobs"]["Properties"]["ScalingConfig"] == {
        "MaximumConcurrency": 20
    }


def test_a_number_given_as_a_parameter_beats_its_default(original: Template) -> None:
    template = adapted(original, parameters={"WorkerBatchSize": "3"}, environment={})

    mapping = template["Resources"]["WorkerFunctionJobs"]
    assert mapping["Properties"]["BatchSize"] == 3


def test_numbers_in_a_functions_environment_stay_references() -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Environment": {"Variables": {"RETENTION_DAYS": {"Ref": "Days"}}}},
    }
    template = {
        "Parameters": {"Days": {"Type": "Number", "Default": 30}},
        "Resources": {"Function": function},
    }

    assert with_numbers(template, {"Days": "30"}) == template


def test_a_secret_is_named_by_its_arn() -> None:
    template = {
        "Resources": {
            "Key": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
            "Keyring": {"Type": "AWS::SQS::Queue", "Properties": {"Name": {"Ref": "Keyring"}}},
            "Policy": {
                "Type": "AWS::IAM::Policy",
                "Properties": {
                    "Plain": {"Ref": "Key"},
                    "InText": {"Fn::Sub": "${Key} and ${Keyring}"},
                },
            },
        }
    }

    resources = with_secret_arns(template)["Resources"]

    assert resources["Policy"]["Properties"] == {
        "Plain": {"Fn::GetAtt": ["Key", "Id"]},
        "InText": {"Fn::Sub": "${Key.Id} and ${Keyring}"},
    }
    assert resources["Keyring"]["Properties"] == {"Name": {"Ref": "Keyring"}}


def test_only_the_rules_about_tls_go() -> None:
    about_tls = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    other = {"Effect": "Allow", "Action": "sqs:SendMessage"}
    template = {
        "Resources": {
            "Only": a_queue_policy([about_tls]),
            "Mixed": a_queue_policy([about_tls, other]),
        }
    }

    resources = without_tls_rules(template)["Resources"]

    assert resources == {"Mixed": a_queue_policy([other])}


def a_queue_policy(statement: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": statement}},
    }


@pytest.mark.parametrize("allowed", ["sqs:SendMessage", ["sqs:SendMessage", "s3:GetObject"]])
def test_who_may_send_one_message_may_send_ten(allowed: str | list[str]) -> None:
    rule = {"Effect": "Allow", "Action": allowed, "Resource": "*"}

    (adapted_rule,) = with_batch_actions({"Resources": [rule]})["Resources"]

    assert {"sqs:SendMessage", "sqs:SendMessageBatch"} <= set(adapted_rule["Action"])


def test_nobody_else_is_allowed_more() -> None:
    rules = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"},
    ]

    assert with_batch_actions({"Resources": rules})["Resources"] == rules


def test_our_functions_find_their_neighbours(local: Template) -> None:
    assert variables_of(local, "WorkerFunction")["MISTRAL_API_URL"] == MISTRAL
    assert variables_of(local, "ApiFunction")["PUBLIC_API_URL"] == FRONT
    assert variables_of(local, "DelivererFunction")["PUBLIC_API_URL"] == FRONT


def test_only_declared_variables_are_replaced() -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {}}

    template = with_environment({"Resources": {"Function": function}}, {"MISTRAL_API_URL": MISTRAL})

    assert variables_of(template, "Function") == {LOCAL_STACK_VARIABLE: "true"}


def test_every_function_knows_that_it_runs_here(local: Template) -> None:
    for name, _ in resources_of(local, "AWS::Lambda::Function"):
        assert variables_of(local, name)[LOCAL_STACK_VARIABLE] == "true"


def test_the_template_for_aws_does_not_know_the_local_stack() -> None:
    assert LOCAL_STACK_VARIABLE not in TEMPLATE.read_text("utf-8")


def test_our_table_ages_its_rows(local: Template) -> None:
    assert ttl_attributes(local) == {"Table": "ttl"}
