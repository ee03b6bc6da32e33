"""The wheel, on which what must be looked at again comes round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from relay.domain.wheel import Hint, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some hints of one minute and shard. ``after`` is where the next page begins, if any."""

    hints: Sequence[Hint]
    unreadable: int = 0
    """How many hints stand there that this code cannot read."""
    after: str | None = None


class Wheel(Protocol):
    """Hints by minute. Each method may raise ``UnavailableError``."""

    def put(self, hints: Sequence[Hint]) -> None:
        """Write hints. Written twice they are the same hints."""
        ...

    def page(self, shard: int, position: Position) -> Page:
        """Return the hints of a shard's minute that lie after a position, those it can at once."""
        ...

    def positions(self) -> Sequence[Position] | None:
        """Return how far each shard has been swept, ``None`` before the first sweep."""
        ...

    def advance(self, before: Sequence[Position] | None, after: Sequence[Position]) -> None:
        """Note how far each shard has been swept, in one conditional write.

        Raises:
            LostRaceError: another sweep has gone on since ``before`` was read.
        """
        ...
