"""Rules about what wakes the functions, and with how much."""

import json
from typing import Any

from relay.adapters.table_stream import TableStreamReader
from relay.aws import circuit_row, delivery_row, event_row, job_row
from relay.aws.values import Item, to_item
from relay.aws.wheel_row import hint_row
from relay.domain.circuit import Circuit
from relay.domain.event import Event, event_of, event_of_circuit
from relay.domain.job import Job, JobStatus, StatusReason
from relay.domain.wheel import HintKind, watch
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_delivery, a_job, a_result, an_event
from tests.fakes.table_stream import image
from tests.template.looking import (
    MAPPING,
    QUEUE,
    dead_letter_queues,
    every,
    functions_that_may,
    least,
    mappings_from,
    most,
    schedules,
    target,
)
from tests.template.patterns import matches
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

TABLE = "AWS::DynamoDB::Table"
BATCH_WITHOUT_WINDOW_MAX = 10
CONCURRENCY_LEAST = 2  # AWS refuses 1
STREAM_KEPT_SECONDS = 86400
FILTERS_MAX = 5  # Source: AWS Lambda, event filtering: five to an event source


@rule(
    at("WorkerFunctionJobs", "FunctionResponseTypes").put([]),
    at("PublisherFunctionChanges", "FunctionResponseTypes").drop(),
)
def a_batch_is_never_failed_as_a_whole(template: Template) -> Faults:
    for name, mapping in every(template, MAPPING):
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: does not report single failures"


@rule(
    at("FanoutFunctionEvents", "BatchSize").put(11),
    at("WorkerFunctionJobs", "MaximumBatchingWindowInSeconds").put(1),
    at("WorkerFunctionJobs", "BatchSize").put({"Ref": "WorkerConcurrency"}),
)
def a_message_does_not_wait_for_others(template: Template) -> Faults:
    for it in mappings_from(template, QUEUE):
        if most(template, it.properties["BatchSize"]) > BATCH_WITHOUT_WINDOW_MAX:
            yield f"{it.id}: such batches need a window"
        if it.properties.get("MaximumBatchingWindowInSeconds", 0):
            yield f"{it.id}: has a window"


@rule(
    at("WorkerFunctionJobs", "ScalingConfig").drop(),
    at("DelivererFunctionDeliveries", "ScalingConfig", "MaximumConcurrency").put(1),
)
def those_who_call_others_are_bounded(template: Template) -> Faults:
    """Mistral and subscribers have limits of their own; the bus and the table have ours."""
    callers = functions_that_may(template, "secretsmanager:GetSecretValue", "MistralApiKey")
    callers |= functions_that_may(template, "secretsmanager:GetSecretValue", "WebhookMasterSecret")
    for it in mappings_from(template, QUEUE):
        bound = it.properties.get("ScalingConfig", {}).get("MaximumConcurrency")
        if it.function in callers and bound is None:
            yield f"{it.id}: may run any number at once"
        if bound is not None and least(template, bound) < CONCURRENCY_LEAST:
            yield f"{it.id}: AWS takes no MaximumConcurrency below {CONCURRENCY_LEAST}"


@rule(
    at("PublisherFunctionChanges", "MaximumRetryAttempts").put(-1),
    at("PublisherFunctionChanges", "MaximumRecordAgeInSeconds").drop(),
    at("PublisherFunctionChanges", "MaximumRecordAgeInSeconds").put(3600),
    at("PublisherFunctionChanges", "BisectBatchOnFunctionError").put(value=False),
    at("PublisherFunctionChanges", "DestinationConfig").drop(),
    at("PublisherFunctionChanges", "StartingPosition").put("LATEST"),
)
def a_change_is_retried_for_as_long_as_the_stream_keeps_it(template: Template) -> Faults:
    for it in mappings_from(template, TABLE):
        bounded = {
            "StartingPosition": "TRIM_HORIZON",
            "BisectBatchOnFunctionError": True,
            "MaximumRecordAgeInSeconds": STREAM_KEPT_SECONDS,
        }
        if not bounded.items() <= it.properties.items():
            yield f"{it.id}: must have {bounded}"
        if it.properties.get("MaximumRetryAttempts", -1) < 1:
            yield f"{it.id}: one bad record would block its shard for ever"
        kept = it.properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if target(kept) not in dead_letter_queues(template):
            yield f"{it.id}: loses what it gives up"


