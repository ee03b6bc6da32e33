"""Rules about what wakes the functions, and with how much."""

import json
from collections.abc import Mapping
from typing import Any

from relay.domain.event import event_of
from relay.domain.job import JobStatus
from tests.fakes.clock import NOON
from tests.fakes.examples import a_job, a_result
from tests.template.looking import (
    MAPPING,
    QUEUE,
    dead_letter_queues,
    every,
    functions_that_may,
    least,
    mappings_from,
    most,
    target,
)
from tests.template.rules import Faults, at, rule
from tools.template import Template

TABLE = "AWS::DynamoDB::Table"
BATCH_WITHOUT_WINDOW_MAX = 10
CONCURRENCY_LEAST = 2  # AWS refuses 1
STREAM_KEPT_SECONDS = 86400


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


_FINAL = '{"eventName":["INSERT","MODIFY"],"dynamodb":{"NewImage":{"status":{"S":["completed"]}}}}'


@rule(
    at("PublisherFunctionChanges", "FilterCriteria").drop(),
    at("PublisherFunctionChanges", "FilterCriteria", "Filters", 0).drop(),
    at("PublisherFunctionChanges", "FilterCriteria", "Filters", 1).drop(),
    at("PublisherFunctionChanges", "FilterCriteria", "Filters", 0, "Pattern").put(_FINAL),
)
def the_publisher_wakes_for_all_that_makes_an_event_and_for_no_more(template: Template) -> Faults:
    expected = {
        (str(status), is_asked_for)
        for status in JobStatus
        for is_asked_for in (True, False)
        if _makes_an_event(status, is_asked_for=is_asked_for)
    }
    for it in mappings_from(template, TABLE):
        told: set[tuple[str, bool]] = set()
        for each in it.properties.get("FilterCriteria", {}).get("Filters", []):
            pattern = json.loads(each["Pattern"])
            change = pattern["dynamodb"]
            if change.get("Keys") != {"pk": {"S": [{"prefix": "J#"}]}}:
                yield f"{it.id}: rows that are no jobs wake {it.function}"
            if pattern["eventName"] != ["INSERT", "MODIFY"]:
                yield f"{it.id}: removals wake {it.function}"
            told |= _let_through(change["NewImage"])
        if told != expected:
            yield f"{it.id}: lets through or holds back wrongly: {sorted(told ^ expected)}"


def _makes_an_event(status: JobStatus, *, is_asked_for: bool) -> bool:
    job = a_job(
        status=status,
        fence=1,
        notify_started=is_asked_for,
        finished_at=NOON if status.is_final else None,
        lease_until=NOON if status is JobStatus.IN_PROGRESS else None,
        result=a_result() if status is JobStatus.COMPLETED else None,
    )
    return event_of(None, job) is not None


def _let_through(image: Mapping[str, Any]) -> set[tuple[str, bool]]:
    """Return statuses, each with whether the start of the job is asked for."""
    asked_for = image.get("notify_started", {"BOOL": [True, False]})["BOOL"]
    return {(status, is_asked_for) for status in image["status"]["S"] for is_asked_for in asked_for}
