"""Queues, and what is sent by them.

Each method may raise ``UnavailableError``; then the act may or may not have been done, and doing
it again must be safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A message to be sent: small, since it names rows and carries nothing else.

    ``group`` is the tenant, so that none can crowd out the others. The message is not seen
    before ``delay`` is over, 15 minutes at most.
    """

    message: Mapping[str, str]
    group: str
    delay: timedelta = timedelta(0)


class Queue(Protocol):
    """A queue to send to."""

    def send(self, message: Mapping[str, str], *, group: str) -> None:
        """Send one message."""
        ...

    def send_all(self, sendings: Sequence[Sending]) -> None:
        """Send any number of messages, some of which may have been sent where this fails."""
        ...

    def depth(self) -> int:
        """Return about how many messages wait to be received, hidden ones not among them."""
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


class DeadLetters(Protocol):
    """Where what cannot be taken is laid down, with the reason."""

    def bury(self, body: str, *, notes: Mapping[str, str], group: str) -> None:
        """Lay down a message as it came; ``notes`` become its attributes."""
        ...
