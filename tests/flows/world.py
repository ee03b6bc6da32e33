"""The whole relay on one clock: the real handlers of every function, wired as on AWS, on fakes.

Nothing happens by itself. ``let`` gives one function one batch, ``settle`` goes on until nothing
is left to do, and time passes only there. Every call of every fake goes through one seam, where a
test makes trouble.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, override

from relay.domain.api_key import Scope, new_key
from relay.domain.errors import UnavailableError
from relay.domain.ids import JobId, TenantId
from relay.domain.job import Job
from relay.domain.webhook_exchange import WebhookRequest
from relay.domain.wheel import SHARDS, Position, begin_of, minute_of
from tests.fakes.clock import FakeClock
from tests.fakes.dice import FakeDice
from tests.fakes.examples import OTHER_TENANT, TENANT, an_api_key
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.mistral import FakeMistral
from tests.fakes.mistral import Script as MistralScript
from tests.fakes.queue import InMemoryQueue
from tests.fakes.seam import QUIET, Seam
from tests.fakes.table_stream import stream_event
from tests.fakes.trouble import Crash
from tests.fakes.webhook_sender import FakeWebhookSender
from tests.fakes.webhook_sender import Script as SubscriberScript
from tests.flows.deployment import TIMEOUTS, Deployment, Function, Machine
from tests.flows.gateway import SERVER_ERROR, Reply

KEY = new_key(b"ours".ljust(32))
OTHER_KEY = new_key(b"theirs".ljust(32))

# As the template has it; a test holds the two together.
STREAM_BATCH = 100

# No invocation is done at once: a lease that just ends has ended by the next one.
_TICK = timedelta(milliseconds=1)
_AFTER_A_FAILED_BATCH = timedelta(seconds=1)


class RememberingQueue(InMemoryQueue):
    """Knows every message that was ever sent, each as many times as ``copies`` says."""

    copies = 1

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.sent: list[str] = []
        super().__init__(*arguments, **named)

    @override
    def send_text(self, body: str, **named: Any) -> None:
        self.sent.append(body)
        for _ in range(self.copies):
            super().send_text(body, **named)


class World(Deployment):
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
        self.crashes = 0
        self.replies: list[Reply] = []
        self._copies = 2 if is_everything_twice else 1
        self._published = 0  # how far into the stream of changes the publisher is
        self._publisher_rests_until = self.clock.at
        self._swept_at: datetime | None = None
        self.mistral = FakeMistral(mistral, clock=self.clock, takes=mistral_takes, seam=seam)
        self.subscriber = FakeWebhookSender(subscriber, seam=seam)
        machine = Machine(
            clock=self.clock,
            dice=FakeDice(seed),
            mistral=self.mistral,
            sender=self.subscriber,
            seam=seam,
        )
        super().__init__(machine, RememberingQueue)
        for queue in self.queues.values():
            assert isinstance(queue, RememberingQueue), "made of the type that was given"
            queue.copies = self._copies
        self.wheel.noted = [Position(minute_of(self.clock.at))] * SHARDS  # swept up to now
        scopes = frozenset(Scope) - {Scope.ADMIN}
        self.keys.create(an_api_key(KEY, tenant_id=TENANT, scopes=scopes))
        self.keys.create(an_api_key(OTHER_KEY, tenant_id=OTHER_TENANT, scopes=scopes))

    # ------------------------------------------------------------ what clients do

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Send a request, as one of our own tenant's clients unless another ``key`` is given."""
        reply = SERVER_ERROR
        try:
            reply = self.gateway.request(method, path, body, **({"key": KEY} | more))
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
        ready = [function for function, queue in self.queues.items() if _is_due(queue, at)]
        if self._published < len(self.stream.made) and self._publisher_rests_until <= at:
            ready.append(Function.PUBLISHER)
        turn = self._next_turn()
        if turn is not None and turn <= at:
            ready.append(Function.SWEEPER)
        return sorted(ready, key=list(Function).index)

    def let(self, function: Function) -> None:
        """Let a function work on one batch."""
        self.clock.at += _TICK
        is_gone = False
        try:
            if function is Function.PUBLISHER:
                self._let_publish()
            elif function is Function.SWEEPER:
                self._swept_at = self.clock.at
                self.handlers[function]({}, _context_of(function))
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
        moments = [queue.next_visible_at() for queue in self.queues.values()]
        if self._published < len(self.stream.made):
            moments.append(self._publisher_rests_until)
        moments.append(self._next_turn())
        return min((moment for moment in moments if moment is not None), default=None)

    def _next_turn(self) -> datetime | None:
        """Return when the wheel has something on it: at the turns between nothing happens."""
        minute = self.wheel.next_minute()
        if minute is None:
            return None
        turn = begin_of(minute)
        if self._swept_at is None or turn > self._swept_at:
            return turn
        return self._swept_at + timedelta(minutes=1)  # what was not done then is done a turn later

    def _let_receive(self, function: Function) -> None:
        queue = self.queues[function]
        event = queue.received()
        if event["Records"]:
            queue.settle(event, self.handlers[function](event, _context_of(function)))

    def _let_publish(self) -> None:
        """Publish what comes next in the stream, which goes on only when that is done."""
        publish = self.handlers[Function.PUBLISHER]
        changes = self.stream.made[self._published : self._published + STREAM_BATCH]
        event = stream_event(changes)
        self._publisher_rests_until = self.clock.at + _AFTER_A_FAILED_BATCH
        try:
            answer = publish(event, _context_of(Function.PUBLISHER))
            if self._copies > 1:
                answer = publish(event, _context_of(Function.PUBLISHER))
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
        for function, queue in self.queues.items():
            for body in self.sent_to(function):
                queue.send_text(body)

    # ------------------------------------------------------------ what can be seen of it

    def sent_to(self, function: Function) -> list[str]:
        """Return the body of every message that was ever sent to a function's queue."""
        queue = self.queues[function]
        assert isinstance(queue, RememberingQueue), "made of the type that was given"
        return list(queue.sent)

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


def _context_of(function: Function) -> FakeLambdaContext:
    return FakeLambdaContext(TIMEOUTS[function])


def _is_due(queue: InMemoryQueue, at: datetime) -> bool:
    visible_at = queue.next_visible_at()
    return visible_at is not None and visible_at <= at
