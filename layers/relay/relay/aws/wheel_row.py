"""The wheel: a row per thing that must be looked at again, in the minute when it must.

Written before what it watches over, never changed, and removed by its time to live.
"""

from datetime import timedelta

from relay.aws.values import Item, to_item
from relay.domain.ids import shard_of
from relay.domain.job import Job
from relay.domain.moments import to_milliseconds

SHARDS = 16
FIRST_LOOK = timedelta(minutes=2)
SPREAD_MINUTES = 3
"""First looks fall 2 to 5 minutes ahead, so that a burst of jobs does not come round at once."""
KEPT_AFTER = timedelta(days=2)
"""How long a hint outlives its minute: longer than any outage of the sweeper that goes unseen."""

_MINUTE_MILLISECONDS = 60_000


def hint_row(job: Job) -> Item:
    """Return the hint for a new job."""
    spread = _spread_of(job.id)
    first = job.created_at + FIRST_LOOK + timedelta(minutes=spread % SPREAD_MINUTES)
    minute = to_milliseconds(first) // _MINUTE_MILLISECONDS + 1
    expires = minute * 60 + int(KEPT_AFTER.total_seconds())
    return to_item(
        {
            "pk": f"W#{minute}#{spread % SHARDS}",
            "sk": f"job#{job.id}",
            "tenant": job.tenant_id,
            "ttl": expires,
        }
    )


def _spread_of(identifier: str) -> int:
    """Return a number that differs from id to id: the last two characters, read as base 8."""
    return shard_of(identifier) + 8 * shard_of(identifier[:-1])
