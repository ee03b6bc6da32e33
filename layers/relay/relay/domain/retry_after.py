"""`Retry-After`: how long somebody asks us to wait.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RETRY_AFTER_MAX = timedelta(hours=24)  # nobody may park us beyond our own longest wait

_DATE_CHARACTERS_MAX = 64
_SECONDS_DIGITS_MAX = 9  # more is above the maximum anyhow, and int() slows down with length


def parse_retry_after(value: str, *, now: datetime) -> timedelta | None:
    """Return how long a receiver asks us to wait; None for what is no wait, or a past date.

    `value` is seconds or a date in any of HTTP's three forms. `now` must be aware.
    """
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        is_short = len(value) <= _SECONDS_DIGITS_MAX
        return min(timedelta(seconds=int(value)), RETRY_AFTER_MAX) if is_short else RETRY_AFTER_MAX
    wait = _wait_until(value, now=now)
    return None if wait is None or wait < timedelta(0) else min(wait, RETRY_AFTER_MAX)


def _wait_until(value: str, *, now: datetime) -> timedelta | None:
    if len(value) > _DATE_CHARACTERS_MAX:
        return None
    try:
        at = parsedate_to_datetime(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):  # no date, or one that no calendar holds
        return None
