"""A registered webhook endpoint: what it is told, how it is signed for, and how it fares.

How it fares is a few moments on its row, written when they change and not at every attempt: an
endpoint that answers well costs one read. One that is slow, or has only failed for a while, is
*paced*: its deliveries take turns, one at a time, so that it holds up nobody else's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Literal

from relay.domain.event_types import is_chosen
from relay.domain.ids import EndpointId, TenantId
from relay.domain.secret_versions import NEVER_ROTATED, SecretVersions
from relay.domain.webhook_exchange import WebhookAnswer

ENDPOINTS_MAX = 100
"""Of one tenant: each event reads them all."""
SLOW = timedelta(seconds=5)
"""An answer that takes longer flags its endpoint: a third of what it may take."""
PACED_AFTER = timedelta(minutes=10)
"""For how long an endpoint must have only failed, however fast it did, to be paced."""
DISABLED_AFTER = timedelta(days=5)
"""For how long an endpoint must have only failed to be disabled."""
TURNS_APART = timedelta(seconds=20)
"""Between two attempts at a paced endpoint: longer than one may take, so that they never meet."""
FAILING_TURNS_APART = timedelta(minutes=2)
"""The same where it has only failed for a while: each attempt may hold an invocation for 15 s, so
that thirty endpoints that never answer would hold more than twenty of them, one each 20 s.
"""
TURN_PATIENCE = timedelta(seconds=4)
"""How late a turn may be taken. One that is taken later could meet the next."""


class EndpointStatus(StrEnum):
    """Whether events are sent there."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why an endpoint is disabled."""

    MANUAL = "manual"
    FAILING = "failing"
    """It has only failed for five days."""
    GONE = "gone"
    """It answered 410."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An endpoint as its row keeps it. ``version`` rises with each change but a turn taken."""

    id: EndpointId
    tenant_id: TenantId
    url: str
    event_types: tuple[str, ...]
    payload: Literal["full", "thin"] = "full"
    legacy_signature: bool = False
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    created_at: datetime
    status: EndpointStatus = EndpointStatus.ENABLED
    disabled_reason: DisabledReason | None = None
    secrets: SecretVersions = NEVER_ROTATED
    version: int = 1
    failing_since: datetime | None = None
    """The first failure since the last success."""
    slow_since: datetime | None = None
    """The first slow answer since the last that was not."""
    turn_at: datetime | None = None
    """When the next turn is free, where turns are taken."""

    def __post_init__(self) -> None:
        """Refuse a state that no sequence of changes leads to."""
        if (self.status is EndpointStatus.DISABLED) != (self.disabled_reason is not None):
            raise ValueError(f"{self.id}: {self.status} for {self.disabled_reason}")

    @property
    def is_enabled(self) -> bool:
        """Whether events are sent there."""
        return self.status is EndpointStatus.ENABLED

    def wants(self, event_type: str) -> bool:
        """Tell whether events of a type are sent there."""
        return self.is_enabled and is_chosen(event_type, self.event_types)

    def is_paced(self, at: datetime) -> bool:
        """Tell whether its deliveries take turns."""
        return self.slow_since is not None or self._only_fails(at)

    def turns_apart(self, at: datetime) -> timedelta:
        """Return how far apart its turns lie, where it is paced."""
        return FAILING_TURNS_APART if self._only_fails(at) else TURNS_APART

    def is_turn(self, turn_at: datetime | None, at: datetime) -> bool:
        """Tell whether a turn that was reserved is now.

        Where it has been well since, turns have begun anew, and the older ones are nobody's.
        """
        if turn_at is None or self.turn_at is None or turn_at + TURNS_APART > self.turn_at:
            return False
        return turn_at <= at <= turn_at + TURN_PATIENCE

    def _only_fails(self, at: datetime) -> bool:
        return self.failing_since is not None and at - self.failing_since >= PACED_AFTER

    def changed(self, **changes: Any) -> "WebhookEndpoint":
        """Return the endpoint with changes, as its next version."""
        return replace(self, version=self.version + 1, **changes)

    def enabled(self) -> "WebhookEndpoint":
        """Return the endpoint enabled, with a clean slate."""
        return self.changed(status=EndpointStatus.ENABLED, disabled_reason=None, **_FARES_WELL)

    def disabled(self, reason: DisabledReason) -> "WebhookEndpoint":
        """Return the endpoint disabled."""
        return self.changed(status=EndpointStatus.DISABLED, disabled_reason=reason)

    def rotated(self, at: datetime) -> "WebhookEndpoint":
        """Return the endpoint with a new secret.

        Raises:
            TooManyRotationsError: too many old ones would sign along.
        """
        return self.changed(secrets=self.secrets.rotated(at))

    def heard(self, answer: WebhookAnswer, at: datetime) -> "WebhookEndpoint":
        """Return the endpoint after an attempt that ended at ``at``.

        The endpoint itself, where nothing has changed that is worth a write.
        """
        status = answer.status_code
        if status == HTTPStatus.GONE:
            return self.disabled(DisabledReason.GONE) if self.is_enabled else self
        is_slow = answer.duration >= SLOW
        slow_since = (self.slow_since or at) if is_slow else None
        if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            fares = {"failing_since": None, "slow_since": slow_since}
            return self._faring(fares if is_slow else _FARES_WELL)
        failing_since = self.failing_since or at
        if self.is_enabled and at - failing_since >= DISABLED_AFTER:
            return self.disabled(DisabledReason.FAILING)
        return self._faring(
            {"failing_since": failing_since, "slow_since": slow_since or self.slow_since}
        )

    def has_healed_since(self, before: "WebhookEndpoint", at: datetime) -> bool:
        """Tell whether it took turns before, and does no more."""
        return before.is_paced(at) and not self.is_paced(at) and self.is_enabled

    @property
    def troubled_since(self) -> datetime | None:
        """When it began to be slow or to fail, where it is or does."""
        return min((it for it in (self.failing_since, self.slow_since) if it), default=None)

    def _faring(self, fares: Mapping[str, datetime | None]) -> "WebhookEndpoint":
        is_as_before = all(getattr(self, name) == moment for name, moment in fares.items())
        return self if is_as_before else self.changed(**fares)


_FARES_WELL: Mapping[str, None] = MappingProxyType(
    {"failing_since": None, "slow_since": None, "turn_at": None}
)
