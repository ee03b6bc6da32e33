"""All functions by their own wiring, on AWS in process, and a record of what each asked of IAM.

Names, queues and who reads which are taken from the template, so that a function that is told of
the wrong queue is seen to ask for it.
"""

import asyncio
import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from relay import bootstrap
from relay.adapters.content_store import AwsContentStore
from relay.adapters.dynamodb_idempotency import DynamoDBIdempotencyStore
from relay.adapters.dynamodb_jobs import DynamoDBJobStore
from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.aws import clients
from relay.domain.api_key import Scope, new_key
from relay.domain.event import OPERATOR
from relay.domain.ids import JobId
from relay.domain.job import Job
from relay.domain.wheel import SHARDS, Position, minute_of
from tests.cloud import BUCKET, REGION, TABLE, Cloud, forget_clients
from tests.fakes.changes import RowChange
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.examples import TENANT, an_api_key
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.offloading import offload
from tests.fakes.table_stream import stream_event
from tests.flows.gateway import Gateway, Reply
from tests.permissions.names import Names
from tests.permissions.outside import Outside
from tests.permissions.roles import functions_of
from tests.template.looking import EVENT_RULE, QUEUE, mappings_from, rule_targets
from tests.template.sent import sent_template
from tools.recording.aws_calls import Need, Place, Recorder
from tools.template import resources_of

PLACE = Place(REGION, "123456789012")
KEY, OPERATORS_KEY = new_key(b"ours".ljust(32)), new_key(b"operators".ljust(32))

type Event = Mapping[str, Any]
type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """What each function asked for, by its folder's name, and what the resources were called."""

    names: Names
    calls: Mapping[str, frozenset[Need]]


@dataclass(kw_only=True)
class WiredRelay:
    """One deployment, by which scenarios are played. What they ask of the stores is not noted."""

    cloud: Cloud
    names: Names
    outside: Outside
    clock: FakeClock = field(default_factory=FakeClock)
    handlers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    recorded: dict[str, set[Need]] = field(default_factory=lambda: defaultdict(set))
    _at_work: str = ""
    _published: dict[tuple[str, str], Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dynamodb, s3 = self.cloud.dynamodb(), self.cloud.s3()
        self.jobs = DynamoDBJobStore(dynamodb, TABLE, FakeDice())
        self.contents = AwsContentStore(dynamodb, TABLE, lambda: s3, BUCKET)
        self.idempotency = DynamoDBIdempotencyStore(dynamodb, TABLE)
        keys = DynamoDBKeyStore(dynamodb, TABLE)
        keys.create(an_api_key(KEY, scopes=frozenset(Scope)))
        operators = an_api_key(OPERATORS_KEY, tenant_id=OPERATOR, scopes=frozenset(Scope))
        keys.create(replace(operators, id="key_" + "1" * 26))
        now = Position(minute_of(self.clock.at))  # there is nothing before it to be swept
        DynamoDBWheel(dynamodb, TABLE).advance(None, [now] * SHARDS)
        self._gateway = Gateway(
            authorize=lambda event, context: self.call("authorizer", event, context),
            answer=lambda event, context: self.call("api", event, context),
        )

    def note(self, need: Need) -> None:
        """Note what the function that is at work asks for."""
        self.recorded[self._at_work].add(need)

    def call(self, function: str, event: Event, context: object = None) -> Any:
        """Invoke a function, as Lambda does."""
        self._at_work = function
        left = FakeLambdaContext(
            timedelta(minutes=10) if function == "worker" else timedelta(seconds=29)
        )
        answer = self.handlers[function](event, context or left)
        self._at_work = ""
        return answer

    def forget_messages(self) -> None:
        """Empty every queue."""
        for name, _ in resources_of(self.names.template, QUEUE):
            list(self._received_from(name))

    # ------------------------------------------------------------ what clients do

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Send a request, as the tenant unless another ``key`` is given."""
        return self._gateway.request(method, path, body, **({"key": KEY} | more))

    def submit(self, prompt: str = "Hello", *, headers: Any = None, **more: Any) -> JobId:
        """Submit a job that is accepted, and return its id."""
        job = {"body": {"messages": [{"role": "user", "content": prompt}]}} | more
        reply = self.request("POST", "/v1/jobs", job, headers=headers)
        assert reply.status == 202, reply.text
        return JobId(reply.json["id"])

    def job(self, job_id: JobId) -> Job:
        """Return a job's row, its tombstone included."""
        return self.jobs.find([(TENANT, job_id)]).rows[job_id]

    def produce(self, body: str, **attributes: str) -> None:
        """Send a message to the submissions queue."""
        self.cloud.sqs().send_message(
            QueueUrl=self.names.physical("SubmissionsQueue"),
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    # ------------------------------------------------------------ what happens by itself

    def let(self, function: str, *, receives: int = 1, again: int = 0) -> list[str]:
        """Let a function work on all that waits in its queue, and return that.

        As many as ``again`` says must come back.
        """
        event = self.event_of(function, receives=receives)
        answer = self.call(function, event)
        assert len(answer["batchItemFailures"]) == again
        return [record["body"] for record in event["Records"]]

    def event_of(self, function: str, *, receives: int = 1) -> dict[str, list[Row]]:
        """Receive all that waits for a function, as Lambda hands it over."""
        waiting = self._received_from(self._queue_of(function))
        event = {"Records": [_record(it, receives) for it in waiting]}
        assert event["Records"], f"nothing waits for {function}"
        return event

    def _received_from(self, queue: str) -> Iterator[Row]:
        """Receive every message. None comes back: scenarios send anew what is to be seen again."""
        url, sqs = self.names.physical(queue), self.cloud.sqs()
        while found := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            yield from map(dict, found)

    def _queue_of(self, function: str) -> str:
        folders = functions_of(self.names.template)
        (queue,) = (
            it.source
            for it in mappings_from(self.names.template, QUEUE)
            if folders[it.function] == function
        )
        return queue

    def send(self, queue: str, *bodies: str) -> None:
        """Put messages into a queue, as a redrive or a duplicate would."""
        url = self.names.physical(queue)
        for body in bodies:
            self.cloud.sqs().send_message(QueueUrl=url, MessageBody=body)

    def publish(self) -> None:
        """Let the publisher see all that has changed since it was last let."""
        rows = {(it["pk"]["S"], it["sk"]["S"]): it for it in self._rows()}
        before, self._published = self._published, rows
        changes = [
            RowChange(before.get(key), row) for key, row in rows.items() if before.get(key) != row
        ]
        answer = self.call("publisher", stream_event(changes))
        assert answer == {"batchItemFailures": []}

    def _rows(self) -> list[Row]:
        pages = self.cloud.dynamodb().get_paginator("scan").paginate(TableName=TABLE)
        return [dict(row) for page in pages for row in page["Items"]]

    def sweep(self, after: timedelta) -> None:
        """Let time pass, then let the sweeper sweep."""
        self.clock.at += after
        self.call("sweeper", {}, FakeLambdaContext(timedelta(seconds=50)))


def _record(message: Row, receives: int) -> Row:
    """Return a message as Lambda hands it to a function."""
    attributes = message["Attributes"] | {"ApproximateReceiveCount": str(receives)}
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: {"stringValue": value["StringValue"], "dataType": "String"}
            for name, value in message.get("MessageAttributes", {}).items()
        },
    }


