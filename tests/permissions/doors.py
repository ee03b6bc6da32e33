"""What others may do to our queues, our bucket and our functions, by the policies of those.

The local stack enforces none of these. Two things are asked: that whoever must come in does, and
that nobody else can.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.permissions.names import Names
from tests.permissions.policies import Ask, Decision, decision
from tests.template.looking import (
    EVENT_RULE,
    FUNCTION,
    QUEUE,
    QUEUE_POLICY,
    as_list,
    every,
    rule_targets,
    schedules,
    target,
)
from tools.recording.aws_calls import Place
from tools.template import Json, Template

BUCKET = "AWS::S3::Bucket"
BUCKET_POLICY = "AWS::S3::BucketPolicy"
API = "AWS::ApiGatewayV2::Api"
LAMBDA_PERMISSION = "AWS::Lambda::Permission"
GATEWAY, BUS = "apigateway.amazonaws.com", "events.amazonaws.com"
OURS = "a role of this account"
"""IAM alone speaks for it, so that a policy of a resource need not."""
STRANGERS = ("another account", "sns.amazonaws.com", "s3.amazonaws.com", "lambda.amazonaws.com")
INVOKING = "lambda:InvokeFunction"
ACTIONS = {
    QUEUE: ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue"),
    BUCKET: ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"),
    FUNCTION: (INVOKING, "lambda:GetFunction"),
}
OTHER_API = "another0api"
WHAT_A_GATEWAY_NAMES = ("$default/POST/v1/jobs", "authorizers/a1b2c3")
ANOTHER_ACCOUNT = Place("eu-west-1", "210987654321")


def faults_of_doors(template: Template, names: Names) -> Iterator[str]:
    """Yield who is kept out that must come in, and who may come in that must not."""
    expected = {str(ask): ask for ask in _expected(template, names)}
    policies = _policies(template, names)
    for ask in expected.values():
        if decision(policies[ask.resource], ask, names) is not Decision.ALLOWED:
            yield f"kept out: {ask}"
    yield from _faults_of_transport(policies, names)
    welcome = expected.keys() | {str(ask) for ask in _of_our_gateway(template, names)}
    for ask in _thinkable(template, names):
        allowed = decision(policies[ask.resource], ask, names) is Decision.ALLOWED
        if allowed and str(ask) not in welcome:
            yield f"let in: {ask}"


def _faults_of_transport(policies: dict[str, list[Json]], names: Names) -> Iterator[str]:
    """Whoever may do something may do it over TLS only."""
    for resource, statements in policies.items():
        for action in ACTIONS[_kind_of(resource)]:
            with_tls, without = (
                Ask(
                    principal=OURS,
                    action=action,
                    resource=resource,
                    context={"aws:SecureTransport": secure},
                )
                for secure in ("true", "false")
            )
            if decision(statements, with_tls, names) is Decision.DENIED:
                yield f"kept out: {with_tls}"
            is_refused = decision(statements, without, names) is Decision.DENIED
            if not is_refused and _kind_of(resource) != FUNCTION:  # Lambda answers TLS only
                yield f"let in: {without}"


def _kind_of(arn: str) -> str:
    return {"sqs": QUEUE, "s3": BUCKET, "lambda": FUNCTION}[arn.split(":")[2]]


def _policies(template: Template, names: Names) -> dict[str, list[Json]]:
    """Return, by the ARN of each resource that can have a policy, what its policies say."""
    policies: dict[str, list[Json]] = {}
    for kind in (QUEUE, FUNCTION):
        policies |= {names.arn(name): [] for name, _ in every(template, kind)}
    for name, _ in every(template, BUCKET):
        policies |= {names.arn(name): [], f"{names.arn(name)}/a/key": []}
    for _, policy in every(template, QUEUE_POLICY):
        for queue in policy["Queues"]:
            policies[names.arn(target(queue))] += policy["PolicyDocument"]["Statement"]
    for _, policy in every(template, BUCKET_POLICY):
        bucket = names.arn(target(policy["Bucket"]))
        for resource in (bucket, f"{bucket}/a/key"):
            policies[resource] += policy["PolicyDocument"]["Statement"]
    for _, permission in every(template, LAMBDA_PERMISSION):
        function = names.arn(target(permission["FunctionName"]))
        policies[function].append(_statement_of(permission, function))
    return policies


def _statement_of(permission: dict[str, Any], function: str) -> Json:
    """Return the statement that Lambda makes of a permission."""
    source = permission.get("SourceArn")
    condition = {"ArnLike": {"aws:SourceArn": source}} if source else {}
    if account := permission.get("SourceAccount"):
        condition["StringEquals"] = {"aws:SourceAccount": account}
    principal = permission["Principal"]
    return {
        "Effect": "Allow",
        "Principal": {"Service": principal} if principal.endswith(".com") else principal,
        "Action": permission["Action"],
        "Resource": function,
        "Condition": condition,
    }


def _expected(template: Template, names: Names) -> Iterator[Ask]:
    for rule, it in rule_targets(template):
        for arn in (it["Arn"], *as_list(it.get("DeadLetterConfig", {}).get("Arn"))):
            yield _ask(BUS, "sqs:SendMessage", names.text(arn), names.arn(rule))
    for rule, schedule in schedules(template):
        for it in schedule["Targets"]:
            yield _ask(BUS, INVOKING, names.text(it["Arn"]), names.arn(rule))
    for api, properties in every(template, API):
        for source, function in _invoked_by(api, properties["Body"], names):
            yield _ask(GATEWAY, INVOKING, function, source)


def _invoked_by(api: str, body: Json, names: Names) -> Iterator[tuple[str, str]]:
    """Yield each source that the gateway names when it invokes a function, with the function."""
    place, api_id = names.place, names.physical(api)
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            verb = "" if method.startswith("x-") else f"/{method.upper()}"
            source = place.arn("execute-api", f"{api_id}/$default{verb}/{path.lstrip('/')}")
            yield source, _function_in(names.text(uri))
    for scheme in body["components"]["securitySchemes"].values():
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        source = place.arn("execute-api", f"{api_id}/authorizers/a1b2c3")
        yield source, _function_in(names.text(authorizer["authorizerUri"]))


def _of_our_gateway(template: Template, names: Names) -> Iterator[Ask]:
    """Yield what our gateway may do besides: which of its functions it calls is its own affair."""
    for api, properties in every(template, API):
        functions = {function for _, function in _invoked_by(api, properties["Body"], names)}
        for what, function in product(WHAT_A_GATEWAY_NAMES, functions):
            source = names.place.arn("execute-api", f"{names.physical(api)}/{what}")
            yield _ask(GATEWAY, INVOKING, function, source)


def _function_in(uri: str) -> str:
    """Return the ARN of the function that an integration's address names."""
    return uri.partition("/functions/")[2].partition("/invocations")[0]


