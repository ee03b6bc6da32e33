"""What the use cases need of the world outside.

Each port has a real adapter and a fake, and both pass the same contract suite in
``tests/contracts``.

Any method that talks to AWS may raise ``UnavailableError``; then the act may or may not have been
done, and doing it again must be safe. Other errors are named where they can occur.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from relay.domain.answer import Answer
from relay.domain.api_key import ApiKey
from relay.domain.content import Content
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.ids import DeliveryId, EventId, JobId, TenantId
from relay.domain.job import Job
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest

type Offload = Callable[..., Awaitable[Any]]
"""Runs a blocking call beside the event loop: ``await offload(function, *arguments)``."""


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """Return the moment: aware, UTC, whole milliseconds."""
        ...

    def wait(self, duration: timedelta) -> None:
        """Hold the caller."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Hold the calling task and let the others go on."""
        ...


class Dice(Protocol):
    """Chance: what ids are made from, and what spreads retries."""

    def randomness(self, length: int) -> bytes:
        """Return random bytes that nobody can guess."""
        ...

    def chance(self) -> float:
        """Return a number spread evenly over [0, 1). Not for secrets."""
        ...


class JobStore(Protocol):
    """Jobs. The row is the lock: each change is one conditional write."""

    def has_room_for(self, job: Job) -> bool:
        """Tell whether the job, its inline request included, is cheap to write all its life."""
        ...

    def submit(self, job: Job) -> None:
        """Keep a new job, and before it its hint on the wheel.

        Raises:
            AlreadyExistsError: another job of this id is there; nothing was changed.
        """
        ...

    def get(self, tenant_id: TenantId, job_id: JobId, *, at: datetime) -> Job:
        """Return the job as it is now, all writes that were answered before included.

        Raises:
            NotFoundError: the tenant has no such job, or its time is over.
        """
        ...

    def claim(
        self, tenant_id: TenantId, job_id: JobId, *, at: datetime, lease_margin: timedelta
    ) -> Job:
        """Take the job for one worker, for its own time-out and a margin, and raise its fence.

        Done in one write, if the job is not final, not under a live lease, due, before its
        deadline, and has an attempt left.

        Raises:
            JobNotClaimableError: one of these does not hold; the error carries the job as it is.
            NotFoundError: there is no such job.
        """
        ...

    def save(self, before: Job, after: Job) -> None:
        """Write ``after``, if the row is still just as ``before`` was read or written.

        For a claimed job that means: held under the same fencing token. A write that had been
        done already counts as done now.

        Raises:
            LostLeaseError: the row has changed since; nothing was written.
        """
        ...


class ContentStore(Protocol):
    """Requests and results, which are too large for a job's own row."""

    def put(self, job: Job, key: str, body: bytes) -> Content:
        """Keep bytes under the job and a key of their own. They are never changed afterwards."""
        ...

    def get(self, job: Job, content: Content) -> bytes:
        """Return the bytes.

        Raises:
            NotFoundError: they have been deleted or have expired.
        """
        ...

    def link(self, job: Job, content: Content, *, lifetime: timedelta) -> str:
        """Return an address at which anyone who has it can read an object for a while."""
        ...


class EventStore(Protocol):
    """Events, kept once they are on the bus."""

    def put(self, events: Sequence[Event]) -> None:
        """Keep events; one that is kept already stays as it is, since ids are derived."""
        ...

    def get(self, tenant_id: TenantId, event_id: EventId) -> Event:
        """Return an event.

        Raises:
            NotFoundError: the tenant has no such event.
        """
        ...


class EventBus(Protocol):
    """The bus on which everything that happens is told."""

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put events on the bus and return those that it did not take."""
        ...


class DeliveryStore(Protocol):
    """Deliveries. As with jobs, the row is the lock."""

    def create(self, delivery: Delivery) -> None:
        """Keep a new delivery.

        Raises:
            AlreadyExistsError: it is there already; nothing was changed.
        """
        ...

    def claim(
        self, target_id: str, delivery_id: DeliveryId, *, at: datetime, lease: timedelta
    ) -> Delivery:
        """Take a pending delivery that is due for one attempt, in one write.

        Raises:
            DeliveryNotClaimableError: final, not due, or under a live lease; carries it as it is.
            NotFoundError: there is no such delivery.
        """
        ...

    def save(self, before: Delivery, after: Delivery) -> None:
        """Write what came of an attempt, if it is still held under the same fencing token.

        Raises:
            LostLeaseError: it is not; nothing was written.
        """
        ...


class KeyStore(Protocol):
    """API keys by their hash."""

    def create(self, key: ApiKey) -> None:
        """Keep a new key.

        Raises:
            AlreadyExistsError: a key of this hash is there.
        """
        ...

    def get(self, key_hash: str) -> ApiKey:
        """Return a key.

        Raises:
            NotFoundError: there is none of this hash.
        """
        ...


class Queue(Protocol):
    """A queue to send to. Messages are small: they name rows and carry nothing else."""

    def send(self, message: Mapping[str, str], *, group: str) -> None:
        """Send one message. ``group`` is the tenant, so that none can crowd out the others."""
        ...


@dataclass(frozen=True, slots=True)
class Postponement:
    """A received message, and how long it shall stay out of sight."""

    receipt: str
    wait: timedelta


class Visibility(Protocol):
    """The queue that a function reads, as far as postponing goes."""

    def postpone(self, postponements: Sequence[Postponement]) -> None:
        """Hide messages for as long as each says, cut to what the queue can do.

        A message that could not be postponed comes back by itself, when the queue's own
        visibility timeout ends.

        Raises:
            UnavailableError: one or more could not be postponed.
        """
        ...


class Mistral(Protocol):
    """Mistral's API."""

    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        """Post a JSON body and return whatever came back, errors included.

        Raises:
            MistralCallError: no answer came in ``time_limit`` all in all, or none that ended.
        """
        ...


class WebhookSender(Protocol):
    """The way out to subscribers, guarded against forbidden targets."""

    async def post(self, request: WebhookRequest) -> WebhookAnswer:
        """Post once and return what came of it, refusals and failures included."""
        ...


class Secret(Protocol):
    """One secret, kept for a few minutes once read."""

    def text(self) -> str:
        """Return the secret."""
        ...


class ChangeReader(Protocol):
    """Reads rows as the table's stream carries them."""

    def job(self, image: Mapping[str, Any] | None) -> Job | None:
        """Return the job of an image, ``None`` of no image and of a row that is no job's."""
        ...
