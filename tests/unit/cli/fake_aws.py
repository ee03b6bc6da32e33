"""A deployed stack: table, queues and secret by moto; CloudFormation, Lambda, CloudWatch faked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from tests.cloud import REGION, TABLE, Cloud

STACK = "mistral-relay"
MISTRAL_URL = "https://mistral.example"
DEPLOYED_AT = datetime(2026, 11, 20, tzinfo=UTC)
DEAD_LETTERS = ("JobsDeadLetterQueue", "EventsDeadLetterQueue", "SubmissionsDeadLetterQueue")
WORKER = "worker-1"


def refusal(code: str, act: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, act)


@dataclass
class FakeAws:
    """Makes clients as ``Machine.aws`` does; ``denied`` names methods that nobody may call."""

    cloud: Cloud
    api_url: str
    name: str = STACK
    status: str = "CREATE_COMPLETE"
    denied: set[str] = field(default_factory=set)
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, tuple[str, str]] = field(default_factory=dict)
    created_at: datetime = DEPLOYED_AT
    oldest_due: list[tuple[datetime, float]] = field(default_factory=list)
    ringing: set[str] = field(default_factory=set)
    alarms: list[str] = field(default_factory=lambda: ["OldestDueAlarm", "WorkerErrorsAlarm"])
    mapping: dict[str, str] = field(default_factory=lambda: {"State": "Enabled"})
    concurrency: int = 1000

    def __post_init__(self) -> None:
        secret = self.cloud.secretsmanager().create_secret(Name="mistral", SecretString="unset")
        self.secret_arn = secret["ARN"]
        self.parameters |= {"MistralApiUrl": MISTRAL_URL, "DefaultSqsTenant": ""}
        self.outputs |= {
            "ApiUrl": self.api_url,
            "TableName": TABLE,
            "MistralApiKeySecretArn": self.secret_arn,
            "SubmissionsQueueUrl": "https://sqs.example/submissions",
            "EventBusName": STACK,
        }
        for queue in DEAD_LETTERS:
            url = self.cloud.sqs().create_queue(QueueName=queue)["QueueUrl"]
            self.resources[queue] = (url, "AWS::SQS::Queue")
        for alarm in self.alarms:
            self.resources[alarm] = (f"{STACK}-{alarm}", "AWS::CloudWatch::Alarm")
        self.resources["WorkerFunction"] = (WORKER, "AWS::Lambda::Function")
        self.resources["WorkerFunctionJobs"] = ("uuid-1", "AWS::Lambda::EventSourceMapping")

    def __call__(self, service: str) -> Any:
        real = {
            "dynamodb": self.cloud.dynamodb,
            "sqs": self.cloud.sqs,
            "secretsmanager": self.cloud.secretsmanager,
        }
        return Guarded(real[service]() if service in real else self, self.denied)

    @property
    def stored_key(self) -> str:
        found = self.cloud.secretsmanager().get_secret_value(SecretId=self.secret_arn)
        return found["SecretString"]

    @property
    def meta(self) -> Any:
        return SimpleNamespace(region_name=REGION)

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803 - AWS's name
        if StackName != self.name:
            text = f"Stack with id {StackName} does not exist"
            raise refusal("ValidationError", "DescribeStacks", text)
        stack = {
            "StackStatus": self.status,
            "CreationTime": self.created_at,
            "Outputs": _pairs(self.outputs, "Output"),
            "Parameters": _pairs(self.parameters, "Parameter"),
        }
        return {"Stacks": [stack]}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_stack_resources"
        return SimpleNamespace(paginate=self._pages)

    def get_function_configuration(self, *, FunctionName: str) -> Any:  # noqa: N803 - AWS's name
        assert FunctionName == WORKER
        return {"Environment": {"Variables": {"MISTRAL_API_URL": MISTRAL_URL}}}

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803 - AWS's name
        assert UUID == "uuid-1"
        return self.mapping

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"ConcurrentExecutions": self.concurrency}}

    def get_metric_statistics(self, **asked: Any) -> Any:
        assert asked["Namespace"] == f"MistralRelay/{STACK}"
        begin, end = asked["StartTime"], asked["EndTime"]
        points = [(at, value) for at, value in self.oldest_due if begin <= at <= end]
        return {"Datapoints": [{"Timestamp": at, "Maximum": value} for at, value in points]}

    def describe_alarms(self, *, AlarmNames: list[str], **_: Any) -> Any:  # noqa: N803 - AWS's name
        known = [f"{STACK}-{name}" for name in self.alarms]
        states = {f"{STACK}-{name}": "ALARM" for name in self.ringing}
        found = [
            {"AlarmName": name, "StateValue": states.get(name, "OK"), "AlarmDescription": "See it"}
            for name in AlarmNames
            if name in known
        ]
        return {"MetricAlarms": found}

    def _pages(self, **_: str) -> Iterator[Any]:
        for logical_id, (physical_id, kind) in self.resources.items():
            one = {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
            }
            yield {"StackResourceSummaries": [one]}


class Guarded:
    """A client whose denied methods are refused, as IAM does."""

    def __init__(self, client: Any, denied: set[str]) -> None:
        self._client = client
        self._denied = denied

    def __getattr__(self, name: str) -> Any:
        if name in self._denied:
            act = "".join(word.title() for word in name.split("_"))
            raise refusal("AccessDeniedException", act)
        return getattr(self._client, name)


def _pairs(values: dict[str, str], kind: str) -> list[dict[str, str]]:
    return [{f"{kind}Key": name, f"{kind}Value": value} for name, value in values.items()]
