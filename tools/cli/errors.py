"""What can end a command early, split by what its user should do next.

CliError                 a headline, lines that explain it, advice   (.exit_code)
├── UsageError           2    correct the command line or the settings
├── RefusedError         3    the service answered, and said no
├── UnreachableError     4    nobody answered, or not a Mistral Relay
├── StillRunningError    5    the time was up; the job goes on
└── InterruptedCliError  130  Ctrl-C; the job goes on
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar
from urllib.parse import urlsplit


def same_job_advice(idempotency_key: str | None) -> list[str]:
    """Return what to do where a request may have made a job that nobody was told of."""
    if idempotency_key is None:
        return []
    return [f"To submit it again as the same job, add --idempotency-key {idempotency_key}"]


def makes_job(url: str) -> bool:
    """Tell whether what is sent there with an idempotency key makes a job, and nothing else."""
    return "/v1/jobs" in urlsplit(url).path  # the service may lie below a path of its own


class Exit(IntEnum):
    """What scripts read; the list in ``relay --help`` says the same."""

    DONE = 0
    JOB_FAILED = 1
    CHECK_FAILED = 1  # of relay doctor, or a step of relay init
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    STILL_RUNNING = 5
    INTERRUPTED = 130  # 128 + SIGINT, as shells count
    BROKEN_PIPE = 141  # 128 + SIGPIPE: the reader of stdout left


class CliError(Exception):
    """A command cannot go on; never holds an API key."""

    exit_code: ClassVar[Exit]

    def __init__(
        self, headline: str, *, lines: Sequence[str] = (), advice: Sequence[str] = ()
    ) -> None:
        super().__init__(headline)
        self.headline = headline
        self.lines = tuple(lines)
        self.advice = tuple(advice)

    def advise(self, advice: str) -> None:
        """Add what only a caller knows, such as how to find the job again."""
        self.advice = (*self.advice, advice)


class UsageError(CliError):
    """The command line, a file it names or the settings are wrong; nothing was sent."""

    exit_code = Exit.USAGE


class RefusedError(CliError):
    """The service answered with a status of 400 or above."""

    exit_code = Exit.REFUSED

    def __init__(
        self,
        headline: str,
        *,
        lines: Sequence[str] = (),
        advice: Sequence[str] = (),
        status_code: int | None = None,
    ) -> None:
        super().__init__(headline, lines=lines, advice=advice)
        self.status_code = status_code


class UnreachableError(CliError):
    """No answer came, or one that Mistral Relay would not give."""

    exit_code = Exit.UNREACHABLE


class StillRunningError(CliError):
    """The job had not ended when the time to wait was over."""

    exit_code = Exit.STILL_RUNNING


class InterruptedCliError(CliError):
    """The person pressed Ctrl-C."""

    exit_code = Exit.INTERRUPTED
