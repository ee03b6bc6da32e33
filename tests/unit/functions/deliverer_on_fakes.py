"""The deliverer's real handler on fakes, and the queue that it reads."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any, override

from functions.deliverer.addressees import Addressees
from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler
from relay.domain.content import result_key
from relay.domain.delivery import Delivery, delivery_id
from relay.domain.event import Event, event_of
from relay.domain.job import Callback, Job
from relay.domain.messages import delivery_message
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from relay.domain.wheel import SHARDS, Position, minute_of
from relay.use_cases.tell_event import EventData
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.dice import FakeDice, LoadedDice
from tests.fakes.endpoints import InMemoryCallbackSecretStore, InMemoryEndpointStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import a_delivery, a_job, completed
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.log import ReadableLog
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.webhook_sender import FakeWebhookSender, answered
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.receiving import Receiving
from tests.unit.functions.sweeper_on_fakes import Sweeper

MASTER_SECRET = "canary-master-secret"
API_URL = "https://relay.example.com"
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'
VISIBILITY_TIMEOUT = timedelta(seconds=240)
CALLBACK = Callback(url="https://example.com/hooks")


class Deliverer(Receiving):
    """Subscribers answer in turn, the last one for ever; without any, each takes what comes.

    What waits on the wheel comes round by the real sweeper.
    """

    def __init__(
        self, *answers: WebhookAnswer, seam: Seam = QUIET, dice: FakeDice | None = None
    ) -> None:
        self.jobs = InMemoryJobStore(seam)
        self.contents = InMemoryContentStore(seam)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.events = InMemoryEventStore(seam)
        self.endpoints = InMemoryEndpointStore(self.events, seam)
        self.callback_secrets = InMemoryCallbackSecretStore(seam)
        self.recoveries = InMemoryRecoveryStore(seam)
        self.wheel = InMemoryWheel(seam)
        clock = FakeClock()
        dice = dice or LoadedDice(0.5)
        queue = InMemoryQueue(clock, seam, name="deliveries", visibility_timeout=VISIBILITY_TIMEOUT)
        self._answers = list(answers) or [answered(200)]
        self.sender = FakeWebhookSender(self._answer, seam=seam)
        self.log = ReadableLog("deliverer")
        self.handle = make_handler(
            Deliver(
                deliveries=self.deliveries,
                addressees=Addressees(
                    endpoints=self.endpoints,
                    callback_secrets=self.callback_secrets,
                    recoveries=self.recoveries,
                    wheel=self.wheel,
                    master_secret=FakeSecret(MASTER_SECRET, seam),
                ),
                event_data=EventData(jobs=self.jobs, contents=self.contents, api_url=API_URL),
                wheel=self.wheel,
                sender=self.sender,
                clock=clock,
                dice=dice,
                offload=offload,
            ),
            queue,
            clock=clock,
            run=asyncio.run,
            log=self.log,
        )
        super().__init__(clock, queue, self.handle)
        self._sweeper = Sweeper.over(clock, self.wheel, self.deliveries, queue)

    def add(
        self,
        job: Job | None = None,
        *,
        callback: Callback = CALLBACK,
        answer: bytes = ANSWER,
        event: Event | None = None,
    ) -> Delivery:
        """Keep an ended job, its result, and the delivery of an event of it; queue a message."""
        if job is None:
            claimed = a_job(callback=callback).claimed(self.clock.at, timedelta(seconds=40))
            result = self.contents.put(claimed, result_key(claimed.fence), answer)
            job = completed(claimed, result=result)
        self.jobs.submit(job)
        event = event or event_of(None, job)
        assert event is not None, "a delivery tells an event"
        delivery = a_delivery(
            id=delivery_id(event.id, job.id, event.occurred_at),
            target_id=job.id,
            job_id=job.id,
            tenant_id=job.tenant_id,
            event_id=event.id,
            event_type=event.type,
            occurred_at=event.occurred_at,
            sequence=event.sequence,
            url=callback.url,
            payload=callback.payload,
            legacy_signature=callback.legacy_signature,
        )
        self.deliveries.create(delivery)
        self.send(delivery)
        return delivery

    def send(self, delivery: Delivery) -> None:
        self.queue.send_text(json.dumps(delivery_message(delivery)), group=delivery.tenant_id)

    @override
    def next_at(self) -> datetime | None:
        """Let the wheel send what comes due before anything can be received."""
        while True:  # ends with the hints
            at, turn_at = self.queue.next_visible_at(), self._sweeper.next_turn_at()
            if turn_at is None or (at is not None and at < turn_at):
                return at
            self.clock.at = max(self.clock.at, turn_at)
            self.wheel.noted = [Position(minute_of(turn_at))] * SHARDS  # nothing lies before
            self._sweeper.sweep()

    @property
    def delivery(self) -> Delivery:
        (delivery,) = self.deliveries.all()
        return delivery

    @property
    def status(self) -> str:
        return str(self.delivery.status)

    @property
    def comes_back_at(self) -> datetime | None:
        return self.queue.next_visible_at()

    @property
    def is_woken_at(self) -> datetime | None:
        """When the wheel brings the only delivery back."""
        return next((hint.at for hint in self.wheel.all()), None)

    @property
    def posts(self) -> list[WebhookRequest]:
        return self.sender.posts

    def posted(self) -> Any:
        """Return the body of the only post."""
        (post,) = self.posts
        return json.loads(post.body)

    def _answer(self, _: WebhookRequest) -> WebhookAnswer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
