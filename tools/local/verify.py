"""After a deployment: is everything the template asks for really there?

ministack leaves out what it does not know and reports success all the same. Each fault found here
would otherwise show as a job that waits for ever.
"""

from collections.abc import Iterator
from typing import Any

from tools.local.adapt_template import ttl_attributes
from tools.local.aws import client
from tools.local.deploy import Deployment
from tools.template import Json, Resource, resources_of


class VerifyError(Exception):
    """The local cloud lacks something that the template asks for."""


def verify(deployment: Deployment, endpoint: str) -> None:
    """Compare the deployed template with what the local cloud has.

    Raises:
        VerifyError: something is missing or different; the message lists everything found.
    """
    faults = [
        *_faults_of_routes(deployment, client("apigatewayv2", endpoint)),
        *_faults_of_mappings(deployment, client("lambda", endpoint)),
        *_faults_of_functions(deployment, client("lambda", endpoint)),
        *_faults_of_rules(deployment, client("events", endpoint)),
        *_faults_of_schedules(deployment, client("scheduler", endpoint)),
        *_faults_of_tables(deployment, client("dynamodb", endpoint)),
        *_faults_of_queues(deployment, client("sqs", endpoint)),
    ]
    if faults:
        raise VerifyError("the local cloud is not what the template says:\n" + "\n".join(faults))


def _faults_of_routes(deployment: Deployment, apis: Any) -> Iterator[str]:
    authorizers = dict(resources_of(deployment.template, "AWS::ApiGatewayV2::Authorizer"))
    for api_id, _ in resources_of(deployment.template, "AWS::ApiGatewayV2::Api"):
        physical_id = deployment.id_of(api_id)
        found = {
            (route["RouteKey"], route["AuthorizationType"], route.get("AuthorizerId", ""))
            for route in apis.get_routes(ApiId=physical_id)["Items"]
        }
        wanted = {
            _route_as_wanted(deployment, route["Properties"])
            for _, route in resources_of(deployment.template, "AWS::ApiGatewayV2::Route")
            if route["Properties"]["ApiId"] == {"Ref": api_id}
        }
        if not wanted:
            yield f"{api_id}: the adapted template has no routes"
        for route in wanted ^ found:
            yield f"{api_id}: route {route} is {'missing' if route in wanted else 'unexpected'}"
        there = {item["AuthorizerId"] for item in apis.get_authorizers(ApiId=physical_id)["Items"]}
        for name, authorizer in authorizers.items():
            of_this_api = authorizer["Properties"]["ApiId"] == {"Ref": api_id}
            if of_this_api and deployment.id_of(name) not in there:
                yield f"{api_id}: no authorizer {name}"


def _route_as_wanted(deployment: Deployment, route: Json) -> tuple[str, str, str]:
    authorizer = route.get("AuthorizerId", {}).get("Ref")
    return (
        route["RouteKey"],
        route["AuthorizationType"],
        deployment.id_of(authorizer) if authorizer else "",
    )


def _faults_of_mappings(deployment: Deployment, functions: Any) -> Iterator[str]:
    for name, mapping in resources_of(deployment.template, "AWS::Lambda::EventSourceMapping"):
        wanted = mapping["Properties"]
        found = functions.get_event_source_mapping(UUID=deployment.id_of(name))
        if found["State"] != "Enabled":
            yield f"{name}: {found['State']}"
        if found["BatchSize"] != wanted["BatchSize"]:
            yield f"{name}: batches of {found['BatchSize']!r}, not {wanted['BatchSize']!r}"
        if found.get("ScalingConfig") != wanted.get("ScalingConfig"):
            yield f"{name}: scaling {found.get('ScalingConfig')}, not {wanted['ScalingConfig']}"
        if found.get("FilterCriteria") != wanted.get("FilterCriteria"):
            yield f"{name}: other filters than the template's"
        if _physical_name(deployment, wanted["EventSourceArn"]) not in found["EventSourceArn"]:
            yield f"{name}: listens to {found['EventSourceArn']}"
        if _physical_name(deployment, wanted["FunctionName"]) not in found["FunctionArn"]:
            yield f"{name}: wakes {found['FunctionArn']}"


