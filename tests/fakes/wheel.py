from bisect import bisect_left
from collections.abc import Sequence
from typing import override

from relay.domain.errors import LostRaceError
from relay.domain.wheel import Hint, Position
from relay.ports import Page, Wheel
from tests.fakes.seam import QUIET, Seam


class InMemoryWheel(Wheel):
    """Hints by minute and shard, in the order of their names, some to a page."""

    def __init__(self, seam: Seam = QUIET, *, page_rows: int = 400) -> None:
        self.noted: Sequence[Position] | None = None
        self.pages = 0
        self._minutes: list[int] = []
        self._hints: dict[tuple[int, int], dict[str, Hint]] = {}
        self._seam = seam
        self._page_rows = page_rows

    @override
    def put(self, hints: Sequence[Hint]) -> None:
        with self._seam.around("wheel.put"):
            for hint in hints:
                name = f"{hint.purpose}#{hint.kind}#{hint.id}"
                self._hints.setdefault((hint.minute, hint.shard), {})[name] = hint
                where = bisect_left(self._minutes, hint.minute)
                if where == len(self._minutes) or self._minutes[where] != hint.minute:
                    self._minutes.insert(where, hint.minute)

    @override
    def page(self, shard: int, position: Position) -> Page:
        self.pages += 1
        there = self._hints.get((position.minute, shard), {})
        if not there:  # most are empty, and what may come between two of those is all alike
            return Page(hints=[])
        with self._seam.around("wheel.page"):
            names = sorted(name for name in there if name > position.after)
            shown = names[: self._page_rows]
            more = len(names) > len(shown)
            return Page(hints=[there[n] for n in shown], after=shown[-1] if more else None)

    @override
    def positions(self) -> Sequence[Position] | None:
        with self._seam.around("wheel.positions"):
            return self.noted

    @override
    def advance(self, before: Sequence[Position] | None, after: Sequence[Position]) -> None:
        with self._seam.around("wheel.advance"):
            if self.noted is not None and list(self.noted) == list(after):
                return
            if self.noted != before and list(self.noted or ()) != list(before or ()):
                raise LostRaceError("the wheel has been swept on")
            self.noted = list(after)

    def next_minute(self) -> int | None:
        """Return the first minute that has hints and has not been swept, ``None`` if none has."""
        swept = min((position.minute for position in self.noted or ()), default=0)
        where = bisect_left(self._minutes, swept)
        return self._minutes[where] if where < len(self._minutes) else None

    def all(self) -> list[Hint]:
        """Return every hint there is, the earliest first."""
        found = [hint for minute in self._hints.values() for hint in minute.values()]
        return sorted(found, key=lambda hint: (hint.at, hint.id))
