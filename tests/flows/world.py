"""The whole relay on one clock: the real handlers of every function, wired as on AWS, on fakes.

Nothing happens by itself. ``let`` gives one function one batch, ``settle`` goes on until nothing
is left to do, and time passes only there. Every call of every fake goes through one seam, where a
test makes trouble.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, override

from functions.api.handler import make_handler as make_api
from functions.api.services import Services
from functions.authorizer.handler import make_handler as make_authorizer
from functions.deliverer.deliver import Deliver
from functions.deliverer.handler import make_handler as make_deliverer
from functions.fanout.fan_out import FanOut
from functions.fanout.handler import make_handler as make_fanout
from functions.publisher.handler import make_handler as make_publisher
from functions.publisher.publish_changes import PublishChanges
from functions.worker.handler import make_handler as make_worker
from functions.worker.run_job import RunJob
from relay.adapters.table_stream import TableStreamReader
from relay.domain.api_key import Scope, new_key
from relay.domain.egress import EgressPolicy
from relay.domain.errors import UnavailableError
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job
from relay.domain.job_request import BodyDefaults
from relay.domain.webhook_exchange import WebhookRequest
from relay.use_cases.submit_job import SubmitJob
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.dice import FakeDice
from tests.fakes.events import InMemoryEventBus, InMemoryEventStore
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.keys import InMemoryKeyStore
from tests.fakes.log import ReadableLog
from tests.fakes.mistral import FakeMistral
from tests.fakes.mistral import Script as MistralScript
from tests.fakes.offloading import offload
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.table_stream import stream_event
from tests.fakes.trouble import Crash
from tests.fakes.webhook_sender import FakeWebhookSender
from tests.fakes.webhook_sender import Script as SubscriberScript
from tests.flows.gateway import SERVER_ERROR, Gateway, Reply

API_URL = "https://relay.example.com"
MASTER_SECRET = "canary-master-secret"
KEY = new_key(b"ours".ljust(32))
OTHER_KEY = new_key(b"theirs".ljust(32))
REQUEST_BYTES_MAX = 4 * 1024 * 1024

# As the template has them; a test holds the two together.
STREAM_BATCH = 100
VISIBILITY_TIMEOUTS = {
    "jobs": timedelta(seconds=3960),
    "events": timedelta(seconds=180),
    "deliveries": timedelta(seconds=240),
}
RECEIVES_MAX = {"jobs": 550, "events": 25, "deliveries": 150}
INVOCATION = timedelta(seconds=660)

# No invocation is done at once: a lease that just ends has ended by the next one.
_TICK = timedelta(milliseconds=1)
_AFTER_A_FAILED_BATCH = timedelta(seconds=1)


class Function(StrEnum):
    """What works on its own, without a client. In the order in which things pass them."""

    WORKER = "worker"
    PUBLISHER = "publisher"
    FANOUT = "fanout"
    DELIVERER = "deliverer"


class RememberingQueue(InMemoryQueue):
    """Knows every message that was ever sent, each as many times as ``copies`` says."""

    copies = 1

    def __init__(self, clock: FakeClock, seam: Seam, *, name: str) -> None:
        self.sent: list[str] = []
        super().__init__(
            clock,
            seam,
            name=name,
            visibility_timeout=VISIBILITY_TIMEOUTS[name],
            receives_max=RECEIVES_MAX[name],
        )

    @override
    def send_text(
        self, body: str, *, group: str | None = None, attributes: Mapping[str, str] | None = None
    ) -> None:
        self.sent.append(body)
        for _ in range(self.copies):
            super().send_text(body, group=group, attributes=attributes)


class LambdaContext:
    def get_remaining_time_in_millis(self) -> int:
        return INVOCATION // timedelta(milliseconds=1)


class World:
    """One deployment, one Mistral, one subscriber, and clients of two tenants.

    ``is_everything_twice`` sends each message and each batch of the stream two times.
    """

    def __init__(
        self,
        *,
        seam: Seam = QUIET,
        mistral: MistralScript | None = None,
        mistral_takes: timedelta = timedelta(0),
        subscriber: SubscriberScript | None = None,
        is_everything_twice: bool = False,
        seed: int = 1,
    ) -> None:
        self.clock = FakeClock()
        self.dice = FakeDice(seed)
        self.crashes = 0
        self.replies: list[Reply] = []
        self._copies = 2 if is_everything_twice else 1
        self._published = 0  # how far into the stream of changes the publisher is
        self._publisher_rests_until = self.clock.at

        self.keys = InMemoryKeyStore(seam)
        self.jobs = InMemoryJobStore(seam)
        self.contents = InMemoryContentStore(seam)
        self.events = InMemoryEventStore(seam)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.jobs_queue = self._queue("jobs", seam)
        self.events_queue = self._queue("events", seam)
        self.deliveries_queue = self._queue("deliveries", seam)
        self.unpublished = InMemoryQueue(self.clock, seam, name="unpublished")
        self.bus = InMemoryEventBus(seam, target=self.events_queue)
        self.mistral = FakeMistral(mistral, clock=self.clock, takes=mistral_takes, seam=seam)
        self.subscriber = FakeWebhookSender(subscriber, seam=seam)
        self._secret = FakeSecret(MASTER_SECRET, seam)
        self.logs = {
            name: ReadableLog(name)
            for name in ("authorizer", "api", *(function.value for function in Function))
        }
        self._wire()
        self._make_keys()

    def _queue(self, name: str, seam: Seam) -> RememberingQueue:
        queue = RememberingQueue(self.clock, seam, name=name)
        queue.copies = self._copies
        return queue

    def _make_keys(self) -> None:
        scopes = frozenset(Scope) - {Scope.ADMIN}
        self.keys.create(an_api_key(KEY, tenant_id=TENANT, scopes=scopes))
        self.keys.create(an_api_key(OTHER_KEY, tenant_id=OTHER_TENANT, scopes=scopes))

    def _wire(self) -> None:
        """Do what each function's ``main`` does."""
        self._gateway = Gateway(
            authorize=make_authorizer(self.keys, self.logs["authorizer"]),
            answer=make_api(self._services(), self.logs["api"]),
        )
        self._work = make_worker(
            RunJob(
                jobs=self.jobs,
                contents=self.contents,
                mistral=self.mistral,
                clock=self.clock,
                dice=self.dice,
                offload=offload,
            ),
            self.jobs_queue,
            clock=self.clock,
            run=asyncio.run,
            log=self.logs["worker"],
        )
        self._publish = make_publisher(
            PublishChanges(
                read=TableStreamReader(),
                bus=self.bus,
                events=self.events,
                unpublished=self.unpublished,
                clock=self.clock,
                dice=self.dice,
            ),
            self.logs["publisher"],
        )
        self._fan_out = make_fanout(
            FanOut(
                jobs=self.jobs,
                deliveries=self.deliveries,
                queue=self.deliveries_queue,
                clock=self.clock,
            ),
            self.logs["fanout"],
        )
        self._deliver = make_deliverer(
            Deliver(
                deliveries=self.deliveries,
                jobs=self.jobs,
                contents=self.contents,
                sender=self.subscriber,
                master_secret=self._secret,
                clock=self.clock,
                dice=self.dice,
                offload=offload,
                api_url=API_URL,
            ),
            self.deliveries_queue,
            clock=self.clock,
            run=asyncio.run,
            log=self.logs["deliverer"],
        )

    def _services(self) -> Services:
        return Services(
            jobs=self.jobs,
            contents=self.contents,
            submit=SubmitJob(
                jobs=self.jobs,
                contents=self.contents,
                queue=self.jobs_queue,
                clock=self.clock,
                dice=self.dice,
                retention=timedelta(days=30),
            ),
            webhook_master_secret=self._secret,
            clock=self.clock,
            body_defaults=BodyDefaults(model="mistral-small-latest"),
            egress_policy=EgressPolicy(allow_loopback_http=False),
            request_bytes_max=REQUEST_BYTES_MAX,
            public_url=API_URL,
        )

    # ------------------------------------------------------------ what clients do

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Send a request, as one of our own tenant's clients unless another ``key`` is given."""
        reply = SERVER_ERROR
        try:
            reply = self._gateway.request(method, path, body, **({"key": KEY} | more))
        except Crash:
            self.crashes += 1
        self.replies.append(reply)
        return reply

    def submit(self, job: Mapping[str, Any] | None = None, **more: Any) -> JobId:
        """Submit a job that is accepted, and return its id."""
        hello = {"body": {"messages": [{"role": "user", "content": "Hello"}]}}
        reply = self.request("POST", "/v1/jobs", {**hello, **(job or {}), **more})
        assert reply.status == 202, reply.text
        return JobId(reply.json["id"])

    def job(self, job_id: JobId, *, key: str = KEY) -> Any:
        """Return a job as a client sees it."""
        return self.request("GET", f"/v1/jobs/{job_id}", key=key).json

    # ------------------------------------------------------------ what happens by itself

    def ready(self) -> list[Function]:
        """Return the functions that have something to do right now."""
        at = self.clock.at
        ready = [function for function, queue in self._queues().items() if _is_due(queue, at)]
        if self._published < len(self.jobs.changes) and self._publisher_rests_until <= at:
            ready.append(Function.PUBLISHER)
        return sorted(ready, key=list(Function).index)

    def let(self, function: Function) -> None:
        """Let a function work on one batch."""
        self.clock.at += _TICK
        is_gone = False
        try:
            if function is Function.PUBLISHER:
                self._let_publish()
            else:
                self._let_receive(function)
        except* Crash:
            is_gone = True
        self.crashes += is_gone

    def settle(self, *, until: datetime | None = None, invocations_max: int = 10_000) -> None:
        """Go on until nothing is left to do, or until a moment that lies ahead."""
        for _ in range(invocations_max):
            for function in self.ready():
                self.let(function)
            next_at = self.next_at()
            if next_at is None:
                return
            if until is not None and next_at > until:
                self.clock.at = until
                return
            self.clock.at = max(self.clock.at, next_at)
        raise AssertionError(f"still not settled after {invocations_max} rounds")

    def next_at(self) -> datetime | None:
        """Return when there is something to do next, ``None`` where nothing is left."""
        moments = [queue.next_visible_at() for queue in self._queues().values()]
        if self._published < len(self.jobs.changes):
            moments.append(self._publisher_rests_until)
        return min((moment for moment in moments if moment is not None), default=None)

    def _queues(self) -> dict[Function, RememberingQueue]:
        return {
            Function.WORKER: self.jobs_queue,
            Function.FANOUT: self.events_queue,
            Function.DELIVERER: self.deliveries_queue,
        }

    def _let_receive(self, function: Function) -> None:
        handlers: dict[Function, Callable[..., Any]] = {
            Function.WORKER: self._work,
            Function.FANOUT: self._fan_out,
            Function.DELIVERER: self._deliver,
        }
        queue = self._queues()[function]
        event = queue.received()
        if event["Records"]:
            queue.settle(event, handlers[function](event, LambdaContext()))

    def _let_publish(self) -> None:
        """Publish what comes next in the stream, which goes on only when that is done."""
        changes = self.jobs.changes[self._published : self._published + STREAM_BATCH]
        event = stream_event(changes)
        self._publisher_rests_until = self.clock.at + _AFTER_A_FAILED_BATCH
        try:
            answer = self._publish(event, LambdaContext())
            if self._copies > 1:
                answer = self._publish(event, LambdaContext())
        except UnavailableError:
            return
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        done = min((numbers.index(number) for number in failed), default=len(numbers))
        self._published += done
        if not failed:
            self._publisher_rests_until = self.clock.at

    def send_everything_again(self) -> None:
        """Put every message that was ever sent into its queue once more, as a redrive would."""
        for queue in self._queues().values():
            for body in list(queue.sent):
                queue.send_text(body)

    # ------------------------------------------------------------ what can be seen of it

    def row(self, job_id: JobId, tenant_id: TenantId = TENANT) -> Job:
        return next(j for j in self.jobs.all() if (j.tenant_id, j.id) == (tenant_id, job_id))

    def states(self, job_id: JobId) -> list[str]:
        """Return each status that a job went through."""
        return [c.after.status.value for c in self.jobs.changes if c.after.id == job_id]

    def posts_by_webhook_id(self) -> dict[str, list[WebhookRequest]]:
        posts: dict[str, list[WebhookRequest]] = {}
        for post in self.subscriber.posts:
            posts.setdefault(post.headers["webhook-id"], []).append(post)
        return posts

    @property
    def log_text(self) -> str:
        return "".join(log.text for log in self.logs.values())

    @property
    def dead_letters(self) -> list[str]:
        dead = [message for queue in self._queues().values() for message in queue.dead]
        return [message.body for message in (*dead, *self.unpublished.messages)]


def _is_due(queue: InMemoryQueue, at: datetime) -> bool:
    visible_at = queue.next_visible_at()
    return visible_at is not None and visible_at <= at
