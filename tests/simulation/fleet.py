"""A thousand webhook endpoints, most of them well, in virtual time and with real concurrency.

So many invocations of the deliverer run at once as may, each for as long as its slowest post. One
event loop carries them all; it never waits, but sets its time on to what comes next.
"""

import asyncio
import random
import selectors
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heappop, heappush
from http import HTTPStatus
from typing import Any, override

from functions.deliverer.deliver import Outcome
from relay.domain.content import result_key
from relay.domain.delivery import Delivery
from relay.domain.ids import EndpointId, JobId, TenantId, ulid
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from relay.domain.wheel import SHARDS, Position, begin_of, minute_of
from relay.ports import WebhookSender
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import LEASE_MARGIN, a_job, an_endpoint, completed
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.mistral import FakeMistral
from tests.fakes.queue import InMemoryQueue, QueuedMessage
from tests.fakes.table_stream import stream_event
from tests.flows.deployment import TIMEOUTS, Deployment, Function, Machine

TIME_LIMIT = timedelta(seconds=15)
"""The sender's own, for one post."""
BATCH = 10
INVOCATIONS = 20
"""As many as `DelivererConcurrency` lets run at once."""
_RESULT = b'{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'
_MILLISECOND = timedelta(milliseconds=1)


class Kind(StrEnum):
    """How an endpoint answers."""

    WELL = "well"
    SLOW = "slow"
    """With a 200, after 5 to 14 seconds."""
    SILENT = "silent"
    """Never: each post times out."""
    REFUSING = "refusing"
    """No connection, at once."""
    BROKEN = "broken"
    GONE = "gone"
    RETURNING = "returning"
    """Silent for an hour, and well from then on."""


SHARES = {
    Kind.SLOW: 50,
    Kind.SILENT: 30,
    Kind.REFUSING: 30,
    Kind.BROKEN: 25,
    Kind.GONE: 10,
    Kind.RETURNING: 5,
}
"""Of a thousand; the others are well."""
_STATUSES = {
    Kind.WELL: HTTPStatus.OK,
    Kind.BROKEN: HTTPStatus.INTERNAL_SERVER_ERROR,
    Kind.GONE: HTTPStatus.GONE,
}
TENANTS = 10
ENDPOINTS_EACH = 100
BACK_AFTER = timedelta(hours=1)
FOR_EVER = timedelta(days=365)
PATTERNS = (("job.*",), ("*",), ("job.completed",), ("job.completed", "webhook_endpoint.*"))


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time is what it has slept: nothing here waits for anybody outside."""

    def __init__(self) -> None:
        super().__init__(_TimeSetter(self))
        self.slept = 0.0

    @override
    def time(self) -> float:
        return self.slept


class _TimeSetter(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits for somebody else"
        self._loop.slept += max(timeout, 0)
        return []


class LoopClock:
    """The time of the loop, as everybody has it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._loop.slept)

    def wait(self, duration: timedelta) -> None:
        raise AssertionError(f"nobody here may block for {duration}")

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(duration.total_seconds(), 0))


