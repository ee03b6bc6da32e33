"""Moments in time: aware, UTC, to the millisecond, so that each form reads back the same."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECOND_MILLISECONDS = 1000


def to_iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Read what ``to_iso`` wrote."""
    return datetime.fromisoformat(text)


def to_milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Read what ``to_milliseconds`` wrote."""
    return _EPOCH + milliseconds * _MILLISECOND


def cut_to_milliseconds(moment: datetime) -> datetime:
    """Return the moment without what neither a row nor a JSON text would keep of it."""
    return from_milliseconds(to_milliseconds(moment))


def stamp(moment: datetime | None) -> int | None:
    """Return whole milliseconds since 1970, ``None`` of no moment: the form that rows keep."""
    return None if moment is None else to_milliseconds(moment)


def moment(milliseconds: int | None) -> datetime | None:
    """Read what ``stamp`` wrote."""
    return None if milliseconds is None else from_milliseconds(milliseconds)


def to_seconds(moment: datetime) -> int:
    """Return whole seconds since 1970: the form of a time to live."""
    return to_milliseconds(moment) // _SECOND_MILLISECONDS


def from_seconds(seconds: int) -> datetime:
    """Read what ``to_seconds`` wrote."""
    return from_milliseconds(seconds * _SECOND_MILLISECONDS)


def moments_between(start: datetime, end: datetime, interval: timedelta) -> int:
    """Return how many moments, an interval apart and the first at the start, lie before the end."""
    return max(0, -((start - end) // interval))
