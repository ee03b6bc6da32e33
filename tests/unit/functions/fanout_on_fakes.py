"""The fan-out's real handler on fakes."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from functions.fanout.fan_out import FanOut
from functions.fanout.handler import make_handler
from functions.fanout.recover import Recover
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.job import Job
from relay.use_cases.redeliver import Redeliver
from tests.fakes.clock import FakeClock
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.endpoints import InMemoryEndpointStore
from tests.fakes.events import InMemoryEventStore, as_told
from tests.fakes.examples import a_completed_job, an_event
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.log import ReadableLog
from tests.fakes.queue import InMemoryQueue
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.seam import QUIET, Seam
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.sample_events import failures, sqs_event

RETENTION = timedelta(days=30)


class Fanout:
    def __init__(self, seam: Seam = QUIET) -> None:
        self.clock = FakeClock()
        self.jobs = InMemoryJobStore(seam)
        self.events = InMemoryEventStore(seam)
        self.endpoints = InMemoryEndpointStore(self.events, seam)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.recoveries = InMemoryRecoveryStore(seam)
        self.wheel = InMemoryWheel(seam)
        self.queue = InMemoryQueue(self.clock, seam, name="deliveries")
        self.log = ReadableLog("fanout")
        shared: dict[str, Any] = {
            "endpoints": self.endpoints,
            "deliveries": self.deliveries,
            "wheel": self.wheel,
            "clock": self.clock,
        }
        redeliver = Redeliver(deliveries=self.deliveries, wheel=self.wheel, queue=self.queue)
        self.handle = make_handler(
            FanOut(jobs=self.jobs, queue=self.queue, **shared),
            Recover(recoveries=self.recoveries, events=self.events, redeliver=redeliver, **shared),
            clock=self.clock,
            retention=RETENTION,
            log=self.log,
        )

    def ended(self, **changes: Any) -> tuple[Job, Event]:
        """Keep a job that has ended, and return it with its event."""
        job = a_completed_job(**changes)
        self.jobs.submit(job)
        return job, an_event(job)

    def tell(self, *events: Event) -> list[str]:
        return self.tell_bodies(*(as_told(event) for event in events))

    def tell_bodies(self, *bodies: Mapping[str, Any]) -> list[str]:
        return failures(self.handle_records(*map(json.dumps, bodies)))

    def handle_records(self, *bodies: str) -> Any:
        return self.handle(sqs_event(*bodies), FakeLambdaContext())

    @property
    def made(self) -> list[Delivery]:
        return self.deliveries.all()

    @property
    def messages(self) -> list[Any]:
        return [json.loads(message.body) for message in self.queue.messages]