def _thinkable(template: Template, names: Names) -> Iterator[Ask]:
    """Yield everybody that might want to come in, those that may among them."""
    elsewhere = ANOTHER_ACCOUNT
    sources = [
        *(names.arn(rule) for rule, _ in every(template, EVENT_RULE)),
        *(elsewhere.arn("events", f"rule/{rule}") for rule, _ in every(template, EVENT_RULE)),
        names.place.arn("events", "rule/another"),
        *_of_apis(template, names),
        "",
    ]
    principals = (BUS, GATEWAY, *STRANGERS)
    resources = [
        *(names.arn(name) for kind in (QUEUE, FUNCTION) for name, _ in every(template, kind)),
        *(f"{names.arn(name)}/a/key" for name, _ in every(template, BUCKET)),
        *(names.arn(name) for name, _ in every(template, BUCKET)),
    ]
    for principal, source, resource in product(principals, sources, resources):
        for action in ACTIONS[_kind_of(resource)]:
            yield _ask(principal, action, resource, source)


def _of_apis(template: Template, names: Names) -> Iterator[str]:
    for api, _ in every(template, API):
        for name in (names.physical(api), OTHER_API):
            for what in WHAT_A_GATEWAY_NAMES:
                yield names.place.arn("execute-api", f"{name}/{what}")
                yield ANOTHER_ACCOUNT.arn("execute-api", f"{name}/{what}")


def _ask(principal: str, action: str, resource: str, source: str) -> Ask:
    context = {"aws:SecureTransport": "true"} | ({"aws:SourceArn": source} if source else {})
    return Ask(principal=principal, action=action, resource=resource, context=context)