_PATTERN = ("PublisherFunctionChanges", "FilterCriteria", "Filters")


def _pattern(**changes: Any) -> str:
    """Return a filter for ends of jobs, with parts of it changed."""
    change: dict[str, Any] = {
        "Keys": {"pk": {"S": [{"prefix": "J#"}]}},
        "NewImage": {"status": {"S": ["completed", "failed", "cancelled", "expired"]}},
    }
    return json.dumps({"eventName": ["INSERT", "MODIFY"], "dynamodb": change | changes})


_OF_ALL_EVENTS = {
    "Keys": {"pk": {"S": [{"prefix": "E#"}]}},
    "NewImage": {},
}
_OF_ALL_THAT_MISTRAL_LIMITS = {
    "Keys": {"pk": {"S": ["U#mistral"]}},
    "NewImage": {"reason": {"S": [{"exists": True}]}},
}
_OF_EVERY_CIRCUIT = {
    "Keys": {"pk": {"S": ["U#mistral"]}, "sk": {"S": ["circuit"]}},
    "NewImage": {"version": {"N": [{"exists": True}]}},
}


@rule(
    at("PublisherFunctionChanges", "FilterCriteria").drop(),
    *(at(*_PATTERN, number).drop() for number in range(4)),
    at(*_PATTERN, 0, "Pattern").put(_pattern()),
    at(*_PATTERN, 0, "Pattern").put(_pattern(Keys={})),
    at(*_PATTERN, 2, "Pattern").put(_pattern(**_OF_ALL_EVENTS)),
    at(*_PATTERN, 3, "Pattern").put(_pattern(**_OF_ALL_THAT_MISTRAL_LIMITS)),
    at(*_PATTERN, 3, "Pattern").put(_pattern(**_OF_EVERY_CIRCUIT)),
    at(*_PATTERN, 0, "Pattern").put(_pattern().replace("MODIFY", "REMOVE")),
    at(*_PATTERN, 0, "Pattern").put(_pattern().replace('"INSERT", ', "")),
    at(*_PATTERN).add(*({"Pattern": _pattern()} for _ in range(2))),
)
def the_publisher_wakes_for_all_that_makes_an_event_and_for_no_more(template: Template) -> Faults:
    for it in mappings_from(template, TABLE):
        filters = it.properties.get("FilterCriteria", {}).get("Filters", [])
        patterns = [json.loads(each["Pattern"]) for each in filters]
        if len(patterns) > FILTERS_MAX:
            yield f"{it.id}: AWS takes no more than {FILTERS_MAX} filters"
        for name, row in rows_of_every_kind().items():
            makes_an_event = _makes_an_event(row)
            for event_name in ("INSERT", "MODIFY", "REMOVE"):
                change = _change(event_name, row)
                wakes = not patterns or any(matches(pattern, change) for pattern in patterns)
                if wakes != (makes_an_event and event_name != "REMOVE"):
                    yield f"{it.id}: {event_name} of {name} {'wakes' if wakes else 'goes unseen'}"


