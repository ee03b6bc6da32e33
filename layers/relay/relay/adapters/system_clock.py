"""The machine's clock."""

import asyncio
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
        await asyncio.sleep(duration.total_seconds())
