"""Days of a fleet: a rush, some hours, and a week in which what is dead is found to be so."""

from dataclasses import dataclass
from datetime import timedelta

from relay.domain.backoff import WEBHOOK_SPAN_MAX
from relay.domain.webhook_endpoint import DISABLED_AFTER, PACED_AFTER
from tests.simulation.fleet import Fleet, Kind, share_of

FOUND_OUT_AFTER = PACED_AFTER + timedelta(minutes=2)
"""By then each endpoint that is slow or dead from the beginning takes turns."""
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """For how long a job of each tenant ends each minute, then each hour, then each day."""

    rush: timedelta
    hours: int


def live_days(fleet: Fleet, days: Days) -> None:
    """Let a fleet live until nothing can be sent any more."""
    rushed, quiet = days.rush, days.rush + timedelta(hours=days.hours)
    ends = DISABLED_AFTER + _A_DAY

    async def jobs() -> None:
        await fleet.complete_jobs(apart=timedelta(minutes=1), until=rushed)
        await fleet.complete_jobs(apart=timedelta(hours=1), until=quiet)
        await fleet.complete_jobs(apart=_A_DAY, until=ends)

    fleet.live(jobs(), until=ends + WEBHOOK_SPAN_MAX + timedelta(hours=1))


def figures_of(fleet: Fleet) -> str:
    """Return what was measured, in words."""
    waits, later = fleet.waits(), fleet.waits(since=FOUND_OUT_AFTER)
    paced_most = max(taken.paced_most for taken in fleet.receivers.open.values())
    well = sum(it is Kind.WELL for it in fleet.kinds.values())
    return (
        f"{len(waits)} deliveries to {well} endpoints"
        f" that are well, in seconds: median {share_of(later, 0.5):.2f},"
        f" 99 % {share_of(later, 0.99):.2f}, all {later[-1]:.2f}"
        f" ({waits[-1]:.2f} before the others were found out);"
        f" {sum(fleet.receivers.posts.values())} posts in {fleet.invocations} invocations,"
        f" at most {paced_most} open at one that takes turns"
    )