def rows_of_every_kind() -> dict[str, Item]:
    """Return rows as the table holds them, each under what it is."""
    jobs = {
        f"a job that is {status}, its start {'told' if is_told else 'untold'}": job_row.to_row(
            _job(status, is_told=is_told)
        )
        for status in JobStatus
        for is_told in (True, False)
    }
    opened = Circuit().opened(NOON, StatusReason.INSUFFICIENT_CREDITS)
    bucket = to_item({"pk": "U#mistral", "sk": "bucket#calls", "next_at": 0, "reason": "any"})
    hint = watch(HintKind.JOB, TENANT, _job(JobStatus.QUEUED).id, NOON)
    return jobs | {
        "an event that waits for the bus": event_row.to_outbox_row(an_event()),
        "an event that is told": event_row.to_row(an_event()),
        "an open circuit": circuit_row.to_row(opened),
        "a closed circuit": circuit_row.to_row(opened.closed(NOON)),
        "a bucket of tokens": bucket,
        "a delivery": delivery_row.to_row(a_delivery()),
        "a delivery whose status a job may have": delivery_row.to_row(a_delivery().cancelled(NOON)),
        "a hint": hint_row(hint),
    }


def _job(status: JobStatus, *, is_told: bool = False) -> Job:
    return a_job(
        status=status,
        fence=1,
        notify_started=is_told,
        finished_at=NOON if status.is_final else None,
        lease_until=NOON if status is JobStatus.IN_PROGRESS else None,
        result=a_result() if status is JobStatus.COMPLETED else None,
    )


def _makes_an_event(row: Item) -> bool:
    """Ask the code that reads the stream, and the code that makes the event."""
    match TableStreamReader().read(image(row)):
        case Event():
            return True
        case Job() as job:
            return event_of(None, job) is not None
        case Circuit() as circuit:
            return event_of_circuit(None, circuit) is not None
        case None:
            return False


def _change(name: str, row: Item) -> dict[str, Any]:
    images = {"OldImage": image(row)} if name == "REMOVE" else {"NewImage": image(row)}
    keys = {part: row[part] for part in ("pk", "sk")}
    return {"eventName": name, "dynamodb": {"Keys": keys, **images}}


@rule(
    at("SweeperFunctionEveryMinute", "ScheduleExpression").put("rate(1 minute)"),
    at("SweeperFunctionEveryMinute", "ScheduleExpression").put("cron(*/2 * * * ? *)"),
    at("SweeperFunctionEveryMinute", "State").put("DISABLED"),
    at("SweeperFunctionEveryMinute", "Targets", 0, "Arn").put(
        {"Fn::GetAtt": ["PublisherFunction", "Arn"]}
    ),
    at_root("Resources", "SweeperFunctionEveryMinute").drop(),
)
def the_wheel_is_turned_at_the_beginning_of_each_minute(template: Template) -> Faults:
    """A rate begins at whatever second it was deployed at; the wheel's minutes begin at 0."""
    sweeps = [
        schedule["ScheduleExpression"]
        for _, schedule in schedules(template)
        if schedule.get("State", "ENABLED") == "ENABLED"
        and [target(it["Arn"]) for it in schedule["Targets"]] == ["SweeperFunction"]
    ]
    if sweeps != ["cron(* * * * ? *)"]:
        yield f"SweeperFunction: woken by {sweeps}"


@rule(
    at("SweeperFunctionEveryMinute", "Targets", 0, "RetryPolicy").drop(),
    at("SweeperFunctionEveryMinute", "Targets", 0, "RetryPolicy", "MaximumRetryAttempts").put(1),
    at("SweeperFunctionEventInvokeConfig", "MaximumRetryAttempts").put(1),
    at("SweeperFunctionEventInvokeConfig", "MaximumEventAgeInSeconds").put(61),
    at_root("Resources", "SweeperFunctionEventInvokeConfig").drop(),
)
def what_a_schedule_did_not_wake_is_left_to_its_next_minute(template: Template) -> Faults:
    """Else an outage ends with all the minutes of it at once."""
    once = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    once_only = {
        target(config["FunctionName"])
        for _, config in every(template, "AWS::Lambda::EventInvokeConfig")
        if once.items() <= config.items()
    }
    for name, schedule in schedules(template):
        for it in schedule["Targets"]:
            if it.get("RetryPolicy") != once:
                yield f"{name}: is kept for later"
            if target(it["Arn"]) not in once_only:
                yield f"{name}: {target(it['Arn'])} runs again where it failed"
