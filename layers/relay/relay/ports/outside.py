"""Those outside: Mistral, subscribers, the bus, and the secrets that they are met with."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from relay.domain.answer import Answer
from relay.domain.circuit import Circuit
from relay.domain.event import Event
from relay.domain.job import Job
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest


class Mistral(Protocol):
    """Mistral's API."""

    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        """Post a JSON body and return whatever came back, errors included.

        Raises:
            MistralCallError: no answer came in ``time_limit`` all in all, or none that ended.
        """
        ...


class RateBucket(Protocol):
    """A token bucket that deals out moments at which something may be done.

    May raise ``UnavailableError``; then moments may have been dealt out that nobody uses.
    """

    @property
    def interval(self) -> timedelta:
        """How far apart the moments lie."""
        ...

    def reserve(self, most: int, *, at: datetime, before: datetime) -> Sequence[datetime]:
        """Take up to ``most`` moments, ``interval`` apart, and return them, the first first.

        None lies before ``at``, and all lie before ``before``. Taken in one conditional write.
        """
        ...


class CircuitStore(Protocol):
    """The circuit to Mistral. Each method may raise ``UnavailableError``."""

    def get(self) -> Circuit:
        """Return the circuit, closed where it was never opened.

        Raises:
            UnreadableRowError: newer code wrote it in a way that this code does not know.
        """
        ...

    def save(self, before: Circuit, after: Circuit) -> None:
        """Write ``after``, if the row is still just as ``before`` was read.

        Raises:
            LostRaceError: the circuit has changed since; nothing was written.
        """
        ...


class EventBus(Protocol):
    """The bus on which everything that happens is told."""

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put events on the bus and return those that it did not take."""
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

    def forget(self) -> None:
        """Read it anew the next time: somebody said that it is not right any more."""
        ...


type Change = Job | Circuit | Event
"""What a row can be whose change may make an event; an ``Event`` is its own outbox."""


class ChangeReader(Protocol):
    """Reads rows as the table's stream carries them."""

    def read(self, image: Mapping[str, Any] | None) -> Change | None:
        """Return what an image shows, ``None`` of no image and of a row that makes no events."""
        ...