def _faults_of_functions(deployment: Deployment, functions: Any) -> Iterator[str]:
    for name, function in resources_of(deployment.template, "AWS::Lambda::Function"):
        found = functions.get_function_configuration(FunctionName=deployment.id_of(name))
        wanted = function["Properties"]
        variables = found.get("Environment", {}).get("Variables", {})
        for variable in wanted["Environment"]["Variables"]:
            value = variables.get(variable)
            if not isinstance(value, str) or "${" in value:
                yield f"{name}: the environment's {variable} is {value!r}"
            elif variable.endswith("_ARN") and not value.startswith("arn:"):
                yield f"{name}: {variable} is not an ARN but {value!r}"
        if len(found.get("Layers", [])) != len(wanted.get("Layers", [])):
            yield f"{name}: {len(found.get('Layers', []))} layers"


def _faults_of_rules(deployment: Deployment, events: Any) -> Iterator[str]:
    for name, rule in resources_of(deployment.template, "AWS::Events::Rule"):
        wanted = rule["Properties"]
        where = (
            {"EventBusName": deployment.id_of(wanted["EventBusName"]["Ref"])}
            if ("EventBusName" in wanted)
            else {}
        )
        rule_name = deployment.id_of(name).rpartition("|")[2]
        there = events.describe_rule(Name=rule_name, **where)
        if there["State"] != "ENABLED":
            yield f"{name}: not enabled"
        if there.get("ScheduleExpression") != wanted.get("ScheduleExpression"):
            yield f"{name}: woken by {there.get('ScheduleExpression')}"
        found = events.list_targets_by_rule(Rule=rule_name, **where)["Targets"]
        arns = {target["Id"]: target["Arn"] for target in found}
        for target in wanted["Targets"]:
            arn = arns.get(target["Id"], "nothing")
            if _physical_name(deployment, target["Arn"]) not in arn:
                yield f"{name}: target {target['Id']} is {arn}"


def _faults_of_schedules(deployment: Deployment, schedules: Any) -> Iterator[str]:
    for name, schedule in resources_of(deployment.template, "AWS::Scheduler::Schedule"):
        found = schedules.get_schedule(Name=deployment.id_of(name))
        if found["State"] != "ENABLED":
            yield f"{name}: not enabled"
        target = schedule["Properties"]["Target"]["Arn"]
        if _physical_name(deployment, target) not in found["Target"]["Arn"]:
            yield f"{name}: wakes {found['Target']['Arn']}"


def _faults_of_tables(deployment: Deployment, dynamodb: Any) -> Iterator[str]:
    for name, attribute in ttl_attributes(deployment.template).items():
        found = dynamodb.describe_time_to_live(TableName=deployment.id_of(name))
        ttl = found["TimeToLiveDescription"]
        if (ttl["TimeToLiveStatus"], ttl.get("AttributeName")) != ("ENABLED", attribute):
            yield f"{name}: rows do not age by {attribute}"


def _faults_of_queues(deployment: Deployment, sqs: Any) -> Iterator[str]:
    for name, queue in resources_of(deployment.template, "AWS::SQS::Queue"):
        url = deployment.queue_url(name)
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = queue["Properties"].get("RedrivePolicy")
        if redrive and _dead_letter_name(deployment, redrive) not in found.get("RedrivePolicy", ""):
            yield f"{name}: messages given up go to {found.get('RedrivePolicy')}"
        timeout = queue["Properties"].get("VisibilityTimeout")
        if timeout and found["VisibilityTimeout"] != str(timeout):
            yield f"{name}: visibility timeout {found['VisibilityTimeout']}"


def _dead_letter_name(deployment: Deployment, redrive: Resource) -> str:
    return _physical_name(deployment, redrive["deadLetterTargetArn"])


def _physical_name(deployment: Deployment, reference: Json) -> str:
    """Return the name that the ARN behind a ``Ref`` or ``GetAtt`` must hold."""
    match reference:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            return deployment.id_of(logical_id).rpartition("/")[2]
        case _:
            pass
    raise VerifyError(f"cannot tell which resource is meant by {reference}")
