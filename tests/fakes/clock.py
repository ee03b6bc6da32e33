import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class FakeClock:
    """Stands still until it is set; whoever waits moves it on, and nothing really waits."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def wait(self, duration: timedelta) -> None:
        self.at += duration

    async def sleep(self, duration: timedelta) -> None:
        """Let the other tasks run. Those that sleep at the same time do not add up."""
        until = self.at + duration
        await asyncio.sleep(0)
        self.at = max(self.at, until)
