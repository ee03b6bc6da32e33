"""Events as they happen: pages asked for one after the other, each held until there is one."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from relay.domain.event_types import ALL, is_chosen, is_pattern
from tools.cli.client import PAGE_SIZE_MAX, Page, RelayClient
from tools.cli.errors import CliError, RefusedError, UnreachableError, UsageError
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.submission import past_moment, wire_moment

PATH = "/v1/events"
WAIT_SECONDS = 20  # what the service holds a question for; its API answers within 30
# An answer that comes sooner was not held; asking again at once would only burn requests.
HELD_SECONDS_MIN = 1.0
PAUSES_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)  # the last again and again


def patterns_of(given: Sequence[str]) -> list[str]:
    """Return event types and patterns as typed: one by one, or with commas between.

    Raises:
        UsageError: One can be no pattern.
    """
    patterns = [one.strip() for text in given for one in text.split(",")]
    for pattern in patterns:
        if not is_pattern(pattern):
            raise UsageError(
                f"{pattern} is no type of events, which are such as job.failed, or 'job.*' for all."
            )
    return patterns


class Insisting:
    """Asks the service until it answers, for commands that run until they are stopped."""

    def __init__(self, machine: Machine, output: Output) -> None:
        self._machine = machine
        self._output = output

    def __call__[T](self, question: Callable[[], T]) -> T:
        """Return the answer, however long it takes.

        Raises:
            CliError: Asking again would not help.
        """
        failures = 0
        while True:  # ends with an answer, or with Ctrl-C
            try:
                return question()
            except CliError as error:
                if not _may_pass(error):
                    raise
                pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)]
                self._output.note(f"{error.headline} Goes on from there in {pause:g} s.")
            failures += 1
            self._machine.wait(pause)


def _may_pass(error: CliError) -> bool:
    if isinstance(error, RefusedError):
        status = error.status_code or 0
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, UnreachableError)


class EventFeed:
    """The events of some types from a moment on, without an end."""

    def __init__(self, client: RelayClient, machine: Machine, *, patterns: Sequence[str]) -> None:
        self._client = client
        self._machine = machine
        self._patterns = patterns or [ALL]

    def start(self, since: str | None) -> str:
        """Return the moment to begin at; now is when the service says so, since clocks differ.

        Raises:
            UsageError: ``since`` is no moment.
        """
        if since is not None:
            return past_moment(since, option="--since", at=self._machine.now())
        if self._client.heard_at is None:
            self._client.page(PATH, {"limit": "1"})
        return wire_moment(self._client.heard_at or self._machine.now())

    def pages(
        self, created_after: datetime | str, ask: Callable[[Callable[[], Page]], Page]
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield page after page, also empty ones, so that whoever has little time can stop.

        The next page is asked for only once this one has been dealt with.
        """
        if isinstance(created_after, datetime):
            created_after = wire_moment(created_after)
        asked = {
            "created_after": created_after,
            "limit": str(PAGE_SIZE_MAX),
            "wait": str(WAIT_SECONDS),
        }
        if len(self._patterns) == 1:
            asked["type"] = self._patterns[0]
        while True:  # ends when nobody asks for the next
            begun = self._machine.ticks()
            page = ask(lambda: self._client.page(PATH, asked, hold_seconds=WAIT_SECONDS))
            yield [
                event for event in page.data if is_chosen(str(event.get("type")), self._patterns)
            ]
            if page.cursor is not None:
                asked["cursor"] = page.cursor
            if not page.data and self._machine.ticks() - begun < HELD_SECONDS_MIN:
                self._machine.wait(HELD_SECONDS_MIN)
