"""The real use cases on the real adapters, with every write to the table metered."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from functions.deliverer.addressees import Addressees
from functions.deliverer.deliver import Deliver
from functions.fanout.fan_out import FanOut, told_event
from functions.worker.gate import Gate, Hold
from functions.worker.outcome import Outcome
from functions.worker.setting_aside import SetAside
from functions.worker.unclaimed import Unclaimed
from relay.adapters.content_store import AwsContentStore
from relay.adapters.dynamodb_callback_secrets import DynamoDBCallbackSecretStore
from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore
from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore
from relay.adapters.dynamodb_endpoints import DynamoDBEndpointStore
from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.adapters.dynamodb_idempotency import DynamoDBIdempotencyStore
from relay.adapters.dynamodb_jobs import DynamoDBJobStore
from relay.adapters.dynamodb_rate import DynamoDBRateBucket
from relay.adapters.dynamodb_recoveries import DynamoDBRecoveryStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.domain.content import result_key
from relay.domain.endpoints import Endpoint
from relay.domain.event import Event, event_of, thin_envelope
from relay.domain.idempotency import IdempotencyKey
from relay.domain.job import Callback, Job, Submission
from relay.domain.messages import DeliveryMessage, JobMessage
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from relay.use_cases.submit_job import Draft, SubmitJob
from relay.use_cases.tell_event import EventData
from tests.cloud import BUCKET, TABLE, Cloud
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.dice import LoadedDice
from tests.fakes.examples import BODY, LEASE_MARGIN, TENANT, completed
from tests.fakes.mistral import chat_answer
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.secret import FakeSecret
from tests.fakes.webhook_sender import FakeWebhookSender, answered
from tests.integration.write_meter import WriteMeter

INTERVAL = timedelta(milliseconds=167)
"""How far apart calls lie at six a second."""


class MeteredRelay:
    """What the functions do, one act after the other. ``meter`` counts what they cost."""

    def __init__(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        self.meter = WriteMeter(client, cloud.dynamodb())
        self.clock = FakeClock()
        self.dice = LoadedDice(0.5)
        self.sender = FakeWebhookSender()
        self.jobs = DynamoDBJobStore(client, TABLE, self.dice)
        self.contents = AwsContentStore(client, TABLE, cloud.s3, BUCKET)
        self.events = DynamoDBEventStore(client, TABLE)
        self._wheel = DynamoDBWheel(client, TABLE)
        self._deliveries = DynamoDBDeliveryStore(client, TABLE)
        self.endpoints = DynamoDBEndpointStore(client, TABLE)
        self._callback_secrets = DynamoDBCallbackSecretStore(client, TABLE)
        self._recoveries = DynamoDBRecoveryStore(client, TABLE)
        self._idempotency = DynamoDBIdempotencyStore(client, TABLE)
        self._queue = InMemoryQueue(self.clock)
        self.gate = Gate(
            circuits=DynamoDBCircuitStore(client, TABLE),
            calls=DynamoDBRateBucket(client, TABLE, "calls", INTERVAL),
            backlog=DynamoDBRateBucket(client, TABLE, "backlog", INTERVAL),
            clock=self.clock,
            dice=self.dice,
            offload=offload,
        )

    def submit(self, key: IdempotencyKey | None = None, **changes: Any) -> Job:
        submit = SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            wheel=self._wheel,
            idempotency=self._idempotency,
            queue=self._queue,
            clock=self.clock,
            dice=self.dice,
            retention=timedelta(days=30),
        )
        facts: dict[str, Any] = {
            "tenant_id": TENANT,
            "submission": Submission(source="http"),
            "endpoint": Endpoint.CHAT_COMPLETIONS,
            "model": "mistral-small-latest",
            "body": BODY,
            "deadline": NOON + timedelta(hours=24),
            "attempts_max": 5,
            "timeout": timedelta(seconds=60),
            "callback": None,
            "notify_started": False,
            "demands_tool_call": False,
            "annotates_pages": False,
            "metadata": {"order": "4711"},
        }
        return submit(Draft(**(facts | changes)), key).job

    def run(self, job: Job) -> tuple[Job, Job]:
        """Claim and complete a job, and return it before and after its end."""
        claimed = self.jobs.claim(TENANT, job.id, at=NOON, lease_margin=LEASE_MARGIN)
        body = chat_answer("Hello! " * 40).body
        result = self.contents.put(job, result_key(claimed.fence), body)
        after = completed(claimed, result=result)
        self.jobs.save(claimed, after)
        return claimed, after

    def publish(self, before: Job, after: Job) -> Event:
        event = event_of(before, after)
        assert event is not None
        self.events.put([event])
        return event

    def hold_back(self, job: Job, hold: Hold, *, receives: int) -> Outcome:
        """Let a job wait that the gate does not let through."""
        set_aside = SetAside(
            jobs=self.jobs, wheel=self._wheel, clock=self.clock, dice=self.dice, offload=offload
        )
        unclaimed = Unclaimed(
            jobs=self.jobs,
            contents=self.contents,
            set_aside=set_aside,
            clock=self.clock,
            offload=offload,
        )
        message = JobMessage(job.tenant_id, job.id)
        return asyncio.run(unclaimed.hold_back(message, hold, receives))

    def tell(self, event: Event, *statuses: int) -> None:
        """Fan an event out, and attempt its delivery until a subscriber takes it."""
        fan_out = FanOut(
            jobs=self.jobs,
            endpoints=self.endpoints,
            deliveries=self._deliveries,
            wheel=self._wheel,
            queue=self._queue,
            clock=self.clock,
        )
        deliver = Deliver(
            deliveries=self._deliveries,
            addressees=Addressees(
                endpoints=self.endpoints,
                callback_secrets=self._callback_secrets,
                recoveries=self._recoveries,
                wheel=self._wheel,
                master_secret=FakeSecret("a-master-secret"),
            ),
            event_data=EventData(
                jobs=self.jobs, contents=self.contents, api_url="https://relay.example.com"
            ),
            wheel=self._wheel,
            sender=self.sender,
            clock=self.clock,
            dice=self.dice,
            offload=offload,
        )
        (delivery,) = fan_out(told_event(thin_envelope(event), retention=timedelta(days=30)))
        due: datetime = delivery.next_attempt_at
        for status in statuses:
            self.clock.at = due
            self.sender.script = partial(_answer, status)
            message = DeliveryMessage(delivery.target_id, delivery.id)
            outcome = asyncio.run(deliver(message, receives=1))
            assert outcome.delivery is not None
            due = outcome.delivery.next_attempt_at


def _answer(status: int, _: WebhookRequest) -> WebhookAnswer:
    return answered(status)


CALLBACK = Callback(url="https://example.com/hooks")
KEY = IdempotencyKey(tenant_id=TENANT, route="POST /v1/jobs", key="4711", fingerprint="f" * 64)
