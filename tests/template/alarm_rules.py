"""Rules about alarms: what the wheel says of itself must be what CloudWatch listens to."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.wheel import FIRST_LOOK
from relay.telemetry import OLDEST_DUE, measure
from tests.template.looking import every, properties_of
from tests.template.rules import Faults, at, rule
from tools.template import Json, Template

ALARM = "AWS::CloudWatch::Alarm"
TOLD = [
    {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]},
    {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]},
]
_GIVEN = "the namespace that is given"


@rule(
    at("WorkerErrorsAlarm", "AlarmActions").drop(),
    at("WorkerErrorsAlarm", "AlarmActions", 0).drop(),
    at("OldestDueAlarm", "AlarmActions", 1).drop(),
    at("OldestDueAlarm", "AlarmDescription").drop(),
    at("SweeperHeartbeatAlarm", "TreatMissingData").drop(),
)
def every_alarm_says_what_it_means_to_the_operator(template: Template) -> Faults:
    for name, alarm in every(template, ALARM):
        if alarm.get("AlarmActions") != TOLD:
            yield f"{name}: does not tell whom it should"
        if not alarm.get("AlarmDescription"):
            yield f"{name}: does not say what it means"
        if alarm.get("TreatMissingData") not in {"breaching", "notBreaching"}:
            yield f"{name}: does not say what silence means"


@rule(
    at("OldestDueAlarm", "Namespace").put("Relay"),
    at("OldestDueAlarm", "MetricName").put("oldest_due"),
    at("OldestDueAlarm", "Dimensions").put([{"Name": "service", "Value": "sweeper"}]),
    at("OldestDueAlarm", "Statistic").put("Minimum"),
    at("OldestDueAlarm", "Threshold").put(60),
    at("OldestDueAlarm", "Threshold").put(3600),
    at("OldestDueAlarm", "EvaluationPeriods").put(1),
    at("OldestDueAlarm", "ComparisonOperator").put("LessThanThreshold"),
    at("OldestDueAlarm", "TreatMissingData").put("breaching"),
)
def a_wheel_that_lags_raises_an_alarm(template: Template) -> Faults:
    lags = {
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",  # the heartbeat's business
    }
    alarm = properties_of(template, "OldestDueAlarm")
    yield from _not_as_measured(template, "OldestDueAlarm")
    if not lags.items() <= alarm.items():
        yield f"OldestDueAlarm: must have {lags}"
    if not FIRST_LOOK < timedelta(seconds=alarm.get("Threshold", 0)) < timedelta(minutes=10):
        yield "OldestDueAlarm: a sweep or two that fail are no reason, ten are"


@rule(
    at("SweeperHeartbeatAlarm", "Namespace").put("Relay"),
    at("SweeperFunction", "Environment", "Variables", "METRICS_NAMESPACE").put("MistralRelay"),
    at("SweeperHeartbeatAlarm", "Dimensions").put([{"Name": "service", "Value": "sweeper"}]),
    at("SweeperFunction", "Environment", "Variables", "POWERTOOLS_SERVICE_NAME").put("sweeper"),
    at("SweeperHeartbeatAlarm", "Statistic").put("Sum"),
    at("SweeperHeartbeatAlarm", "Threshold").put(0),
    at("SweeperHeartbeatAlarm", "Period").put(300),
    at("SweeperHeartbeatAlarm", "EvaluationPeriods").put(60),
    at("SweeperHeartbeatAlarm", "TreatMissingData").put("notBreaching"),
)
def a_wheel_that_stands_still_raises_an_alarm(template: Template) -> Faults:
    stands_still = {
        "Statistic": "SampleCount",  # not its sum: nothing due is a sound sweep too
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }
    yield from _not_as_measured(template, "SweeperHeartbeatAlarm")
    if not stands_still.items() <= properties_of(template, "SweeperHeartbeatAlarm").items():
        yield f"SweeperHeartbeatAlarm: must have {stands_still}"


def _not_as_measured(template: Template, name: str) -> Faults:
    """Compare what an alarm listens to with what the sweeper really writes."""
    alarm = properties_of(template, name)
    dimensions = [it["Name"] for it in alarm.get("Dimensions", [])]
    heard = (alarm.get("Namespace"), alarm.get("MetricName"), dimensions)
    variables = properties_of(template, "SweeperFunction")["Environment"]["Variables"]
    told = {it: text for it, text in variables.items() if isinstance(text, str)}
    namespace, metric, own_dimensions = _metric_written_in(told)
    if namespace == _GIVEN:
        namespace = variables.get("METRICS_NAMESPACE")
    if heard != (namespace, metric, own_dimensions):
        yield f"{name}: listens to {heard}, and {namespace}, {metric} is written"
    if "AWS::StackName" not in str(namespace):
        yield f"{name}: another deployment's sweeper would be taken for this one's"


def _metric_written_in(environment: Mapping[str, str]) -> tuple[Json, str, list[str]]:
    """Return namespace, name and dimensions of the sweeper's metric, from the line it writes."""
    line = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(line):
        for name, text in environment.items():
            patch.setenv(name, text)
        measure(OLDEST_DUE, 1, namespace=_GIVEN)
    metadata: Mapping[str, Any] = json.loads(line.getvalue())["_aws"]
    (metric,) = metadata["CloudWatchMetrics"]
    (named,) = metric["Metrics"]
    (dimensions,) = metric["Dimensions"]
    return metric["Namespace"], named["Name"], dimensions
