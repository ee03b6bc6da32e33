"""Which versions of a derived secret sign: the current one, and old ones for a day."""

from dataclasses import dataclass
from datetime import datetime, timedelta

OVERLAP = timedelta(hours=24)
"""For how long an old secret signs along, so that receivers can change over."""
OLD_SECRETS_MAX = 4
"""Each signs every request, so that rotating over and over must end somewhere."""


class TooManyRotationsError(ValueError):
    """As many old secrets as may be sign along; the next rotation must wait ``until``."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"{OLD_SECRETS_MAX} old secrets sign along already")
        self.until = until


@dataclass(frozen=True, slots=True)
class OldSecret:
    """A version that still signs along, until then."""

    version: int
    until: datetime


@dataclass(frozen=True, slots=True)
class SecretVersions:
    """The versions of one secret. The secrets themselves are kept nowhere."""

    current: int = 1
    old: tuple[OldSecret, ...] = ()

    def active(self, at: datetime) -> list[int]:
        """Return the versions that sign at a moment, the newest first."""
        return [self.current, *(it.version for it in self._still_signing(at))]

    def rotated(self, at: datetime) -> "SecretVersions":
        """Return the versions after a rotation.

        Raises:
            TooManyRotationsError: too many old ones would sign along.
        """
        signing = self._still_signing(at)
        if len(signing) >= OLD_SECRETS_MAX:
            raise TooManyRotationsError(signing[-1].until)
        return SecretVersions(self.current + 1, (OldSecret(self.current, at + OVERLAP), *signing))

    def previous_until(self, at: datetime) -> datetime | None:
        """Return until when the secret before the current one signs along, if it still does."""
        return next((it.until for it in self._still_signing(at)), None)

    def _still_signing(self, at: datetime) -> tuple[OldSecret, ...]:
        return tuple(it for it in self.old if at < it.until)


NEVER_ROTATED = SecretVersions()
