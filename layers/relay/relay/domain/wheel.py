"""The wheel: what must be looked at again, by the minute in which it must.

A hint is written before what it watches over, never changed, and removed by its time to live. It
is a reason to look and nothing more: what is to be done, the row that it names decides.

Two kinds of looks: a *watch* goes on until its row is final, each look writing the next hint, so
that nothing is forgotten whatever gets lost; a *wake* brings one waiting row back when it is due.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from relay.domain.delivery import Delivery
from relay.domain.ids import shard_of
from relay.domain.job import Job
from relay.domain.moments import from_milliseconds, to_milliseconds
from relay.domain.recovery import Recovery

SHARDS = 16
FIRST_LOOK = timedelta(minutes=2)
SPREAD_MINUTES = 3
"""First looks fall 2 to 5 minutes ahead, so that a burst does not come round at once."""
LOOKS_APART_MAX = timedelta(hours=6)
WRITTEN_AHEAD = timedelta(seconds=30)
"""A hint's minute begins at least this long after it is written: longer than a write can take."""
BUSY_PATIENCE = timedelta(hours=1)
"""How long a message is taken to be waiting, not lost, while its queue is long."""
PUBLISHING_TIME = timedelta(minutes=2)
"""How long the publisher may take before an end that is untold is told anew."""
TOLD_AGAIN_APART = timedelta(hours=1)
"""After the first time. What was not told may be on its way, behind others that wait as well."""
_MINUTE = timedelta(minutes=1)
_MINUTE_MILLISECONDS = 60_000
_DOUBLINGS_MAX = 10  # beyond any cap, and small enough for a duration to hold


class HintKind(StrEnum):
    """What kind of row a hint names."""

    JOB = "job"
    DELIVERY = "dlv"
    RECOVERY = "rec"
    EVENT = "evt"
    """An event that is its own outbox: inserted first, and put on the bus after."""


class Purpose(StrEnum):
    """Why a row is looked at."""

    WATCH = "watch"
    WAKE = "wake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A reason to look at a row in the minute of ``at``, or ``minutes_ahead`` of that.

    ``owner`` is the tenant of a job or an event, the target of a delivery or a recovery.
    ``looks`` counts the looks of a watch that found a row overdue. A wake is looked at in the
    minute before its own, where there is one: a sweep comes at any second of its minute, and what
    is due before that second would be late.
    """

    kind: HintKind
    purpose: Purpose
    owner: str
    id: str
    at: datetime
    looks: int = 0
    minutes_ahead: int = 0

    @property
    def minute(self) -> int:
        """The minute since 1970 in which the row is looked at."""
        return minute_of(self.at) - self.minutes_ahead

    @property
    def shard(self) -> int:
        """Which of the minute's shards the hint lies in."""
        return _spread_of(self.id) % SHARDS

    def again(self, at: datetime, *, looks: int) -> Self:
        """Return the watch's next hint."""
        return replace(self, at=_minute_after(at), looks=looks, minutes_ahead=0)


@dataclass(frozen=True, slots=True)
class Position:
    """How far one shard has been swept: all before ``minute``, and that up to ``after``."""

    minute: int
    after: str = ""

    def after_page(self, after: str | None) -> "Position":
        """Return where a shard goes on after a page that ended there, or with its minute."""
        return Position(self.minute + 1) if after is None else Position(self.minute, after)


def begin_of(minute: int) -> datetime:
    """Return the moment at which a minute begins."""
    return from_milliseconds(minute * _MINUTE_MILLISECONDS)


def minute_of(at: datetime) -> int:
    """Return the whole minutes since 1970."""
    return to_milliseconds(at) // _MINUTE_MILLISECONDS


def watch(kind: HintKind, owner: str, identifier: str, at: datetime) -> Hint:
    """Return the first hint of a watch over what is made at ``at``."""
    spread = _spread_of(identifier) % SPREAD_MINUTES
    first = _minute_after(at + FIRST_LOOK + spread * _MINUTE)
    return Hint(kind=kind, purpose=Purpose.WATCH, owner=owner, id=identifier, at=first)


