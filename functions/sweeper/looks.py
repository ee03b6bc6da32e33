"""What a page of hints comes to: each row that is named is read, and the domain decides.

Nothing is changed here; what is to be done is returned, so that it can be done in order.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from relay.domain.delivery import Delivery
from relay.domain.event import event_of
from relay.domain.ids import DeliveryId, EndpointId, EventId, JobId, TenantId
from relay.domain.job import Job
from relay.domain.messages import delivery_message, job_message, recovery_message
from relay.domain.recovery import Recovery
from relay.domain.wheel import (
    PUBLISHING_TIME,
    TOLD_AGAIN_APART,
    Hint,
    HintKind,
    Look,
    Purpose,
    Watched,
    look,
    look_later,
)
from relay.ports import DeliveryStore, EventStore, Found, JobStore, RecoveryStore, Sending

type IsBusy = Callable[[], bool]
"""Whether a queue is long, asked only where it matters."""
type IsQueueBusy = Callable[[HintKind], bool]
"""The same for the queue of such rows."""


@dataclass(slots=True, kw_only=True)
class Acts:
    """What is to be done, in this order, and how many rows could not be read."""

    hints: list[Hint] = field(default_factory=list)
    jobs: list[tuple[Hint, Sending]] = field(default_factory=list)
    deliveries: list[tuple[Hint, Sending]] = field(default_factory=list)
    recoveries: list[tuple[Hint, Sending]] = field(default_factory=list)
    untold: list[Job] = field(default_factory=list)
    unpublished: list[tuple[TenantId, EventId]] = field(default_factory=list)
    unreadable: int = 0

    def take(
        self, result: Look, sendings: list[tuple[Hint, Sending]], sent: tuple[Hint, Sending]
    ) -> None:
        """Take over what one look came to."""
        if result.send_at is not None:
            sendings.append(sent)
        if result.next_hint is not None:
            self.hints.append(result.next_hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtRows:
    """Reads the rows that hints name, many at once."""

    jobs: JobStore
    deliveries: DeliveryStore
    recoveries: RecoveryStore
    events: EventStore

    def __call__(self, hints: Sequence[Hint], *, at: datetime, is_busy: IsQueueBusy) -> Acts:
        """Return what is to be done about the rows that these hints name."""
        acts = Acts()
        by_kind = {kind: [hint for hint in hints if hint.kind is kind] for kind in HintKind}
        if of_jobs := by_kind[HintKind.JOB]:
            self._look_at_jobs(of_jobs, at, acts, lambda: is_busy(HintKind.JOB))
        if of_deliveries := by_kind[HintKind.DELIVERY]:
            self._look_at_deliveries(of_deliveries, at, acts, lambda: is_busy(HintKind.DELIVERY))
        if of_recoveries := by_kind[HintKind.RECOVERY]:
            self._look_at_recoveries(of_recoveries, at, acts, lambda: is_busy(HintKind.RECOVERY))
        if of_events := by_kind[HintKind.EVENT]:
            self._look_at_events(of_events, at, acts)
        return acts

    def _look_at_jobs(
        self, hints: Sequence[Hint], at: datetime, acts: Acts, is_busy: IsBusy
    ) -> None:
        found = self.jobs.find([(TenantId(hint.owner), JobId(hint.id)) for hint in hints])
        ended: list[tuple[Hint, Job]] = []
        for hint, job in _readable(hints, found, at, acts):
            if job.status.is_final:
                ended.append((hint, job))
                continue
            result = _look(hint, Watched.job(job), at, is_busy)
            message = job_message(job, comes_back=True)
            acts.take(result, acts.jobs, (hint, _sending(message, job.tenant_id, result, at)))
        self._look_at_ends(ended, at, acts)

    def _look_at_ends(self, ended: Iterable[tuple[Hint, Job]], at: datetime, acts: Acts) -> None:
        """Have an end told anew that was not told; once it is, the watch is over."""
        events = {
            event.id: (hint, job)
            for hint, job in ended
            if hint.purpose is Purpose.WATCH and (event := event_of(None, job)) is not None
        }
        told = self._told((job.tenant_id, event_id) for event_id, (_, job) in events.items())
        for event_id in events.keys() - told:
            hint, job = events[event_id]
            acts.hints.append(look_later(hint, at))
            # Now and then only: what the publisher is behind with, it need not be given twice.
            if at - job.changed_at >= max(PUBLISHING_TIME, job.told_again * TOLD_AGAIN_APART):
                acts.untold.append(job)

    def _look_at_deliveries(
        self, hints: Sequence[Hint], at: datetime, acts: Acts, is_busy: IsBusy
    ) -> None:
        found = self.deliveries.find([(hint.owner, DeliveryId(hint.id)) for hint in hints])
        for hint, delivery in _readable(hints, found, at, acts):
            if delivery.finished_at is not None:
                continue
            result = _look(hint, Watched.delivery(delivery), at, is_busy)
            message = delivery_message(delivery)
            sending = _sending(message, delivery.tenant_id, result, at)
            acts.take(result, acts.deliveries, (hint, sending))

    def _look_at_recoveries(
        self, hints: Sequence[Hint], at: datetime, acts: Acts, is_busy: IsBusy
    ) -> None:
        found = self.recoveries.find([(EndpointId(hint.owner), hint.id) for hint in hints])
        for hint, recovery in _readable(hints, found, at, acts):
            if recovery.finished_at is not None or at >= recovery.ends_at:
                continue
            result = _look(hint, Watched.recovery(recovery), at, is_busy)
            message = recovery_message(recovery)
            sending = _sending(message, recovery.tenant_id, result, at)
            acts.take(result, acts.recoveries, (hint, sending))

    def _look_at_events(self, hints: Sequence[Hint], at: datetime, acts: Acts) -> None:
        names = {EventId(hint.id): (TenantId(hint.owner), hint) for hint in hints}
        asked = [(tenant_id, event_id) for event_id, (tenant_id, _) in names.items()]
        for event_id in self.events.unpublished(asked):
            tenant_id, hint = names[event_id]
            acts.hints.append(look_later(hint, at))
            acts.unpublished.append((tenant_id, event_id))

    def _told(self, names: Iterable[tuple[TenantId, EventId]]) -> Collection[EventId]:
        asked = list(names)
        return self.events.published(asked) if asked else set()


def _readable[Id: str, Row: (Job, Delivery, Recovery)](
    hints: Sequence[Hint],
    found: Found[Id, Row],
    at: datetime,
    acts: Acts,
) -> Iterable[tuple[Hint, Row]]:
    """Yield each row that is there with its hint, and keep an eye on those nobody can read.

    The code that can may be deployed yet. A row that is not there is gone, or never came.
    """
    rows = {str(identifier): row for identifier, row in found.rows.items()}
    for hint in hints:
        if hint.id in found.unreadable:
            acts.unreadable += 1
            acts.hints.append(look_later(hint, at))
        elif hint.id in rows:
            yield hint, rows[hint.id]


def _look(hint: Hint, row: Watched, at: datetime, is_busy: IsBusy) -> Look:
    is_queue_busy = hint.purpose is Purpose.WATCH and is_busy()
    return look(hint, row, at=at, is_queue_busy=is_queue_busy)


def _sending(message: dict[str, str], tenant_id: TenantId, result: Look, at: datetime) -> Sending:
    return Sending(message=message, group=tenant_id, delay=(result.send_at or at) - at)
