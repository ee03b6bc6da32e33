"""Rules about functions, their logs, and what they may do."""

from collections import Counter

from tests.template.looking import (
    FUNCTION,
    QUEUE,
    ROLE,
    every,
    functions_that_may,
    mappings_from,
    permissions_of,
    properties_of,
    statements_of,
    target,
)
from tests.template.rules import Faults, at, rule
from tools.template import Json, Template

LOG_GROUP = "AWS::Logs::LogGroup"
TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")


@rule(
    at("ApiFunction", "Runtime").put("python3.12"),
    at("WorkerFunction", "Architectures").drop(),
    at("DelivererFunction", "TracingConfig").drop(),
)
def every_function_runs_on_python_3_13_and_arm64(template: Template) -> Faults:
    expected = {
        "Runtime": "python3.13",
        "Architectures": ["arm64"],
        "TracingConfig": {"Mode": "Active"},
    }
    for name, function in every(template, FUNCTION):
        if not expected.items() <= function.items():
            yield f"{name}: must have {expected}"


@rule(
    at("ApiFunction", "LoggingConfig").drop(),
    at("ApiFunction", "LoggingConfig", "LogGroup").put({"Ref": "WorkerLogGroup"}),
    at("ApiLogGroup", "RetentionInDays").drop(),
    at("ApiAccessLogGroup", "RetentionInDays").drop(),
)
def every_function_has_a_log_group_of_its_own_that_forgets(template: Template) -> Faults:
    groups = Counter(_log_group_of(template, name) for name, _ in every(template, FUNCTION))
    for name, _ in every(template, FUNCTION):
        group = _log_group_of(template, name)
        if group not in dict(every(template, LOG_GROUP)):
            yield f"{name}: has no log group"
        if groups[group] > 1:
            yield f"{name}: shares {group}"
    for name, properties in every(template, LOG_GROUP):
        if "RetentionInDays" not in properties:
            yield f"{name}: never forgets"


def _log_group_of(template: Template, function: str) -> str:
    return target(properties_of(template, function).get("LoggingConfig", {}).get("LogGroup"))


@rule(
    at("ApiFunction", "Role").put({"Fn::GetAtt": ["WorkerRole", "Arn"]}),
    at("WorkerFunction", "Role").put("arn:aws:iam::123456789012:role/admin"),
    at("WorkerRole", "ManagedPolicyArns").put(["arn:aws:iam::aws:policy/AdministratorAccess"]),
    at("WorkerRole", "AssumeRolePolicyDocument", "Statement", 0, "Principal").put({"AWS": "*"}),
)
def every_function_has_a_role_of_its_own_written_out_here(template: Template) -> Faults:
    roles = Counter(target(function["Role"]) for _, function in every(template, FUNCTION))
    for name, function in every(template, FUNCTION):
        role = target(function["Role"])
        if roles[role] > 1 or role not in dict(every(template, ROLE)):
            yield f"{name}: has no role of its own"
    for name, properties in every(template, ROLE):
        if properties.keys() - {"AssumeRolePolicyDocument", "Policies"}:
            yield f"{name}: has permissions that are not written here"
        for statement in statements_of(properties["AssumeRolePolicyDocument"]):
            if statement.raw["Principal"] != {"Service": "lambda.amazonaws.com"}:
                yield f"{name}: others than Lambda may take it"


def _statement(role: str, last: int) -> tuple[str, str, int, str, str, int]:
    return (role, "Policies", 0, "PolicyDocument", "Statement", last)


@rule(
    at(*_statement("ApiRole", 0), "Action").add("dynamodb:*"),
    at(*_statement("ApiRole", 0), "Action").put("*"),
    at(*_statement("ApiRole", 0), "Resource").put("*"),
    at(*_statement("ApiRole", 1), "Resource").put("arn:aws:s3:::*"),
    at(*_statement("ApiRole", 1), "Resource").put({"Fn::Sub": "${Bucket}*"}),
    at(*_statement("ApiRole", -1), "Action").add("xray:GetTraceSummaries"),
    at(*_statement("ApiRole", 0), "NotResource").put("*"),
)
def no_permission_is_wider_than_what_it_names(template: Template) -> Faults:
    for name, _ in every(template, FUNCTION):
        for statement in permissions_of(template, name):
            if statement.raw.keys() - {"Effect", "Action", "Resource"}:
                yield f"{name}: {statement.raw} is not plain"
            if any("*" in action for action in statement.actions):
                yield f"{name}: may {statement.actions}"
            # X-Ray knows no resources: AWS's own reference of actions has "*" for these two.
            if statement.actions == TRACING and statement.resources == ("*",):
                continue
            for resource in statement.resources:
                if not _names_one(template, resource):
                    yield f"{name}: may {statement.actions} on {resource}"


def _names_one(template: Template, resource: Json) -> bool:
    """Tell whether this is a resource of ours, or all that lies below one."""
    if target(resource) not in template["Resources"]:
        return False
    text = resource.get("Fn::Sub", "")
    return "*" not in text or text in {"${Bucket.Arn}/*", "${Table.Arn}/stream/*"}


@rule(
    at(*_statement("ApiRole", 3), "Resource").put(
        [{"Ref": "WebhookMasterSecret"}, {"Ref": "MistralApiKey"}]
    ),
    at(*_statement("WorkerRole", 3)).drop(),
    at("ApiFunction", "Environment", "Variables", "KEY").put({"Ref": "MistralApiKey"}),
)
def only_the_worker_may_read_the_mistral_key(template: Template) -> Faults:
    yield from _known_to_others(template, "MistralApiKey", {"WorkerFunction"})


@rule(
    at(*_statement("WorkerRole", 3), "Resource").put(
        [{"Ref": "WebhookMasterSecret"}, {"Ref": "MistralApiKey"}]
    ),
    at(*_statement("DelivererRole", 3)).drop(),
    at("SweeperFunction", "Environment", "Variables", "KEY").put({"Ref": "WebhookMasterSecret"}),
)
def only_those_who_sign_may_read_the_webhook_secret(template: Template) -> Faults:
    signing = {"ApiFunction", "DelivererFunction", "IntakeFunction"}
    yield from _known_to_others(template, "WebhookMasterSecret", signing)


def _known_to_others(template: Template, secret: str, expected: set[str]) -> Faults:
    told = {
        name
        for name, function in every(template, FUNCTION)
        if secret in map(target, function["Environment"]["Variables"].values())
    }
    may = functions_that_may(template, "secretsmanager:GetSecretValue", secret)
    if told != expected:
        yield f"{secret}: told to {told}"
    if may != expected:
        yield f"{secret}: may be read by {may}"


@rule(
    at(*_statement("WorkerRole", 2), "Action").add("sqs:SendMessage"),
    at(*_statement("FanoutRole", 2), "Resource").put({"Fn::GetAtt": ["EventsQueue", "Arn"]}),
)
def nobody_sends_to_the_queue_that_it_reads(template: Template) -> Faults:
    """AWS stops such a loop after 16 turns, and takes the messages with it."""
    for it in mappings_from(template, QUEUE):
        if it.function in functions_that_may(template, "sqs:SendMessage", it.source):
            yield f"{it.function}: may send to {it.source}"
