"""The sweeper: woken each minute."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from functions.sweeper.sweep import Sweep
from relay.domain.errors import LostRaceError, UnavailableError
from relay.ports import Clock
from relay.telemetry import OLDEST_DUE, Measure, WideLog, in_milliseconds


class LambdaContext(Protocol):
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time the invocation has left."""
        ...


def make_handler(
    sweep: Sweep, *, clock: Clock, log: WideLog, measure: Measure
) -> Callable[[Mapping[str, Any], LambdaContext], None]:
    """Return the Lambda handler."""

    def handle(_event: Mapping[str, Any], context: LambdaContext) -> None:
        """Sweep once. What goes wrong is made good a minute later, so nothing is raised."""
        began = clock.now()
        left = timedelta(milliseconds=context.get_remaining_time_in_millis())
        try:
            swept = sweep(ends_at=began + left)
        except (UnavailableError, LostRaceError) as error:
            log.line("wheel.not_swept", {}, error)
            return
        for trouble in swept.errors:
            log.line("shard.not_swept", {}, trouble)
        facts = {
            "records": swept.looked_at,
            "records_sent": swept.sent,
            "records_told_again": swept.told_again,
            "records_unreadable": swept.unreadable,
            "lag_ms": in_milliseconds(swept.lag),
            "duration_ms": in_milliseconds(clock.now() - began),
        }
        log.line("wheel.swept", facts)
        measure(OLDEST_DUE, swept.lag.total_seconds())

    return handle