class QuickQueue(InMemoryQueue):
    """The same, for very many messages. Tells ``noticed`` when there may be something to take."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.noticed: Callable[[], None] = lambda: None
        self._by_moment: list[tuple[datetime, int, QueuedMessage]] = []
        self._by_receipt: dict[str, QueuedMessage] = {}
        self._pushed = 0

    @override
    def send_text(self, body: str, **named: Any) -> None:
        super().send_text(body, **named)
        self._push(self.messages.pop())

    @override
    def depth(self) -> int:
        now = self._clock.now()
        return sum(moment <= now for moment, _, _ in self._by_moment)

    @override
    def received(self, limit: int = BATCH) -> dict[str, Any]:
        now, batch = self._clock.now(), list[QueuedMessage]()
        while len(batch) < limit and self._by_moment and self._by_moment[0][0] <= now:
            message = heappop(self._by_moment)[2]
            if message.receives == self._receives_max:
                self.dead.append(message)
                continue
            message.receives += 1
            message.receipt = self._new_id("receipt")
            self._by_receipt[message.receipt] = message
            batch.append(message)
        return {"Records": [self._record(it, it.receipt or "") for it in batch]}

    @override
    def settle(self, event: Any, answer: Any) -> None:
        """Put back what failed, at the moment that it was given, and forget the rest."""
        failed = {failure["itemIdentifier"] for failure in (answer or {})["batchItemFailures"]}
        for record in event["Records"]:
            message = self._by_receipt.pop(record["receiptHandle"])
            if message.id in failed:
                self._push(message)

    @override
    def _hide(self, postponement: Any) -> bool:
        whole = timedelta(seconds=-(-max(postponement.wait, timedelta(0)) // timedelta(seconds=1)))
        self._by_receipt[postponement.receipt].visible_at = self._clock.now() + whole
        return True

    @override
    def next_visible_at(self) -> datetime | None:
        return self._by_moment[0][0] if self._by_moment else None

    def _push(self, message: QueuedMessage) -> None:
        self._pushed += 1
        heappush(self._by_moment, (message.visible_at, self._pushed, message))
        self.noticed()


@dataclass(slots=True)
class _Open:
    """The posts that an endpoint has open and got while it took turns, and the most there were."""

    paced: int = 0
    paced_most: int = 0


class Receivers(WebhookSender):
    """All endpoints, each of its kind, which its address tells."""

    def __init__(self, clock: LoopClock, lots: random.Random) -> None:
        self.is_paced: Callable[[str], bool] = lambda _: False
        self.posts: Counter[Kind] = Counter()
        self.open: dict[str, _Open] = defaultdict(_Open)
        self._clock = clock
        self._lots = lots

    @override
    async def post(self, request: WebhookRequest) -> WebhookAnswer:
        kind = Kind(request.url.split("/")[3])
        self.posts[kind] += 1
        taken = self.open[request.url]
        counts = self.is_paced(request.url)
        taken.paced += counts
        taken.paced_most = max(taken.paced_most, taken.paced)
        takes, status, failure = self._comes_of(kind)
        await self._clock.sleep(takes)
        taken.paced -= counts
        return WebhookAnswer(status, failure, None, "", takes)

    def _comes_of(self, kind: Kind) -> tuple[timedelta, int | None, WebhookFailure | None]:
        quickly = timedelta(milliseconds=self._lots.choice([50, 120, 200, 400]))
        if kind is Kind.SLOW:
            return timedelta(seconds=self._lots.randint(5, 14)), HTTPStatus.OK, None
        if kind is Kind.RETURNING:
            kind = Kind.WELL if self._clock.now() >= NOON + BACK_AFTER else Kind.SILENT
        if kind is Kind.SILENT:
            return TIME_LIMIT, None, WebhookFailure.TIMEOUT
        if kind is Kind.REFUSING:
            return 2 * _MILLISECOND, None, WebhookFailure.CONNECT_FAILED
        return quickly, _STATUSES[kind], None


class _CapturedError(Exception):
    """What an invocation would do, before it does it."""

    def __init__(self, work: Coroutine[Any, Any, list[Outcome]]) -> None:
        super().__init__()
        self.work = work


class Fleet(Deployment):
    """A deployment and its endpoints. Jobs come by ``complete_jobs``."""

    def __init__(self, *, seed: int = 1, invocations: int = INVOCATIONS) -> None:
        self.loop = VirtualLoop()
        self.clock = LoopClock(self.loop)
        self.lots = random.Random(f"fleet {seed}")  # noqa: S311 - it must be repeatable
        self.receivers = Receivers(self.clock, self.lots)
        self.kinds: dict[EndpointId, Kind] = {}
        self.invocations = 0
        self.busy_most = 0
        self._outcomes: list[Outcome] | None = None
        self._limit = invocations
        self._published = 0
        self._jobs_made = 0
        super().__init__(
            Machine(
                clock=self.clock,
                dice=FakeDice(seed),
                mistral=FakeMistral(),
                sender=self.receivers,
                run=self._run,
            ),
            QuickQueue,
        )
        self.second_of_sweeps = timedelta(seconds=self.lots.randint(0, 59))
        self.wheel.noted = [Position(minute_of(NOON))] * SHARDS
        self.tenants_there = [
            TenantId("ten_" + ulid(NOON, bytes([n]) * 10)) for n in range(TENANTS)
        ]
        self._register()

    def _register(self) -> None:
        kinds = [kind for kind, number in SHARES.items() for _ in range(number)]
        kinds += [Kind.WELL] * (TENANTS * ENDPOINTS_EACH - len(kinds))
        self.lots.shuffle(kinds)
        for number, kind in enumerate(kinds):
            tenant_id = self.tenants_there[number % TENANTS]
            identifier = EndpointId("we_" + ulid(NOON, number.to_bytes(10)))
            self.kinds[identifier] = kind
            self.endpoints.create(
                an_endpoint(
                    id=identifier,
                    tenant_id=tenant_id,
                    url=f"https://hooks.example.com/{kind}/{tenant_id}/{identifier}",
                    event_types=self.lots.choice(PATTERNS),
                )
            )
        self.receivers.is_paced = self._is_paced

    def endpoint_at(self, url: str) -> WebhookEndpoint:
        *_, tenant_id, identifier = url.split("/")
        return self.endpoints.get(TenantId(tenant_id), EndpointId(identifier))

    def _is_paced(self, url: str) -> bool:
        return self.endpoint_at(url).is_paced(self.clock.now())

    # ------------------------------------------------------------ time

    def live(self, *others: Coroutine[Any, Any, None], until: timedelta) -> None:
        """Let everything go on until a moment after noon, with others beside it."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._live(others, until))

    def close(self) -> None:
        self.loop.close()

    async def _live(self, others: Sequence[Coroutine[Any, Any, None]], until: timedelta) -> None:
        functions = (self._sweep_each_minute(), self._fan_out(), self._deliver())
        tasks = [asyncio.create_task(it) for it in (*others, *functions)]
        await self._sleep_until(NOON + until)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sleep_until(self, moment: datetime) -> None:
        await self.clock.sleep(moment - self.clock.now() + _MILLISECOND)

    # ------------------------------------------------------------ what happens by itself

    async def complete_jobs(self, *, apart: timedelta, until: timedelta = FOR_EVER) -> None:
        """Have a job of each tenant end, again and again, and its event published."""
        while self.clock.now() < NOON + until:
            for tenant_id in self.tenants_there:
                self._complete_job(tenant_id)
                await self.clock.sleep(apart / TENANTS)

    def _complete_job(self, tenant_id: TenantId) -> None:
        self._jobs_made += 1
        at = self.clock.now().replace(microsecond=0)
        identifier = JobId("job_" + ulid(at, self._jobs_made.to_bytes(10)))
        job = a_job(id=identifier, tenant_id=tenant_id, created_at=at, changed_at=at)
        job = replace(job, purge_at=at + timedelta(days=30))
        claimed = job.claimed(at, LEASE_MARGIN)
        result = self.contents.put(claimed, result_key(claimed.fence), _RESULT)
        self.jobs.submit(replace(completed(claimed, result=result), changed_at=at))
        self.publish()

    def publish(self) -> None:
        """Publish what is new in the stream of changes."""
        changes = self.stream.made[self._published :]
        self._published = len(self.stream.made)
        context = FakeLambdaContext(TIMEOUTS[Function.PUBLISHER])
        self.handlers[Function.PUBLISHER](stream_event(changes), context)

    async def _sweep_each_minute(self) -> None:
        """At some second of each minute in which there is anything to look at."""
        context = FakeLambdaContext(TIMEOUTS[Function.SWEEPER])
        while True:
            this = minute_of(self.clock.now())
            await self._sleep_until(begin_of(this + 1) + self.second_of_sweeps)
            first = self.wheel.next_minute()
            if first is not None and first <= this + 1:
                self.handlers[Function.SWEEPER]({}, context)

    async def _fan_out(self) -> None:
        queue = self.events_queue
        while True:
            event = queue.received()
            if not event["Records"]:
                await self._next_message(queue)
                continue
            await asyncio.sleep(0.1)
            context = FakeLambdaContext(TIMEOUTS[Function.FANOUT])
            queue.settle(event, self.handlers[Function.FANOUT](event, context))

    async def _deliver(self) -> None:
        """Run as many invocations at once as may, as soon as there is anything for them."""
        queue = self.deliveries_queue
        running = set[asyncio.Task[None]]()
        while True:
            if len(running) == self._limit:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                continue
            event = queue.received(self.lots.randint(1, BATCH))
            if event["Records"]:
                running.add(asyncio.create_task(self._invoke(event)))
                self.busy_most = max(self.busy_most, len(running))
                continue
            await self._next_message(queue)
            running = {task for task in running if not task.done() or task.result()}

    async def _next_message(self, queue: InMemoryQueue) -> None:
        """Wait until a queue may have something to take."""
        assert isinstance(queue, QuickQueue), "made of the type that was given"
        noticed = asyncio.Event()
        queue.noticed = noticed.set
        moment = queue.next_visible_at()
        wait = None if moment is None else moment - self.clock.now() + _MILLISECOND
        if wait is not None and wait <= timedelta(0):
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(noticed.wait(), wait.total_seconds() if wait else None)

    async def _invoke(self, event: dict[str, Any]) -> None:
        """Run one invocation for as long as its slowest post.

        The handler runs twice: it is stopped where it would go through its work, which is done
        beside that of others, and then is given what came of it.
        """
        handle, queue = self.handlers[Function.DELIVERER], self.deliveries_queue
        context = FakeLambdaContext(TIMEOUTS[Function.DELIVERER])
        self.invocations += 1
        try:
            handle(event, context)
        except _CapturedError as captured:
            self._outcomes = await captured.work
        queue.settle(event, handle(event, context))
        if len(self.stream.made) > self._published:
            self.publish()  # an endpoint was disabled, and its event inserted with that

    def _run(self, work: Coroutine[Any, Any, list[Outcome]]) -> list[Outcome]:
        if self._outcomes is None:
            raise _CapturedError(work)
        work.close()
        outcomes, self._outcomes = self._outcomes, None
        return outcomes

    # ------------------------------------------------------------ what can be seen of it

    def deliveries_to(self, kind: Kind) -> list[Delivery]:
        """Return the deliveries to all endpoints of a kind."""
        return [
            it
            for it in self.deliveries.all()
            if it.endpoint_id is not None and self.kinds[it.endpoint_id] is kind
        ]

    def waits(self, kind: Kind = Kind.WELL, *, since: timedelta = timedelta(0)) -> list[float]:
        """Return how many seconds after its event each delivery was there, the shortest first.

        Those to endpoints of a kind, of what happened from a moment after noon on.
        """
        return sorted(
            (it.finished_at - it.occurred_at).total_seconds()
            for it in self.deliveries_to(kind)
            if it.finished_at is not None and it.occurred_at >= NOON + since
        )


def share_of(waits: Sequence[float], share: float) -> float:
    """Return the wait that so many are not longer than."""
    return waits[int((len(waits) - 1) * share)]
