"""Rules about queues, and about what the bus puts on them."""

from datetime import timedelta

from tests.template.looking import (
    QUEUE,
    QUEUE_POLICY,
    as_list,
    dead_letter_queue_of,
    dead_letter_queues,
    every,
    mappings_from,
    most,
    properties_of,
    rule_targets,
    statements_of,
    target,
)
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Json, Template

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
    at("QueuePolicy", "Queues", 0).put({"Ref": "EventsQueue"}),
    at("QueuePolicy", "PolicyDocument", "Statement", 0, "Effect").put("Allow"),
    at("QueuePolicy", "PolicyDocument", "Statement", 0, "Principal").put({"AWS": "1"}),
    at("EventsQueuePolicy", "PolicyDocument", "Statement", 0, "Condition").put({}),
    at("EventsQueuePolicy", "PolicyDocument", "Statement", 0, "Action").put("sqs:SendMessage"),
)
def every_queue_refuses_plain_transport(template: Template) -> Faults:
    refusing = {
        target(queue)
        for _, policy in every(template, QUEUE_POLICY)
        for statement in statements_of(policy["PolicyDocument"])
        for queue in policy["Queues"]
        if statement.effect == "Deny"
        and statement.actions == ("sqs:*",)
        and statement.resources == ("*",)
        and statement.raw["Principal"] == "*"
        and statement.raw["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    for name in dict(every(template, QUEUE)).keys() - refusing:
        yield f"{name}: takes what comes without TLS"


_OPEN = ("EventsQueuePolicy", "PolicyDocument", "Statement", 1)


@rule(
    at(*_OPEN, "Principal").put("*"),
    at(*_OPEN, "Principal").put({"Service": "sns.amazonaws.com"}),
    at(*_OPEN, "Condition").drop(),
    at(*_OPEN, "Condition", "ArnEquals", "aws:SourceArn").put("*"),
    at(*_OPEN, "Condition", "ArnEquals", "aws:SourceArn").put({"Fn::GetAtt": ["EventBus", "Arn"]}),
    at(*_OPEN, "Action").put("sqs:*"),
    at(*_OPEN, "Resource").add({"Fn::GetAtt": ["JobsQueue", "Arn"]}),
)
def a_queue_policy_lets_in_rules_of_the_bus_and_nobody_else(template: Template) -> Faults:
    for name, policy in every(template, QUEUE_POLICY):
        own = {target(queue) for queue in policy["Queues"]}
        for statement in statements_of(policy["PolicyDocument"]):
            if statement.effect == "Deny":
                continue
            if statement.raw.get("Principal") != {"Service": "events.amazonaws.com"}:
                yield f"{name}: lets in {statement.raw.get('Principal')}"
            if statement.actions != ("sqs:SendMessage",):
                yield f"{name}: allows {statement.actions}"
            if not {target(resource) for resource in statement.resources} <= own:
                yield f"{name}: speaks of queues that are not its own"
            if not _names_a_rule(template, statement.raw.get("Condition", {})):
                yield f"{name}: does not say which rule it lets in"


def _names_a_rule(template: Template, condition: Json) -> bool:
    source = condition.get("ArnEquals", {}).get("aws:SourceArn")
    return target(source) in dict(every(template, "AWS::Events::Rule"))


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


@rule(
    at("JobEventsRule", "Targets", 0, "Arn").put({"Fn::GetAtt": ["JobsQueue", "Arn"]}),
    at(*_OPEN, "Resource").put([{"Fn::GetAtt": ["EventsQueue", "Arn"]}]),
    at_root("Resources", "EventsQueuePolicy").drop(),
)
def a_rule_may_send_to_its_targets_and_their_dead_letter_queues(template: Template) -> Faults:
    allowed = {
        (target(statement.raw["Condition"]["ArnEquals"]["aws:SourceArn"]), target(queue))
        for _, policy in every(template, QUEUE_POLICY)
        for statement in statements_of(policy["PolicyDocument"])
        for queue in statement.resources
        if statement.effect == "Allow"
    }
    for name, it in rule_targets(template):
        for arn in (it["Arn"], *as_list(it.get("DeadLetterConfig", {}).get("Arn"))):
            if (name, target(arn)) not in allowed:
                yield f"{name}: may not send to {target(arn)}"
