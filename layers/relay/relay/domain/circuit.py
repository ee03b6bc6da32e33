"""The circuit to Mistral: open while the key or the account is refused, which only a person mends.

While it is open no job is claimed, so none is burnt; one call at a time probes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relay.domain.job import StatusReason

PROBES_APART = timedelta(minutes=1)
WAIT_MAX = timedelta(hours=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The circuit as its row keeps it. ``version`` grows with each opening and each closing."""

    reason: StatusReason | None = None
    """Why it is open; ``None`` where it is closed."""
    version: int = 0
    changed_at: datetime | None = None
    probe_at: datetime | None = None
    """When the next probe may go; set while it is open."""

    @property
    def is_open(self) -> bool:
        """Whether no job may be claimed."""
        return self.reason is not None

    def may_probe(self, at: datetime) -> bool:
        """Tell whether a probe is due."""
        return self.probe_at is not None and self.probe_at <= at

    def opened(self, at: datetime, reason: StatusReason) -> "Circuit":
        """Return the circuit after Mistral refused a call for this reason."""
        if self.reason is reason:
            return replace(self, probe_at=at + PROBES_APART)
        return Circuit(
            reason=reason, version=self.version + 1, changed_at=at, probe_at=at + PROBES_APART
        )

    def probed(self, at: datetime) -> "Circuit":
        """Return the circuit of which one probe is under way."""
        return replace(self, probe_at=at + PROBES_APART)

    def not_probed(self, at: datetime) -> "Circuit":
        """Return the circuit after a probe that called nobody: the next one is due."""
        return replace(self, probe_at=at)

    def closed(self, at: datetime) -> "Circuit":
        """Return the circuit after a probe that Mistral took."""
        return Circuit(version=self.version + 1, changed_at=at)

    def wait(self, at: datetime, *, chance: float) -> timedelta:
        """Return how long a job waits before it looks at the circuit again.

        As long as it has been open already, between a minute and an hour, so that waiting costs
        the logarithm of an outage and healing is noticed in proportion to it. The second half is
        spread by ``chance``, uniform in [0, 1).
        """
        has_lasted = at - (self.changed_at or at)
        bound = min(max(has_lasted, 2 * PROBES_APART), WAIT_MAX)
        return bound * (0.5 + 0.5 * chance) // _MILLISECOND * _MILLISECOND