def wake(kind: HintKind, owner: str, identifier: str, *, due: datetime, now: datetime) -> Hint:
    """Return the hint that brings a row back when it is due, or as soon as the wheel can.

    The minute that is under way may have been swept already, so the next one is the soonest.
    """
    soonest = _minute_after(now + WRITTEN_AHEAD)
    at = max(due, soonest)
    return Hint(
        kind=kind,
        purpose=Purpose.WAKE,
        owner=owner,
        id=identifier,
        at=at,
        minutes_ahead=int(at >= soonest + _MINUTE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a look sees of a row that is not final."""

    due_at: datetime
    """When it is, or was, to be worked on, or the lease of whoever works on it ends."""
    ends_at: datetime
    """When it is to end at the latest."""

    @classmethod
    def job(cls, job: Job) -> Self:
        """Return a job as a look sees it."""
        due_at = job.lease_until or min(job.ready_at or job.created_at, job.deadline)
        return cls(due_at=due_at, ends_at=max(job.deadline, due_at))

    @classmethod
    def delivery(cls, delivery: Delivery) -> Self:
        """Return a delivery as a look sees it. A lease that has not ended yet counts."""
        due_at = max(delivery.next_attempt_at, delivery.lease_until or delivery.next_attempt_at)
        return cls(due_at=due_at, ends_at=delivery.purge_at)

    @classmethod
    def recovery(cls, recovery: Recovery) -> Self:
        """Return a recovery as a look sees it."""
        return cls(due_at=recovery.due_at, ends_at=recovery.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What comes of a look: a message, to be seen at ``send_at``, and the watch's next hint."""

    send_at: datetime | None = None
    next_hint: Hint | None = None


def look(hint: Hint, row: Watched, *, at: datetime, is_queue_busy: bool) -> Look:
    """Decide what a hint means for the row that it names, which is not final.

    While the row is in order, the next hint follows from the row alone, so that two watches over
    one row, as a sweep that was cut short may leave them, become one again.
    """
    if hint.purpose is Purpose.WAKE:
        # Parked anew since, or in hands that hold it: that has a hint of its own.
        is_this_turn = row.due_at <= hint.at
        return Look(send_at=max(at, row.due_at, hint.at) if is_this_turn else None)
    overdue = at - row.due_at
    if overdue < FIRST_LOOK:
        return Look(next_hint=_next(hint, row.due_at + FIRST_LOOK, at, looks=hint.looks))
    if is_queue_busy and overdue < BUSY_PATIENCE and at < row.ends_at:
        soon = _before_the_end(row.due_at + BUSY_PATIENCE, row, at)
        return Look(next_hint=_next(hint, soon, at, looks=hint.looks))
    later = _before_the_end(_backed_off(hint, at), row, at)
    return Look(send_at=at, next_hint=_next(hint, later, at, looks=hint.looks + 1))


def look_later(hint: Hint, at: datetime) -> Hint:
    """Return the hint that takes this one's place where a look came to nothing."""
    return _next(hint, _backed_off(hint, at), at, looks=hint.looks + 1)


def _next(hint: Hint, moment: datetime, at: datetime, *, looks: int) -> Hint:
    return hint.again(max(moment, at + WRITTEN_AHEAD), looks=looks)


def _backed_off(hint: Hint, at: datetime) -> datetime:
    """Return when to look again at what a look did not mend.

    Counted from the hint, so that a page which is looked at twice gets the same next hints; from
    now only where the sweep is far behind.
    """
    wait: timedelta = min(FIRST_LOOK * 2 ** min(hint.looks + 1, _DOUBLINGS_MAX), LOOKS_APART_MAX)
    moment = hint.at + wait
    return moment if moment - at >= FIRST_LOOK else at + wait


def _before_the_end(moment: datetime, row: Watched, at: datetime) -> datetime:
    """Look just after a row's end rather than long after it."""
    end = row.ends_at + FIRST_LOOK
    return end if at < end < moment else moment


def _minute_after(at: datetime) -> datetime:
    """Return the beginning of the minute that follows, so that no look comes early."""
    past = timedelta(milliseconds=to_milliseconds(at) % _MINUTE_MILLISECONDS)
    return at - past + _MINUTE


def _spread_of(identifier: str) -> int:
    """Return a number that differs from id to id: the last two characters, read as base 8."""
    return shard_of(identifier) + 8 * shard_of(identifier[:-1])
