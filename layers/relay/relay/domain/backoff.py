"""When to try again: the one place where the retry schedules are written down."""

from datetime import timedelta

BASE = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_DOUBLINGS_MAX = 20  # beyond any cap, and small enough for a duration to hold
IN_PLACE_CAP = timedelta(seconds=32)
"""The longest wait that an attempt in the same invocation may be given."""
RELEASED_CAP = timedelta(hours=1)
"""The longest wait out of an invocation; it costs nothing, but for the moment it ends too late."""
IN_PLACE_BUDGET = timedelta(seconds=10)
"""How long one claim may wait in all. Longer waits leave the invocation: its time is billed."""
GATE_PATIENCE = timedelta(seconds=3)
"""How long a batch may wait in its invocation for leave to call. Beyond that, waiting is cheaper
by message: ten jobs wait in one invocation, and yet each second of it costs as much as a receipt.
"""
UNWRITTEN_HOLD_MAX = timedelta(seconds=45)
"""The longest wait for leave to call that stands on no row. Whoever looks at the row in a longer
one must see that it waits, and is not lost; two of these end before anyone looks.
"""
RELEASES_BY_MESSAGE = 2
"""How often one message may carry a waiting row. After that the wheel sends another."""
MESSAGE_WAIT_MAX = timedelta(minutes=15)
"""The longest wait that a message carries: SQS hides 120,000 in all, and each receipt is paid."""

WEBHOOK_SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Waits after the first, second … failed attempt at a webhook. Source: Standard Webhooks 1.0.0."""
WEBHOOK_JITTER = 0.2
WEBHOOK_SPAN_MAX = sum(WEBHOOK_SCHEDULE, timedelta(days=1)) * (1 + WEBHOOK_JITTER)
"""How long a delivery may go on: all waits at their longest, and a day that was asked for."""


def full_jitter(attempt: int, *, cap: timedelta, chance: float) -> timedelta:
    """Return the wait after failed attempt 1, 2 and so on: up to a bound that doubles.

    ``chance`` is uniform in [0, 1).
    Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    doublings = min(attempt - 1, _DOUBLINGS_MAX)
    bound: timedelta = min(cap, BASE * 2**doublings)
    return _cut(bound * chance)


def is_for_the_message(wait: timedelta, *, receives: int) -> bool:
    """Tell whether a message that was received so often may carry a row through a wait."""
    return receives <= RELEASES_BY_MESSAGE and wait <= MESSAGE_WAIT_MAX


def webhook_wait(failures: int, *, chance: float) -> timedelta | None:
    """Return the wait after so many failed attempts, ± 20 %, or ``None`` when all are spent."""
    if failures > len(WEBHOOK_SCHEDULE):
        return None
    return _cut(WEBHOOK_SCHEDULE[failures - 1] * (1 + WEBHOOK_JITTER * (2 * chance - 1)))


def _cut(wait: timedelta) -> timedelta:
    """Return whole milliseconds, so that a moment plus a wait is one that a row can keep."""
    return wait // _MILLISECOND * _MILLISECOND