@contextmanager
def wired_relay() -> Iterator[WiredRelay]:
    """Deploy every function, and take all down again."""
    from moto import mock_aws  # noqa: PLC0415 - slow to import, and most tests need none

    outside = Outside()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        stack.enter_context(mock_aws())
        stack.enter_context(outside.listening())
        stack.callback(forget_clients)
        relay = WiredRelay(cloud=Cloud(), names=_deployed(Cloud(), outside), outside=outside)
        runners = _stand_in(patch, relay)
        for logical_id, folder in functions_of(relay.names.template).items():
            relay.handlers[folder] = _handler_of(logical_id, folder, relay.names)
        for runner in runners:
            stack.callback(runner.close)
        yield relay


def _deployed(cloud: Cloud, outside: Outside) -> Names:
    """Make what the template names, and return what it is called."""
    template = sent_template()
    cloud.create_table()
    cloud.create_bucket()
    known = {"Table": TABLE, "Bucket": BUCKET}
    for name, _ in resources_of(template, QUEUE):
        known[name] = cloud.sqs().create_queue(QueueName=name)["QueueUrl"]
    for name, _ in resources_of(template, "AWS::SecretsManager::Secret"):
        made = cloud.secretsmanager().create_secret(Name=name, SecretString="a-secret")
        known[name] = made["ARN"]
    for name, _ in resources_of(template, "AWS::Events::EventBus"):
        cloud.events().create_event_bus(Name=name)
    parameters = {
        "DefaultSqsTenant": TENANT,
        "MistralApiUrl": outside.url,
        "MistralRequestsPerSecond": "1000",
    }
    names = Names(template=template, place=PLACE, known=known, parameters=parameters)
    for name, properties in resources_of(template, EVENT_RULE):
        if "EventPattern" in properties["Properties"]:
            _create_rule(cloud, names, name, properties["Properties"])
    return names


def _create_rule(cloud: Cloud, names: Names, name: str, rule: Row) -> None:
    bus = names.text(rule["EventBusName"])
    pattern = json.dumps(rule["EventPattern"])
    cloud.events().put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    targets: Any = [
        {"Id": it["Id"], "Arn": names.text(it["Arn"])}
        for of_rule, it in rule_targets(names.template)
        if of_rule == name
    ]
    cloud.events().put_targets(Rule=name, EventBusName=bus, Targets=targets)


def _stand_in(patch: pytest.MonkeyPatch, relay: WiredRelay) -> list[asyncio.Runner]:
    """Stand in for the machine; return the loops that will have to be closed."""
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    patch.setenv("AWS_ACCESS_KEY_ID", "of-nobody")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody")
    dice = FakeDice()
    patch.setattr(bootstrap, "clock", lambda: relay.clock)
    patch.setattr(bootstrap, "dice", lambda: dice)
    patch.setattr(bootstrap, "offload", offload)  # AWS in process minds threads
    runners: list[asyncio.Runner] = []
    make_runner = asyncio.Runner

    def remembered() -> asyncio.Runner:
        runners.append(make_runner())
        return runners[-1]

    patch.setattr(asyncio, "Runner", remembered)
    forget_clients()
    session = clients._session()  # noqa: SLF001 - where every client of a function comes from
    Recorder(PLACE, relay.note).listen_to(session)
    return runners


def _handler_of(logical_id: str, folder: str, names: Names) -> Callable[..., Any]:
    """Import a function's ``main`` as Lambda does, in the environment that the template gives."""
    name = f"functions.{folder}.main"
    sys.modules.pop(name, None)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in names.environment(logical_id).items():
            patch.setenv(variable, value)
        patch.setenv("RELAY_LOCAL_STACK", "true")  # the subscriber is on loopback
        module: Any = importlib.import_module(name)
    del sys.modules[name]
    handle: Callable[..., Any] = module.handle
    return handle
