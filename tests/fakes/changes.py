"""What the stores wrote, in order, for those who read the table's stream."""

from typing import NamedTuple

from relay.aws.values import Item
from relay.domain.job import Job


class JobChange(NamedTuple):
    """One write of a job."""

    before: Job | None
    after: Job


class RowChange(NamedTuple):
    """One write of a row, as the table's stream would tell it."""

    old: Item | None
    new: Item


class Changes:
    """Every write whose row may make an event, in order."""

    def __init__(self) -> None:
        self.made: list[RowChange] = []

    def note(self, old: Item | None, new: Item) -> None:
        self.made.append(RowChange(old, new))
