"""The machine's clock."""

import time
from datetime import UTC, datetime, timedelta

from relay.domain.moments import cut_to_milliseconds


class SystemClock:
    """The one place that reads the time and waits for it."""

    def now(self) -> datetime:
        """Return the moment: aware, UTC, whole milliseconds."""
        return cut_to_milliseconds(datetime.now(UTC))

    def wait(self, duration: timedelta) -> None:
        """Hold the calling thread."""
        time.sleep(duration.total_seconds())

    async def sleep(self, duration: timedelta) -> None:
        """Hold the calling task."""
        import asyncio  # noqa: PLC0415 - most functions have no event loop, and it costs 20 ms

        await asyncio.sleep(duration.total_seconds())
