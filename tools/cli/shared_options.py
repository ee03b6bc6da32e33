"""Options that commands share."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter, validators

from tools.cli.errors import UsageError

WAIT_SECONDS_DEFAULT = 600
WAIT_SECONDS_MAX = 7 * 24 * 3600  # no job lives longer before its deadline

LIMIT_MAX = 10_000
Limit = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LIMIT_MAX))]
"""How many rows a list prints at most."""


@Parameter(name="*", group="Following")
@dataclass(frozen=True, kw_only=True)
class FollowOptions:
    """How long to stay, and for whom to print."""

    wait: bool = False
    """Wait for the end of the job. --wait 60 is short for --wait --timeout 60."""

    timeout: Annotated[
        int | None, Parameter(validator=validators.Number(gte=1, lte=WAIT_SECONDS_MAX))
    ] = None
    """Seconds to wait at most. [default: 600]"""

    json: bool = False
    """Print the job as one JSON object, and nothing else, on standard output."""

    @property
    def wait_seconds(self) -> int:
        """Return how long to wait for the end; 0 is not at all.

        Raises:
            UsageError: A time was given, but not asked to wait.
        """
        if self.timeout is not None and not self.wait:
            raise UsageError("--timeout goes with --wait.")
        return (self.timeout or WAIT_SECONDS_DEFAULT) if self.wait else 0


FOLLOW_DEFAULTS = FollowOptions()
