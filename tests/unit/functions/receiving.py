"""The Lambda service that hands a queue's messages to a function, one invocation after another."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.clock import FakeClock
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.queue import InMemoryQueue
from tests.unit.functions.sample_events import failures

type Handle = Callable[[Mapping[str, Any], FakeLambdaContext], Any]


class Receiving:
    """Receives, lets the handler work, and does with its answer what Lambda does."""

    def __init__(self, clock: FakeClock, queue: InMemoryQueue, handle: Handle) -> None:
        self.clock = clock
        self.queue = queue
        self._handle = handle

    def run(self, *, left: timedelta = timedelta(seconds=29)) -> list[str]:
        """Let one invocation work on what can be received; return the messages it wants back."""
        event = self.queue.received()
        assert event["Records"], "nothing can be received now"
        answer = self._handle(event, FakeLambdaContext(left))
        self.queue.settle(event, answer)
        return failures(answer)

    def run_to_the_end(self, *, invocations_max: int = 200) -> int:
        """Run whenever there is something, until nothing is; return how often that was."""
        for invocations in range(invocations_max):
            visible_at = self.next_at()
            if visible_at is None:
                return invocations
            # No invocation is done at once: a lease that just ends has ended by the next one.
            self.clock.at = max(self.clock.at + timedelta(milliseconds=1), visible_at)
            self.run()
        raise AssertionError(f"still at work after {invocations_max} invocations")

    def next_at(self) -> datetime | None:
        """Return when there is something to receive, ``None`` where there never will be."""
        return self.queue.next_visible_at()
