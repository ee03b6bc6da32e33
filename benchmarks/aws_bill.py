"""What jobs cost on AWS: the calls that the real handlers make, counted, times list prices.

Every function is wired by its own ``main.py``, on an AWS in this process; only the clock, chance,
threads, Mistral and subscribers are stood in for. What no call of ours shows is assumed, and has a
comma in its name. Apart are storage, cold starts, and reads of keys and secrets, kept for minutes.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from importlib import import_module
from io import StringIO
from itertools import batched
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from benchmarks.table import Row, as_markdown
from relay import bootstrap
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.adapters.mistral_http import HttpMistral
from relay.aws import clients
from relay.aws.job_row import key_of
from relay.aws.values import to_item
from relay.domain.backoff import IN_PLACE_BUDGET
from relay.domain.messages import read_job_message
from relay.domain.moments import to_milliseconds
from relay.domain.wheel import HintKind, wake
from tests.cloud import BUCKET, REGION, TABLE, Cloud
from tests.fakes.changes import RowChange
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.examples import TENANT, a_job_id
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.mistral import chat_answer
from tests.fakes.offloading import offload
from tests.fakes.table_stream import stream_event
from tests.fakes.webhook_sender import FakeWebhookSender
from tests.integration.write_meter import WriteMeter, row_bytes

ROOT: Final = Path(__file__).parents[1]
SUBMISSION: Final = (ROOT / "events" / "api_submit_job.json").read_text("utf-8")
TEMPLATE_TEXT: Final = (ROOT / "template.yaml").read_text("utf-8")
TEMPLATE: Final = yaml_parse(TEMPLATE_TEXT)
RATE: Final = int(TEMPLATE["Parameters"]["MistralRequestsPerSecond"]["Default"])
JOBS: Final = 10

type Uses = Mapping[str, float]  # by the name on the price list and, after a comma, what for

# Dollars in us-east-1 without free tiers, and when somebody read the price off AWS.
PRICES: Final = {
    "write units": (0.625e-6, "2026-08-20"),
    "read units": (0.125e-6, "2026-08-20"),
    "Lambda requests": (0.20e-6, "2026-09-19"),
    "GB-seconds": (0.0000133334, "2026-09-19"),  # on arm64
    "HTTP API requests": (1.00e-6, "2026-09-20"),
    "SQS requests": (0.40e-6, "2026-03-14"),
    "SQS messages with a group": (0.10e-6, "2026-03-14"),  # of fair queues; counted when sent
    "bus events": (1.00e-6, "2026-03-13"),
    "secret-months": (0.40, "2026-05"),
    "log bytes": (0.50e-9, "2026"),
    "traces": (5.00e-6, "2026"),
    "alarm-months": (0.10, "2026"),  # https://c3x.dev/resources/aws/aws_cloudwatch_metric_alarm
    "metric-months": (0.30, "2026-02-15"),  # https://signoz.io/guides/cloudwatch-pricing
}
CALL_SECONDS: Final = 3.0  # every call; where they differ, a batch's slowest
SECONDS = {"api": 0.03, "publisher": 0.25, "fanout": 0.25, "deliverer": 0.5, "sweeper": 0.3}
SECONDS |= {"worker": 0.2}  # of a batch, beside its calls and their turns at the gate
LOG_BYTES: Final = {"api": 650}  # Lambda's lines of an invocation, else 400; and an access log's
TRACED: Final = 0.05  # what Lambda samples of itself, where invocations come many to the second
TRACE: Final = "Root=1-6921a1c0-0123456789abcdef01234567;Sampled=0"  # stands in each log line
EMPTY_RECEIVES: Final = 650_000  # a month and queue: five pollers that wait 20 s each time
SWEEPS: Final = 43_200  # a month


def _gigabytes(function: str) -> float:
    own = TEMPLATE["Resources"][f"{function.capitalize()}Function"]["Properties"]
    return float(own.get("MemorySize", TEMPLATE["Globals"]["Function"]["MemorySize"])) / 1024


def _plus(uses: Uses, more: Uses, times: float = 1) -> Uses:
    return {it: uses.get(it, 0) + times * more.get(it, 0) for it in {**uses, **more}}


class Account:
    """One deployment. ``uses`` is what it has used so far, ``idle`` what an empty sweep uses."""

    def __init__(self, clock: FakeClock, log: StringIO) -> None:
        self.clock, self._log = clock, log
        self.uses: dict[str, float] = defaultdict(float)
        self._reader = Cloud().dynamodb()
        self._writes = WriteMeter(clients.dynamodb(), self._reader)
        self._sent: dict[str, list[str]] = defaultdict(list)
        self._told: list[str] = []
        for service in ("dynamodb", "sqs", "events", "s3", "secretsmanager"):
            getattr(clients, service)().meta.events.register("provide-client-params", self._count)
        self._handlers = {it: import_module(f"functions.{it}.main").handle for it in SECONDS}
        self.sweep()  # a deployment's first goes back an hour
        self.idle = self.sweep()

    def _count(self, params: Any, model: Any, **_: object) -> None:
        match model.service_model.service_name:
            case "dynamodb":
                self.uses["read units"] += self._read_units(model.name, params)
            case "sqs":
                sent = params.get("Entries", [params] if "MessageBody" in params else [])
                self.uses["SQS requests"] += 1
                self.uses["SQS messages with a group"] += sum("MessageGroupId" in it for it in sent)
                self._sent[params["QueueUrl"].split("/")[-1]] += [it["MessageBody"] for it in sent]
            case "events":
                self.uses["bus events"] += len(params["Entries"])
                self._told += [it["Detail"] for it in params["Entries"]]
            case other:
                self.uses[f"{other} calls"] += 1

    def _read_units(self, operation: str, params: Any) -> float:
        """Count by DynamoDB's published rule. No page that is queried here exceeds a unit."""
        if operation not in {"Query", "GetItem", "BatchGetItem"}:
            return 0
        asked = params.get("RequestItems", {}).get(TABLE, params)
        keys = asked.get("Keys") or [asked.get("Key")]
        sizes = [1 if operation == "Query" else row_bytes(self.row(key) or {}) for key in keys]
        units = sum(-(-max(1, size) // 4096) for size in sizes)
        return units if asked.get("ConsistentRead") else units / 2

    def row(self, key: Any) -> Any:
        return self._reader.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item")

    def _invoke(self, function: str, event: Any, seconds: float) -> None:
        answer = self._handlers[function](event, FakeLambdaContext(timedelta(seconds=600))) or {}
        assert answer.get("statusCode", 202) == 202, answer
        assert not answer.get("batchItemFailures"), answer
        self.uses["write units"] = self._writes.total
        self.uses["HTTP API requests"] += function == "api"
        self.uses["log bytes"] += len(self._log.getvalue().encode())
        self._log.truncate(self._log.seek(0))
        self.uses["log bytes, AWS's own"] += LOG_BYTES.get(function, 400)
        self.uses["Lambda requests, full batches"] += 1
        self.uses[f"GB-seconds, {function}"] += seconds * _gigabytes(function)
        self.uses["traces, sampled"] += TRACED
        if function in {"worker", "fanout", "deliverer"}:
            self.uses["SQS requests, a receive and a delete per batch"] += 2

    def _hand_over(self, function: str, bodies: Iterable[str], size: int, seconds: float) -> None:
        records = ({"body": it, "attributes": {"ApproximateReceiveCount": "1"}} for it in bodies)
        for batch in batched(records, size, strict=False):
            self._invoke(function, {"Records": batch}, seconds)

    def sweep(self, minutes: int = 1) -> Uses:
        """Let minutes pass, and return what they used."""
        before = dict(self.uses)
        for _ in range(minutes):
            self.clock.at = self.clock.at.replace(second=1, microsecond=0) + timedelta(minutes=1)
            self._invoke("sweeper", {}, SECONDS["sweeper"])
        return _plus(self.uses, before, -1)

    def life(self, kind: str = "plain", *, batch: int = JOBS) -> Uses:
        """Return what a job uses, from its submission until the wheel is done with it."""
        before, began = dict(self.uses), self.clock.at.replace(second=0)
        for number in range(JOBS):
            event = json.loads(SUBMISSION)
            if kind == "keyed":
                event["headers"]["idempotency-key"] = f"order-{number}"
            if kind == "told":
                event["body"] = f'{{"callback_url": "https://example.com", {event["body"][1:]}'
            self._invoke("api", event, SECONDS["api"])
        if kind == "parked":
            self._park()
        jobs = self._sent.pop("jobs")
        keys = [key_of(it.tenant_id, it.job_id) for it in map(read_job_message, jobs)]
        old = [self.row(key) for key in keys]
        seconds = CALL_SECONDS + (batch - 1) / RATE + SECONDS["worker"]
        self._hand_over("worker", jobs, batch, seconds)
        new = [self.row(key) for key in keys]
        for changes in batched(map(RowChange, old, new), batch, strict=False):
            self._invoke("publisher", stream_event(changes), SECONDS["publisher"])
        told, self._told = self._told, []
        assert len(told) == JOBS, "each job tells its end"
        self.uses["SQS requests, sent by the bus"] += JOBS
        events = [json.dumps({"detail": json.loads(it)}) for it in told]
        self._hand_over("fanout", events, batch, SECONDS["fanout"])
        self._hand_over("deliverer", self._sent.pop("deliveries", []), batch, SECONDS["deliverer"])
        self.sweep(10)
        assert self.sweep()["read units"] == self.idle["read units"], "nothing is watched any more"
        minutes = (self.clock.at - began) // timedelta(minutes=1)
        used = _plus(_plus(self.uses, before, -1), self.idle, -minutes)
        return {it: amount / JOBS for it, amount in used.items()}

    def _park(self) -> None:
        """Have the worker find both buckets full for longer than a message may carry a job."""
        full_until = to_milliseconds(self.clock.at + timedelta(minutes=20))
        for name in ("bucket#calls", "bucket#backlog"):
            row = to_item({"pk": "U#mistral", "sk": name, "next_at": full_until})
            self._reader.put_item(TableName=TABLE, Item=row)
        self._hand_over("worker", self._sent.pop("jobs"), JOBS, SECONDS["worker"])
        while not self._sent["jobs"]:
            self.sweep()
        self.clock.at += timedelta(minutes=2)  # the wheel sends it in the minute before it is due

    def park(self, count: int) -> None:
        """Write the hints of as many jobs that are parked for an hour and longer."""
        now, job = self.clock.at, HintKind.JOB
        dues = [(a_job_id(it), now + timedelta(hours=1, seconds=it)) for it in range(count)]
        hints = [wake(job, TENANT, name, due=due, now=now) for name, due in dues]
        DynamoDBWheel(self._reader, TABLE).put(hints)


@contextmanager
def _account() -> Iterator[Account]:
    """Make what the functions work on, every parameter of the template being at its default."""
    clock, dice, answer = FakeClock(), FakeDice(), chat_answer("Hello! " * 40).body
    wire = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    settings = {"TABLE_NAME": TABLE, "BUCKET_NAME": BUCKET, "EVENT_BUS_NAME": "relay"}
    settings |= {"AWS_DEFAULT_REGION": REGION, "METRICS_NAMESPACE": "MistralRelay/relay"}
    for parameter, facts in TEMPLATE["Parameters"].items():
        settings[re.sub(r"\B(?=[A-Z])", "_", parameter).upper()] = str(facts["Default"])
    settings |= {"PUBLIC_API_URL": "https://relay.example.com", "_X_AMZN_TRACE_ID": TRACE}
    with pytest.MonkeyPatch.context() as patch, mock_aws(), redirect_stdout(StringIO()) as log:
        cloud = Cloud()
        cloud.create_table()
        cloud.events().create_event_bus(Name="relay")
        for it in ("jobs", "deliveries", "events", "unpublished"):
            settings[f"{it.upper()}_QUEUE_URL"] = cloud.sqs().create_queue(QueueName=it)["QueueUrl"]
        secret = cloud.secretsmanager().create_secret(Name="secret", SecretString="secret")["ARN"]
        names = ("MISTRAL_API_KEY_SECRET_ARN", "WEBHOOK_MASTER_SECRET_ARN")
        for name, value in (settings | dict.fromkeys(names, secret)).items():
            patch.setenv(name, value)
        patch.setattr(bootstrap, "clock", lambda: clock)
        patch.setattr(bootstrap, "dice", lambda: dice)
        patch.setattr(bootstrap, "offload", offload)
        patch.setattr(bootstrap, "mistral", lambda url, key: HttpMistral(url, key, offload, wire))
        patch.setattr(bootstrap, "webhook_sender", lambda _: FakeWebhookSender())
        yield Account(clock, log)


def _bill(uses: Uses, times: float = 1e6, *, parts: int = 99) -> str:
    """Return the sum, and the largest parts that it is made of."""
    costs = {it: n * times * PRICES.get(it.split(",")[0], (0, ""))[0] for it, n in uses.items()}
    largest = sorted(costs, key=costs.__getitem__, reverse=True)[:parts]
    said = "; ".join(f"{it} {costs[it]:.2f}" for it in largest if costs[it] >= 0.005)
    return f"${sum(costs.values()):.2f} ({said})"


def _list(uses: Uses) -> str:
    return "; ".join(f"{it} {n:.3g}" for it, n in uses.items() if n > 1e-9)


def rows() -> list[Row]:
    with _account() as account:
        plain = account.life()
        others = {it: _plus(account.life(it), plain, -1) for it in ("keyed", "told", "parked")}
        single, idle = account.life(batch=1), account.idle
        account.park(100_000)
        crowded = account.sweep()
    jobs, worker = "AWS bill per million live jobs", "GB-seconds, worker"
    second = {worker: _gigabytes("worker") / JOBS}
    in_place = IN_PLACE_BUDGET.total_seconds() - JOBS / RATE
    small = {**plain, worker: plain[worker] * 0.25 / _gigabytes("worker")}
    requests = {it: n for it, n in plain.items() if it.startswith("SQS requests")}
    month = {it: n * SWEEPS for it, n in idle.items()} | {
        "traces, sampled": SWEEPS,  # the first of each second is, always
        "SQS requests, empty": EMPTY_RECEIVES * TEMPLATE_TEXT.count("RedrivePolicy:"),
        "secret-months": TEMPLATE_TEXT.count("Type: AWS::SecretsManager::Secret"),
        "alarm-months": TEMPLATE_TEXT.count("Type: AWS::CloudWatch::Alarm"),
        "metric-months": 1,
    }
    calls = ("write units", "read units", "SQS requests", "bus events")
    more = {it: crowded.get(it, 0) - idle.get(it, 0) for it in calls}
    most = TEMPLATE["Parameters"]["WorkerBatchSize"]["MaxValue"]
    used_up, longer = _plus(plain, second, in_place), _plus(plain, second, 60 - CALL_SECONDS)
    prices = "; ".join(f"{it} {of[0] * 1e6:,g} ({of[1]})" for it, of in PRICES.items())
    return [
        Row(f"{jobs}, 3 s calls, batches of {JOBS}, webhook apart", _bill(plain), "$8"),
        Row(f"{jobs}, the same with 256 MB for the worker", _bill(small, parts=2), "$8"),
        Row(f"{jobs}, the same, the rate used up", _bill(used_up, parts=2)),
        Row(f"{jobs}, the same, batches of one", _bill(single, parts=2)),
        Row(f"{jobs}, 60 s calls, batches of {most} at most", _bill(longer, parts=2), "$20, of 50"),
        Row("table write units per small job", f"{plain['write units']:.1f}", "6"),
        Row("queue messages per job", f"{sum(requests.values()):.1f}: {_list(requests)}", "1.2"),
        Row("a webhook, per million", _bill(others["told"])),
        Row("with an idempotency key, per million", _bill(others["keyed"])),
        Row("parked once, per million", _bill(others["parked"])),
        Row("100,000 parked, a minute", _list(more) or "the same calls as none"),
        Row("idle, a month", _bill(month, 1)),
        Row("counted per job", _list({it: n for it, n in plain.items() if "," not in it})),
        Row("assumed per job", _list({it: n for it, n in plain.items() if "," in it})),
        Row("assumed seconds", _list({"a call": CALL_SECONDS, **SECONDS})),
        Row("list prices, dollars a million", prices),
    ]


if __name__ == "__main__":
    print(as_markdown(rows()))
