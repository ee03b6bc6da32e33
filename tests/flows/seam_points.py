"""Every point at which a history can be cut: before and after each call of each fake."""

from dataclasses import dataclass, field
from typing import override

from tests.fakes.seam import Seam


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th time that one call is about to be, or has just been, done."""

    call: str
    is_after: bool
    number: int

    def __str__(self) -> str:
        return f"{'after' if self.is_after else 'before'} {self.call} {self.number}"


@dataclass(slots=True)
class Cut(Seam):
    """Raises at one point. Until it is ``armed`` nothing counts."""

    at: Point | None = None
    error: BaseException | None = None
    is_armed: bool = False
    was_met: bool = False
    met: list[Point] = field(default_factory=list)

    @override
    def before(self, call: str) -> None:
        self._meet(call, is_after=False)

    @override
    def after(self, call: str) -> None:
        self._meet(call, is_after=True)

    def _meet(self, call: str, *, is_after: bool) -> None:
        if not self.is_armed:
            return
        earlier = [p for p in self.met if (p.call, p.is_after) == (call, is_after)]
        point = Point(call, is_after, len(earlier) + 1)
        self.met.append(point)
        if point == self.at and self.error is not None:
            self.was_met = True
            raise self.error
