"""The deliverer's real handler on fakes, and the queue that it reads."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler
from relay.domain.content import result_key
from relay.domain.delivery import Delivery, delivery_id
from relay.domain.event import Event, event_of
from relay.domain.job import Callback, Job
from relay.domain.messages import delivery_message
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.dice import FakeDice, LoadedDice
from tests.fakes.examples import a_delivery, a_job, completed
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.log import ReadableLog
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.webhook_sender import FakeWebhookSender, answered
from tests.unit.functions.sample_events import failures

MASTER_SECRET = "canary-master-secret"
API_URL = "https://relay.example.com"
ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'
VISIBILITY_TIMEOUT = timedelta(seconds=240)
CALLBACK = Callback(url="https://example.com/hooks")


class Deliverer:
    """Subscribers answer in turn, the last one for ever; without any, each takes what comes."""

    def __init__(
        self, *answers: WebhookAnswer, seam: Seam = QUIET, dice: FakeDice | None = None
    ) -> None:
        self.clock = FakeClock()
        self.jobs = InMemoryJobStore(seam)
        self.contents = InMemoryContentStore(seam)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.queue = InMemoryQueue(
            self.clock, seam, name="deliveries", visibility_timeout=VISIBILITY_TIMEOUT
        )
        self._answers = list(answers) or [answered(200)]
        self.sender = FakeWebhookSender(self._answer, seam=seam)
        self.log = ReadableLog("deliverer")
        self.handle = make_handler(
            Deliver(
                deliveries=self.deliveries,
                jobs=self.jobs,
                contents=self.contents,
                sender=self.sender,
                master_secret=FakeSecret(MASTER_SECRET, seam),
                clock=self.clock,
                dice=dice or LoadedDice(0.5),
                offload=offload,
                api_url=API_URL,
            ),
            self.queue,
            clock=self.clock,
            run=asyncio.run,
            log=self.log,
        )

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

    def run(self) -> list[str]:
        """Let one invocation work on what can be received; return the messages it wants back."""
        event = self.queue.received()
        assert event["Records"], "nothing can be received now"
        answer = self.handle(event, None)
        self.queue.settle(event, answer)
        return failures(answer)

    def run_to_the_end(self, *, invocations_max: int = 200) -> int:
        for invocations in range(invocations_max):
            visible_at = self.queue.next_visible_at()
            if visible_at is None:
                return invocations
            # No invocation is done at once: a lease that just ends has ended by the next one.
            self.clock.at = max(self.clock.at + timedelta(milliseconds=1), visible_at)
            self.run()
        raise AssertionError(f"still at work after {invocations_max} invocations")

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
    def posts(self) -> list[WebhookRequest]:
        return self.sender.posts

    def posted(self) -> Any:
        """Return the body of the only post."""
        (post,) = self.posts
        return json.loads(post.body)

    def _answer(self, _: WebhookRequest) -> WebhookAnswer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
