"""The whole relay on fakes: every port, and the real handler of every function, wired as on AWS.

Nothing happens in here. Whoever drives it hands each handler its events.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from functions.api.handler import make_handler as make_api
from functions.api.services import Accounts, Services, Webhooks
from functions.authorizer.handler import make_handler as make_authorizer
from functions.deliverer.addressees import Addressees
from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler as make_deliverer
from functions.fanout.fan_out import FanOut
from functions.fanout.handler import make_handler as make_fanout
from functions.fanout.recover import Recover
from functions.intake.handler import make_handler as make_intake
from functions.intake.take_submission import TakeSubmission
from functions.publisher.handler import make_handler as make_publisher
from functions.publisher.publish_changes import PublishChanges
from functions.sweeper.handler import make_handler as make_sweeper
from functions.sweeper.looks import LookAtRows
from functions.sweeper.sweep import Sweep
from functions.worker.gate import BACKLOG_SHARE, Gate
from functions.worker.handler import make_handler as make_worker
from functions.worker.run_job import RunJob
from functions.worker.setting_aside import SetAside
from functions.worker.unclaimed import Unclaimed
from relay.adapters.table_stream import TableStreamReader
from relay.domain.egress import EgressPolicy
from relay.domain.job_request import BodyDefaults
from relay.ports import Clock, Dice, Mistral, Offload, WebhookSender
from relay.use_cases.redeliver import Redeliver
from relay.use_cases.submit_job import SubmitJob
from relay.use_cases.tell_event import EventData
from tests.fakes.changes import Changes
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.endpoints import InMemoryCallbackSecretStore, InMemoryEndpointStore
from tests.fakes.events import InMemoryEventBus, InMemoryEventStore
from tests.fakes.examples import TENANT
from tests.fakes.gate import InMemoryCircuitStore, InMemoryRateBucket
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.keys import InMemoryKeyStore
from tests.fakes.log import ReadableLog
from tests.fakes.offloading import offload as offload_at_once
from tests.fakes.queue import InMemoryQueue
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.senders import InMemorySenderStore
from tests.fakes.tenants import InMemoryTenantStore
from tests.fakes.wheel import InMemoryWheel
from tests.flows.gateway import Gateway

API_URL = "https://relay.example.com"
MASTER_SECRET = "canary-master-secret"
REQUEST_BYTES_MAX = 4 * 1024 * 1024
RETENTION = timedelta(days=30)
_MILLISECOND = timedelta(milliseconds=1)

# As the template has them; a test holds the two together.
VISIBILITY_TIMEOUTS = {
    "submissions": timedelta(seconds=180),
    "jobs": timedelta(seconds=3960),
    "events": timedelta(seconds=180),
    "deliveries": timedelta(seconds=240),
}
RECEIVES_MAX = {"submissions": 400, "jobs": 100, "events": 25, "deliveries": 150}


class Function(StrEnum):
    """What works on its own, without a client. In the order in which things pass them."""

    INTAKE = "intake"
    WORKER = "worker"
    PUBLISHER = "publisher"
    FANOUT = "fanout"
    DELIVERER = "deliverer"
    SWEEPER = "sweeper"


TIMEOUTS = {
    Function.INTAKE: timedelta(seconds=30),
    Function.WORKER: timedelta(seconds=660),
    Function.PUBLISHER: timedelta(seconds=30),
    Function.FANOUT: timedelta(seconds=30),
    Function.DELIVERER: timedelta(seconds=40),
    Function.SWEEPER: timedelta(seconds=50),
}


type Run = Callable[[Coroutine[Any, Any, Any]], Any]
type Handler = Callable[[Mapping[str, Any], Any], Any]


@dataclass(kw_only=True)
class Machine:
    """What the functions get from where they run, and those outside whom they talk to."""

    clock: Clock
    dice: Dice
    mistral: Mistral
    sender: WebhookSender
    seam: Seam = QUIET
    offload: Offload = offload_at_once
    run: Run = asyncio.run
    call_interval: timedelta = timedelta(0)
    clocks: Mapping[str, Clock] | None = None
    """A function's own clock, where it differs from the others'."""

    def clock_of(self, function: str) -> Clock:
        return (self.clocks or {}).get(function, self.clock)


class Deployment:
    """One deployment. ``queue_type`` makes its queues."""

    def __init__(self, machine: Machine, queue_type: type[InMemoryQueue] = InMemoryQueue) -> None:
        self._machine = machine
        self._queue_type = queue_type
        seam = machine.seam
        self.stream = Changes()
        self.keys = InMemoryKeyStore(seam)
        self.jobs = InMemoryJobStore(seam, stream=self.stream)
        self.contents = self.content_store(seam)
        self.events = InMemoryEventStore(seam, stream=self.stream)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.endpoints = InMemoryEndpointStore(self.events, seam)
        self.callback_secrets = InMemoryCallbackSecretStore(seam)
        self.recoveries = InMemoryRecoveryStore(seam)
        self.idempotency = InMemoryIdempotencyStore(seam)
        self.senders = InMemorySenderStore(seam)
        self.tenants = InMemoryTenantStore(seam)
        self.wheel = InMemoryWheel(seam)
        self.circuits = InMemoryCircuitStore(seam, stream=self.stream)
        self.calls = self._bucket("calls", 1)
        self.backlog = self._bucket("backlog", BACKLOG_SHARE)
        self._make_queues()
        self.bus = InMemoryEventBus(seam, target=self.events_queue)
        self.secret = FakeSecret(MASTER_SECRET, seam)
        self.measured: dict[str, float] = {}
        names = ("authorizer", "api", *(function.value for function in Function))
        self.logs = {name: ReadableLog(name) for name in names}
        self.gateway = Gateway(
            authorize=make_authorizer(self.keys, self.logs["authorizer"]),
            answer=make_api(self._services(), self.logs["api"]),
        )
        self.handlers: dict[Function, Handler] = {
            Function.INTAKE: self._intake(),
            Function.WORKER: self._worker(),
            Function.PUBLISHER: self._publisher(),
            Function.FANOUT: self._fanout(),
            Function.DELIVERER: self._deliverer(),
            Function.SWEEPER: self._sweeper(),
        }
        self.queues: dict[Function, InMemoryQueue] = {
            Function.INTAKE: self.submissions_queue,
            Function.WORKER: self.jobs_queue,
            Function.FANOUT: self.events_queue,
            Function.DELIVERER: self.deliveries_queue,
        }

    def _make_queues(self) -> None:
        clock, seam = self._machine.clock, self._machine.seam
        self.submissions_queue = self._queue("submissions")
        self.jobs_queue = self._queue("jobs")
        self.events_queue = self._queue("events")
        self.deliveries_queue = self._queue("deliveries")
        self.submissions_dead = InMemoryQueue(clock, seam, name="submissions_dead")
        self.unpublished = InMemoryQueue(clock, seam, name="unpublished")

    def content_store(self, seam: Seam) -> InMemoryContentStore:
        """Make where content is kept."""
        return InMemoryContentStore(seam)

    def _bucket(self, name: str, share: float) -> InMemoryRateBucket:
        interval = self._machine.call_interval / share // _MILLISECOND * _MILLISECOND
        return InMemoryRateBucket(self._machine.seam, interval=interval, name=name)

    def _queue(self, name: str) -> InMemoryQueue:
        return self._queue_type(
            self._machine.clock,
            self._machine.seam,
            name=name,
            visibility_timeout=VISIBILITY_TIMEOUTS[name],
            receives_max=RECEIVES_MAX[name],
        )

    def _submit(self, clock: Clock) -> SubmitJob:
        return SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            wheel=self.wheel,
            idempotency=self.idempotency,
            queue=self.jobs_queue,
            clock=clock,
            dice=self._machine.dice,
            retention=RETENTION,
        )

    def _services(self) -> Services:
        clock = self._machine.clock_of("api")
        return Services(
            jobs=self.jobs,
            contents=self.contents,
            idempotency=self.idempotency,
            submit=self._submit(clock),
            accounts=Accounts(
                keys=self.keys,
                tenants=self.tenants,
                senders=self.senders,
                dice=self._machine.dice,
            ),
            webhooks=Webhooks(
                endpoints=self.endpoints,
                callback_secrets=self.callback_secrets,
                recoveries=self.recoveries,
                deliveries=self.deliveries,
                events=self.events,
                wheel=self.wheel,
                redeliver=self.redeliver,
                retention=RETENTION,
            ),
            webhook_master_secret=self.secret,
            clock=clock,
            body_defaults=BodyDefaults(model="mistral-small-latest"),
            egress_policy=EgressPolicy(allow_loopback_http=False),
            request_bytes_max=REQUEST_BYTES_MAX,
            public_url=API_URL,
        )

    def _intake(self) -> Handler:
        clock = self._machine.clock_of("intake")
        take = TakeSubmission(
            submit=self._submit(clock),
            senders=self.senders,
            idempotency=self.idempotency,
            events=self.events,
            wheel=self.wheel,
            dead_letters=self.submissions_dead,
            master_secret=self.secret,
            clock=clock,
            body_defaults=BodyDefaults(model="mistral-small-latest"),
            egress_policy=EgressPolicy(allow_loopback_http=False),
            default_tenant=TENANT,
            retention=RETENTION,
        )
        return make_intake(
            take,
            self.submissions_queue,
            clock=clock,
            dice=self._machine.dice,
            log=self.logs["intake"],
        )

    def _worker(self) -> Handler:
        machine, clock = self._machine, self._machine.clock_of("worker")
        parts: dict[str, Any] = {"clock": clock, "dice": machine.dice, "offload": machine.offload}
        set_aside = SetAside(jobs=self.jobs, wheel=self.wheel, **parts)
        run_job = RunJob(
            jobs=self.jobs,
            contents=self.contents,
            mistral=machine.mistral,
            gate=Gate(circuits=self.circuits, calls=self.calls, backlog=self.backlog, **parts),
            unclaimed=Unclaimed(
                jobs=self.jobs,
                contents=self.contents,
                set_aside=set_aside,
                clock=clock,
                offload=machine.offload,
            ),
            set_aside=set_aside,
            **parts,
        )
        return make_worker(
            run_job, self.jobs_queue, clock=clock, run=machine.run, log=self.logs["worker"]
        )

    def _publisher(self) -> Handler:
        return make_publisher(
            PublishChanges(
                read=TableStreamReader(),
                bus=self.bus,
                events=self.events,
                unpublished=self.unpublished,
                clock=self._machine.clock_of("publisher"),
                dice=self._machine.dice,
            ),
            self.logs["publisher"],
        )

    def _fanout(self) -> Handler:
        clock = self._machine.clock_of("fanout")
        shared: dict[str, Any] = {
            "endpoints": self.endpoints,
            "deliveries": self.deliveries,
            "wheel": self.wheel,
            "clock": clock,
        }
        return make_fanout(
            FanOut(jobs=self.jobs, queue=self.deliveries_queue, **shared),
            Recover(
                recoveries=self.recoveries, events=self.events, redeliver=self.redeliver, **shared
            ),
            clock=clock,
            retention=RETENTION,
            log=self.logs["fanout"],
        )

    @property
    def redeliver(self) -> Redeliver:
        return Redeliver(deliveries=self.deliveries, wheel=self.wheel, queue=self.deliveries_queue)

    def _deliverer(self) -> Handler:
        machine, clock = self._machine, self._machine.clock_of("deliverer")
        deliver = Deliver(
            deliveries=self.deliveries,
            addressees=Addressees(
                endpoints=self.endpoints,
                callback_secrets=self.callback_secrets,
                recoveries=self.recoveries,
                wheel=self.wheel,
                master_secret=self.secret,
            ),
            event_data=EventData(jobs=self.jobs, contents=self.contents, api_url=API_URL),
            wheel=self.wheel,
            sender=machine.sender,
            clock=clock,
            dice=machine.dice,
            offload=machine.offload,
        )
        return make_deliverer(
            deliver,
            self.deliveries_queue,
            clock=clock,
            run=machine.run,
            log=self.logs["deliverer"],
        )

    def _sweeper(self) -> Handler:
        clock = self._machine.clock_of("sweeper")
        sweep = Sweep(
            wheel=self.wheel,
            look_at_rows=LookAtRows(
                jobs=self.jobs,
                deliveries=self.deliveries,
                recoveries=self.recoveries,
                events=self.events,
            ),
            jobs=self.jobs,
            events=self.events,
            jobs_queue=self.jobs_queue,
            deliveries_queue=self.deliveries_queue,
            events_queue=self.events_queue,
            clock=clock,
        )
        return make_sweeper(
            sweep, clock=clock, log=self.logs["sweeper"], measure=self.measured.__setitem__
        )

    @property
    def log_text(self) -> str:
        return "".join(log.text for log in self.logs.values())

    @property
    def dead_letters(self) -> list[str]:
        """Return what was given up, but for the submissions, which are laid down as they came."""
        queues = (self.jobs_queue, self.events_queue, self.deliveries_queue)
        dead = [message for queue in queues for message in queue.dead]
        return [message.body for message in (*dead, *self.unpublished.messages)]
