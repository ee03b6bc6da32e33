"""Waiting for a job's end: the service holds each question, so that hardly anyone sleeps."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tools.cli.client import HOLD_SECONDS_MAX, Answer, RelayClient
from tools.cli.errors import CliError, InterruptedCliError, StillRunningError
from tools.cli.job_view import JobView
from tools.cli.machine import Machine

# An answer that comes sooner was not held; asking again at once would only burn requests.
HELD_SECONDS_MIN = 1.0
type Notify = Callable[[JobView], None]


def hold_seconds(remaining: float) -> int:
    """Return what to ask of ``Prefer: wait``, with ``remaining`` seconds to spend."""
    return max(1, min(HOLD_SECONDS_MAX, math.ceil(remaining)))


class Follower:
    """Follows jobs until a fixed time."""

    def __init__(
        self, client: RelayClient, machine: Machine, *, seconds: float, notify: Notify
    ) -> None:
        self._client = client
        self._machine = machine
        self._notify = notify
        self._seconds = seconds
        self._until = machine.ticks() + seconds

    def first(self, question: Callable[[], Answer]) -> JobView:
        """Ask ``question`` and return its job at its end.

        Raises:
            StillRunningError: The time was up before.
        """
        begun = self._machine.ticks()
        answer = question()
        with interruptible(answer.job.id), speaking_of(answer.job.id):
            return self._until_final(answer, self._pause_after(answer, begun))

    def find(self, job_id: str) -> JobView:
        """Return the job with that id at its end.

        Raises:
            StillRunningError: The time was up before.
        """
        hold = hold_seconds(self._seconds)
        with interruptible(job_id):
            return self.first(
                lambda: self._client.find(job_id, hold_seconds=hold, until=self._until)
            )

    def _until_final(self, answer: Answer, pause: float) -> JobView:
        while not answer.job.is_final:  # ends: each turn is held or pauses, and time runs out
            self._notify(answer.job)
            if self._machine.ticks() + pause >= self._until:
                raise StillRunningError(
                    f"After {self._seconds:g} s the job is still {answer.job.status}."
                )
            if pause:
                self._machine.wait(pause)
            begun = self._machine.ticks()
            answer = self._client.ask(
                answer.link, hold_seconds=hold_seconds(self._until - begun), until=self._until
            )
            pause = self._pause_after(answer, begun)
        return answer.job

    def _pause_after(self, answer: Answer, begun: float) -> float:
        """Return the seconds to let pass before the next question."""
        was_held = self._machine.ticks() - begun >= HELD_SECONDS_MIN
        least = 0.0 if was_held else HELD_SECONDS_MIN
        return max(least, answer.retry_after_seconds or 0.0)


@contextmanager
def speaking_of(job_id: str) -> Iterator[None]:
    """Tell of the job in whatever ends the waiting early, for the job itself goes on."""
    try:
        yield
    except CliError as error:
        error.advise(_how_to_follow(job_id))
        raise


@contextmanager
def interruptible(job_id: str) -> Iterator[None]:
    """Turn Ctrl-C into words about the job.

    Raises:
        InterruptedCliError: The person pressed Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise InterruptedCliError("Interrupted.", advice=[_how_to_follow(job_id)]) from interrupt


def _how_to_follow(job_id: str) -> str:
    return f"The job goes on; see it with: relay job {job_id} --wait"
