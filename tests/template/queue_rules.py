"""Rules about queues, and about what the bus puts on them."""

from datetime import timedelta

from tests.template.looking import (
    QUEUE,
    dead_letter_queue_of,
    dead_letter_queues,
    every,
    mappings_from,
    most,
    properties_of,
    rule_targets,
    target,
)
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

RUNS_HIDDEN = 6  # Source: AWS Lambda, "Configuring a queue to use with Lambda"
KEPT_MAX_SECONDS = timedelta(days=14).total_seconds()  # what SQS keeps at most


@rule(
    at("JobsQueue", "VisibilityTimeout").put(3959),
    at("WorkerFunction", "Timeout").put(661),
    at("FanoutFunctionEvents", "MaximumBatchingWindowInSeconds").put(1),
    at("DeliveriesQueue", "VisibilityTimeout").drop(),
)
def a_queue_hides_a_message_for_six_runs_of_its_reader(template: Template) -> Faults:
    for it in mappings_from(template, QUEUE):
        hidden = properties_of(template, it.source).get("VisibilityTimeout", 30)
        window = it.properties.get("MaximumBatchingWindowInSeconds", 0)
        run = most(template, properties_of(template, it.function)["Timeout"])
        if hidden < RUNS_HIDDEN * run + window:
            yield f"{it.source}: hides for {hidden} s, {it.function} runs for {run} s"


@rule(
    at("JobsQueue", "RedrivePolicy").drop(),
    at("EventsQueue", "RedrivePolicy", "deadLetterTargetArn").put({"Ref": "Table"}),
    at("EventsQueue", "RedrivePolicy", "deadLetterTargetArn").put(
        {"Fn::GetAtt": ["EventsQueue", "Arn"]}
    ),
)
def a_queue_that_is_read_has_a_dead_letter_queue_that_is_not(template: Template) -> Faults:
    read = {it.source for it in mappings_from(template, QUEUE)}
    for name in read:
        dead_letters = dead_letter_queue_of(properties_of(template, name))
        if dead_letters not in dict(every(template, QUEUE)):
            yield f"{name}: has no dead-letter queue"
        elif dead_letters in read:
            yield f"{name}: its dead letters are read from {dead_letters}"


@rule(
    at_root("Resources", "JobsDeadLetterAlarm").drop(),
    at_root("Resources", "SubmissionsDeadLetterAlarm").drop(),
    at("EventsDeadLetterAlarm", "MetricName").put("NumberOfMessagesSent"),
    at("UnpublishedDeadLetterAlarm", "Dimensions", 0, "Value").put("unpublished"),
    at("DeliveriesDeadLetterAlarm", "Threshold").put(1),
    at("DeliveriesDeadLetterAlarm", "ComparisonOperator").put("LessThanThreshold"),
    at("DeliveriesDeadLetterAlarm", "Statistic").put("Minimum"),
    at("DeliveriesDeadLetterAlarm", "AlarmActions").drop(),
)
def a_single_dead_letter_raises_an_alarm(template: Template) -> Faults:
    expected = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Statistic": "Maximum",
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    watched = {
        target(dimension["Value"])
        for _, alarm in every(template, "AWS::CloudWatch::Alarm")
        for dimension in alarm.get("Dimensions", [])
        if expected.items() <= alarm.items()
        and dimension["Name"] == "QueueName"
        and "AlarmTopicArn" in str(alarm.get("AlarmActions"))
    }
    for name in dead_letter_queues(template) - watched:
        yield f"{name}: nobody is told of what lands there"


@rule(
    at("JobsDeadLetterQueue", "MessageRetentionPeriod").put(1209599),
    at("UnpublishedDeadLetterQueue", "MessageRetentionPeriod").drop(),
)
def a_dead_letter_is_kept_as_long_as_sqs_can(template: Template) -> Faults:
    for name in dead_letter_queues(template):
        if properties_of(template, name).get("MessageRetentionPeriod") != KEPT_MAX_SECONDS:
            yield f"{name}: forgets too early"


@rule(
    at("JobsQueue", "SqsManagedSseEnabled").put(value=False),
    at("EventsDeadLetterQueue", "SqsManagedSseEnabled").drop(),
)
def every_queue_is_encrypted(template: Template) -> Faults:
    for name, queue in every(template, QUEUE):
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield f"{name}: is not encrypted"


@rule(
    at("JobEventsRule", "Targets", 0, "RetryPolicy").drop(),
    at("JobEventsRule", "Targets", 0, "RetryPolicy", "MaximumRetryAttempts").put(0),
    at("JobEventsRule", "Targets", 0, "DeadLetterConfig").drop(),
)
def what_a_rule_cannot_hand_over_is_retried_for_a_day_and_kept(template: Template) -> Faults:
    for name, it in rule_targets(template):
        policy = it.get("RetryPolicy", {})
        if (
            policy.get("MaximumEventAgeInSeconds") != timedelta(days=1).total_seconds()
            or policy.get("MaximumRetryAttempts", 0) < 185
        ):
            yield f"{name}: gives up early on {it['Id']}"
        if not target(it.get("DeadLetterConfig", {}).get("Arn")):
            yield f"{name}: loses what {it['Id']} does not take"
