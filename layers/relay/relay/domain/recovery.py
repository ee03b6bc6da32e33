"""A recovery: past events that one endpoint failed to get, or missed, are sent to it again.

It walks through the tenant's events page by page, from message to message, and its row says how
far it has come.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from relay.domain.ids import EndpointId, EventId, TenantId

RECOVERY_KEPT = timedelta(days=30)
RECOVERY_LASTS_AT_MOST = timedelta(days=2)
"""After that it is given up, whatever keeps it from its end."""
RECOVERIES_APART = timedelta(minutes=2)
"""Of an endpoint that is in trouble and well over and over: each walks through an hour or more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A recovery of what happened from ``since`` on and before ``until``.

    ``after`` is the event that it has come to, ``version`` rises with each page, and ``due_at``
    is when the next one is to be looked at.
    """

    id: str
    tenant_id: TenantId
    endpoint_id: EndpointId
    since: datetime
    until: datetime
    created_at: datetime
    due_at: datetime
    purge_at: datetime
    version: int = 1
    after: EventId | None = None
    redelivered: int = 0
    finished_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """When it is given up at the latest."""
        return self.created_at + RECOVERY_LASTS_AT_MOST

    @property
    def round_id(self) -> str:
        """What the rounds are known by that it opens."""
        return self.id.replace("rec_", "rnd_", 1)

    def advanced(self, after: EventId, *, redelivered: int, due_at: datetime) -> "Recovery":
        """Return the recovery after a page."""
        return replace(
            self,
            version=self.version + 1,
            after=after,
            redelivered=self.redelivered + redelivered,
            due_at=due_at,
        )

    def finished(self, at: datetime, *, redelivered: int) -> "Recovery":
        """Return the recovery after its last page."""
        return replace(
            self,
            version=self.version + 1,
            redelivered=self.redelivered + redelivered,
            finished_at=at,
        )


def recovery_time_of(at: datetime) -> datetime:
    """Return when the recovery begins of an endpoint that is well again at a moment."""
    return at + (_EPOCH - at) % RECOVERIES_APART


def recovery_of(
    endpoint_id: EndpointId,
    tenant_id: TenantId,
    *,
    identifier: str,
    since: datetime,
    until: datetime,
    at: datetime,
) -> Recovery:
    """Return a new recovery, due at once."""
    return Recovery(
        id=identifier,
        tenant_id=tenant_id,
        endpoint_id=endpoint_id,
        since=since,
        until=until,
        created_at=at,
        due_at=at,
        purge_at=at.replace(microsecond=0) + RECOVERY_KEPT,
    )
