"""Rules about the dashboard: all that it shows exists, and all that is watched is shown."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from functions.api.routes import ROUTES
from relay.domain.delivery import DeliveryStatus
from relay.domain.job import JobStatus
from relay.telemetry import FIELDS, OLDEST_DUE
from tests.template.looking import every, properties_of
from tests.template.rules import Breakage, Faults, at, rule
from tools.template import Json, Template

FUNCTIONS = Path(__file__).parents[2] / "functions"
OURS = "MistralRelay/<AWS::StackName>"
# Source: the pages of each service on the metrics that it writes, read 2026-11-25.
METRICS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/Lambda": {"Duration", "ConcurrentExecutions", "Errors", "Throttles", "IteratorAge"},
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency"},  # as an HTTP API calls them
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
    OURS: {OLDEST_DUE},
}
DIMENSIONS = {
    "AWS/SQS": ("QueueName", "AWS::SQS::Queue", ".QueueName"),
    "AWS/Lambda": ("FunctionName", "AWS::Lambda::Function", ""),
    "AWS/ApiGateway": ("ApiId", "AWS::ApiGatewayV2::Api", ""),
    "AWS/DynamoDB": ("TableName", "AWS::DynamoDB::Table", ""),
}
MUST_BE_SHOWN = (
    "Jobs accepted", "Jobs ended", "Webhooks attempted", "Alarms",
    "ApproximateAgeOfOldestMessage JobsQueue", "ApproximateNumberOfMessagesVisible JobsQueue",
    "ApproximateNumberOfMessagesVisible SubmissionsQueue",
    "Duration WorkerFunction", "Errors WorkerFunction", "Throttles WorkerFunction",
    "4xx HttpApi", "5xx HttpApi", "Latency HttpApi",
    "ReadThrottleEvents Table", "WriteThrottleEvents Table", f"{OLDEST_DUE} ",
)  # fmt: skip
RESULTS_OF_DELIVERIES = {status.value for status in DeliveryStatus} | {"retried"}
_PLACEHOLDER = re.compile(r"\$\{([\w:.]+)\}")
_LITERAL = re.compile(r"'([^']*)'")
_FUNCTIONS_OF_QUERIES = {"ispresent", "count_distinct", "sum", "strcontains", "bin"}
_WORDS_OF_QUERIES = {"SOURCE", "filter", "stats", "in", "and", "or", "as", "by", "message", "5m"}


def _replaced(old: str, new: str) -> Breakage:
    return Breakage(
        ("Resources", "Dashboard", "Properties", "DashboardBody", "Fn::Sub"),
        lambda body: body.replace(old, new, 1),
        f"{old} → {new}",
    )


def shown(template: Template) -> dict[str, Any]:
    """Return the dashboard as CloudWatch gets it, with ``<name>`` for whatever has a name."""
    body = properties_of(template, "Dashboard")["DashboardBody"]["Fn::Sub"]
    content: dict[str, Any] = json.loads(_PLACEHOLDER.sub(r"<\1>", body))
    return content


def _metrics(template: Template) -> Iterator[tuple[str, str, list[str], Mapping[str, Any]]]:
    """Yield namespace, name, dimensions and options of each metric that is shown."""
    for widget in shown(template)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            *words, options = metric
            namespace, name, *dimensions = words
            yield namespace, name, dimensions, widget["properties"] | options


def _queries(template: Template) -> Iterator[tuple[str, str]]:
    for widget in shown(template)["widgets"]:
        if widget["type"] == "log":
            yield widget["properties"]["title"], widget["properties"]["query"]


@rule(
    _replaced('"AWS/SQS", "ApproximateNumber', '"AWS/SQS", "Number'),
    _replaced('"OldestDue"', '"oldest_due"'),
    _replaced('"4xx"', '"4XXError"'),
    _replaced("MistralRelay/${AWS::StackName}", "MistralRelay"),
    _replaced('"QueueName", "${JobsQueue.QueueName}"', '"QueueName", "${JobsQueue}"'),
    _replaced('"FunctionName", "${WorkerFunction}"', '"FunctionName", "${WorkerRole}"'),
    _replaced('"ApiId"', '"ApiName"'),
    _replaced('"stat": "Maximum", ', ""),
)
def a_metric_that_is_shown_exists(template: Template) -> Faults:
    for namespace, name, dimensions, options in _metrics(template):
        if name not in METRICS.get(namespace, set()):
            yield f"{namespace} has no metric {name}"
        if not options.get("stat"):
            yield f"{name}: which statistic?"
        if options.get("region") != "<AWS::Region>":
            yield f"{name}: of another region"
        if dimensions not in _dimensions_of(template, namespace):
            yield f"{name}: nothing is written with {dimensions}"


def _dimensions_of(template: Template, namespace: str) -> list[list[str]]:
    if namespace not in DIMENSIONS:
        return [[]]
    dimension, type_name, attribute = DIMENSIONS[namespace]
    return [[dimension, f"<{name}{attribute}>"] for name, _ in every(template, type_name)]


@rule(
    _replaced("event.published", "event.told"),
    _replaced("'job.failed'", "'job.broken'"),
    _replaced("'POST /v1/jobs'", "'POST /v1/job'"),
    _replaced("'retried'", "'tried'"),
    _replaced("count_distinct(job_id)", "count_distinct(job)"),
    _replaced("SOURCE '${ApiLogGroup}'", "SOURCE '${ApiFunction}'"),
)
def a_line_that_is_counted_is_written(template: Template) -> Faults:
    groups = {f"<{name}>" for name, _ in every(template, "AWS::Logs::LogGroup")}
    words = {f"job.{status}" for status in JobStatus} | RESULTS_OF_DELIVERIES
    known = _events_logged() | words | {route.key for route in ROUTES} | groups
    for title, query in _queries(template):
        for literal in _LITERAL.findall(query):
            if literal not in known:
                yield f"{title}: {literal} is written nowhere"
        labels = set(re.findall(r" as (\w+)", query))
        used = set(re.findall(r"\w+", _LITERAL.sub("", query)))
        for word in used - labels - _WORDS_OF_QUERIES - _FUNCTIONS_OF_QUERIES - FIELDS:
            yield f"{title}: {word} is no field of a line"


@rule(
    _replaced('"Jobs accepted"', '"Jobs"'),
    _replaced(
        '"Throttles", "FunctionName", "${WorkerFunction}"',
        '"Errors", "FunctionName", "${WorkerFunction}"',
    ),
    _replaced('"${UnpublishedDeadLetterQueue.QueueName}"', '"${JobsQueue.QueueName}"'),
    _replaced('"${EventsAgeAlarm.Arn}"', '"${WorkerErrorsAlarm.Arn}"'),
    _replaced('"${OldestDueAlarm.Arn}", ', ""),
    at("Dashboard", "DashboardName").put({"Ref": "AWS::StackName"}),
)
def all_that_an_operator_looks_for_is_shown(template: Template) -> Faults:
    titles = {widget["properties"]["title"] for widget in shown(template)["widgets"]}
    metrics = {
        f"{name} {re.sub(r'[<>]|[.]QueueName', '', ''.join(dimensions[1:]))}"
        for _, name, dimensions, _ in _metrics(template)
    }
    for wanted in set(MUST_BE_SHOWN) - titles - metrics:
        yield f"{wanted} is not shown"
    for name, _ in every(template, "AWS::SQS::Queue"):
        if f"ApproximateNumberOfMessagesVisible {name}" not in metrics:
            yield f"{name}: nobody sees what lies in it"
    alarms = {f"<{name}.Arn>" for name, _ in every(template, "AWS::CloudWatch::Alarm")}
    listed = [
        it for widget in shown(template)["widgets"] for it in widget["properties"].get("alarms", [])
    ]
    if sorted(listed) != sorted(alarms):
        yield f"alarms that are not shown: {alarms - set(listed)}"
    named = properties_of(template, "Dashboard")["DashboardName"]
    if named != {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}:
        yield "Dashboard: stacks of one name in two regions would have one dashboard"


@rule(_replaced('"x": 8, "y": 3', '"x": 7, "y": 3'), _replaced('"width": 24', '"width": 25'))
def widgets_do_not_overlap(template: Template) -> Faults:
    taken: dict[tuple[int, int], str] = {}
    for widget in shown(template)["widgets"]:
        title = widget["properties"]["title"]
        if widget["x"] + widget["width"] > 24:
            yield f"{title}: is wider than the page"
        for place in _places(widget):
            if place in taken:
                yield f"{title}: lies on {taken[place]}"
                break
            taken[place] = title


def _places(widget: Json) -> Iterator[tuple[int, int]]:
    for x in range(widget["x"], widget["x"] + widget["width"]):
        for y in range(widget["y"], widget["y"] + widget["height"]):
            yield x, y


@cache
def _events_logged() -> set[str]:
    """Return the first words of every line that a function writes."""
    return {
        node.args[0].value
        for file in FUNCTIONS.glob("*/handler.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "line"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
