"""Moments in time: aware, UTC, to the millisecond, so that each form reads back the same."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


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
