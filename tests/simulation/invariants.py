"""What must hold in every history, whatever went wrong. Each check yields faults, in words."""

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from relay.domain.backoff import WEBHOOK_SCHEDULE
from relay.domain.content import Place, result_key
from relay.domain.delivery import Delivery, DeliveryStatus
from relay.domain.errors import NotFoundError
from relay.domain.event import event_of
from relay.domain.job import Job, JobStatus
from relay.domain.webhook_exchange import WebhookRequest
from tests.fakes.changes import JobChange
from tests.simulation.clients import CANARY, KEYS, Clients, Wish
from tests.simulation.simulation import Simulation

BATCH = 10


def watch_posts(world: Simulation) -> list[str]:
    """Have every post checked against the rows at its very moment; return the faults to come.

    I7, truth: nothing is told that is not committed.
    """
    faults: list[str] = []

    def look(request: WebhookRequest) -> None:
        told = json.loads(request.body)
        if not told["type"].startswith("job."):
            return
        job = next((j for j in world.jobs.all() if j.id == told["data"]["id"]), None)
        if job is None:
            faults.append("I7: a job is told of that is not there")
        elif told["type"] != "job.started" and told["type"] != f"job.{job.status}":
            faults.append(f"I7: {told['type']} is told of a job that is {job.status}")

    world.subscribers.look = look
    return faults


def faults_of(world: Simulation, clients: Clients) -> Iterator[str]:
    """Yield everything that must not be, in a world at rest."""
    yield from clients.faults
    yield from world.subscribers.faults
    yield from getattr(world.contents, "faults", [])
    yield from _jobs_settle(world)
    yield from _changes_are_lawful(world)
    yield from _results_are_those_that_came(world)
    yield from _events_tell_each_end_once(world)
    yield from _deliveries_are_made(world)
    yield from _usage_counts_once(world)
    yield from _calls_are_explained(world, clients)
    yield from _wishes_come_true(world, clients)
    yield from _deleted_is_gone(world, clients)
    yield from _nothing_is_said(world)


def _jobs_settle(world: Simulation) -> Iterator[str]:
    """I1: every job that is kept ends, and its leases with it."""
    for job in world.jobs.all():
        if not job.status.is_final:
            yield f"I1: {job.id} is {job.status} for ever ({job.status_reason})"
    if world.dead_letters:
        yield f"I1: {len(world.dead_letters)} messages were given up"


def _changes_are_lawful(world: Simulation) -> Iterator[str]:
    """I2, I4, I15: one end, by the newest claim; leases do not overlap, and nobody comes early."""
    for change in world.jobs.changes:
        before, after = change
        if before is None:
            continue
        if before.status.is_final and after.status is not before.status:
            yield f"I2: {after.id} was {before.status} and became {after.status}"
        if before.status.is_final and after.version != before.version:
            yield f"I2: {after.id} changed after its end"
        if not before.status.is_final and after.version != before.version + 1:
            yield f"I2: {after.id} went from version {before.version} to {after.version}"
        if after.status is JobStatus.COMPLETED and before.status is not JobStatus.COMPLETED:
            yield from _lawful_completion(before, after)
        if after.fence != before.fence:
            yield from _lawful_claim(change)


def _lawful_completion(before: Job, after: Job) -> Iterator[str]:
    if before.status is not JobStatus.IN_PROGRESS or before.fence != after.fence:
        yield f"I4: {after.id} was completed by claim {after.fence} of {before.fence}"
    if after.result is None or after.result.key != result_key(before.fence):
        yield f"I5: {after.id} has the result of another claim"


def _lawful_claim(change: JobChange) -> Iterator[str]:
    before, after = change
    if before is None:
        return
    at = after.changed_at
    if before.lease_until is not None and before.lease_until >= at:
        yield f"I15: {after.id} was claimed under a live lease"
    if before.ready_at is not None and before.ready_at > at:
        yield f"I8: {after.id} was claimed before it was due"
    if at >= before.deadline:
        yield f"I1: {after.id} was claimed after its deadline"


def _results_are_those_that_came(world: Simulation) -> Iterator[str]:
    """I5: what is kept is an answer that Mistral gave to this very job."""
    good = {call.text: call.prompt for call in world.mistral.called if call.is_good}
    for job in world.jobs.all():
        if job.status is not JobStatus.COMPLETED or job.deleted_at or job.result is None:
            continue
        kept = world.contents.of(job.id).get(job.result.key)
        text = json.loads(kept)["choices"][0]["message"]["content"] if kept else ""
        prompt = _prompt_of(world, job)
        if good.get(text) != prompt[:60]:
            yield f"I5: {job.id} keeps an answer that it was not given"


def _prompt_of(world: Simulation, job: Job) -> str:
    if job.request.inline is not None:
        body = zlib.decompress(job.request.inline)
    else:
        kept = world.contents.of(job.id)
        body = kept.get(job.request.key, b"")
    return str(json.loads(body)["messages"][0]["content"]) if body else ""


def _events_tell_each_end_once(world: Simulation) -> Iterator[str]:
    """I6, I7: each end makes at least one event and exactly one id, and nothing else does."""
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in world.bus.taken:
        ids[event.resource_id, event.type].add(event.id)
    for job in world.jobs.all():
        told = ids.pop((job.id, f"job.{job.status}"), set())
        started = ids.pop((job.id, "job.started"), set())
        if len(told) != 1 and not (job.deleted_at is not None and not told):
            yield f"I6: the end of {job.id} was told under {len(told)} ids"
        if len(started) > 1:
            yield f"I6: the start of {job.id} was told under {len(started)} ids"
    for (resource_id, kind), several in ids.items():
        if kind.startswith("job."):
            yield f"I7: {kind} of {resource_id} was told and never was"
        elif kind == "submission.rejected" and len(several) > 1:
            yield f"I6: one refusal of {resource_id} was told under {len(several)} ids"


def _deliveries_are_made(world: Simulation) -> Iterator[str]:
    """I6: whoever asked is told, or it is visible that he could not be."""
    by_event = Counter((it.event_id, it.target_id) for it in world.deliveries.all())
    yield from (
        f"I6: {count} deliveries of {name}" for name, count in by_event.items() if count > 1
    )
    posted = world.subscribers.bodies_by_id()
    for (webhook_id, _), bodies in posted.items():
        if len(bodies) > 1:
            yield f"I6: {webhook_id} was posted with {len(bodies)} different bodies"
    deliveries = {it.event_id: it for it in world.deliveries.all() if it.target_id == it.job_id}
    for job in world.jobs.all():
        event = event_of(None, job)
        if job.callback is not None and event is not None:
            is_posted = (event.id, job.callback.url) in posted
            yield from _delivered(deliveries.get(event.id), job, is_posted=is_posted)


def _delivered(delivery: Delivery | None, job: Job, *, is_posted: bool) -> Iterator[str]:
    if delivery is None or delivery.finished_at is None:
        yield f"I6: the end of {job.id} was not delivered"
    elif delivery.status is DeliveryStatus.DELIVERED and not is_posted:
        yield f"I6: {delivery.id} counts as delivered and was never posted"
    elif delivery.status is DeliveryStatus.EXHAUSTED and len(delivery.attempts) <= len(
        WEBHOOK_SCHEDULE
    ):
        yield f"I6: {delivery.id} was given up too early"


def _usage_counts_once(world: Simulation) -> Iterator[str]:
    """I3: what is counted is what the recorded call used, however often it was told."""
    events = {event.id: event for event in world.events.all()}
    counted = total = Decimal(0)
    for job in world.jobs.all():
        if job.status is JobStatus.COMPLETED and job.usage is None:
            yield f"I3: {job.id} is completed without a usage"
        if job.status is not JobStatus.COMPLETED or job.deleted_at is not None:
            continue
        event = event_of(None, job)
        kept = events.get(event.id) if event else None
        counted += kept.cost.amount if kept and kept.cost else 0
        total += job.cost.amount if job.cost else 0
        if kept is not None and kept.usage != job.usage:
            yield f"I3: {job.id} used {job.usage}, and its event says {kept.usage}"
    if counted != total:
        yield f"I3: events count {counted}, jobs {total}"


def _calls_are_explained(world: Simulation, clients: Clients) -> Iterator[str]:
    """I8: a call more than one a job is explained by a fault; a second message explains none."""
    good = sum(call.is_good for call in world.mistral.called)
    kept = sum(job.status is JobStatus.COMPLETED for job in world.jobs.all())
    cut = BATCH * world.crashes + BATCH * world.seam.stalls + world.seam.outages
    if good > kept + clients.cancelled + cut:
        yield f"I8: {good} good answers for {kept} completed jobs, and {cut} excuses"


def _wishes_come_true(world: Simulation, clients: Clients) -> Iterator[str]:
    """I1, I10: what was accepted is there, once; what was not is laid down."""
    by_token: dict[str, list[Job]] = defaultdict(list)
    for job in world.jobs.all():
        by_token[_prompt_of(world, job).split(" ")[0]].append(job)
    there = {job.id for job in world.jobs.all()}
    buried = " ".join(message.body for message in world.submissions_dead.messages)
    for wish in clients.wishes:
        for job_id in wish.job_ids - there:
            yield f"I1: {job_id} was accepted and is not there"
        made = [job for job in by_token[wish.token] if job.rerun_of is None]
        yield from _once(wish, made, is_buried=f"{wish.token} " in buried)


def _once(wish: Wish, made: list[Job], *, is_buried: bool) -> Iterator[str]:
    if wish.is_sqs and wish.is_bad:
        if made or not is_buried:
            yield f"I1: a bad message made {len(made)} jobs, laid down: {is_buried}"
    elif wish.is_sqs:
        if len(made) + is_buried < 1:
            yield f"I1: the message of {wish.token} was lost"
        if len(made) > 1:
            yield f"I10: the message of {wish.token} made {len(made)} jobs"
    elif wish.key and len(made) > 1 and len({job.submission for job in made}) == 1:
        days = {job.created_at.date() for job in made}
        if len(days) == 1:
            yield f"I10: the key of {wish.token} made {len(made)} jobs"


def _deleted_is_gone(world: Simulation, clients: Clients) -> Iterator[str]:
    """I12: nothing brings a deleted job back, nor any of its content."""
    rows = {job.id: job for job in world.jobs.all()}
    for wish in clients.wishes:
        for job_id in wish.job_ids if wish.is_gone else ():
            job = next((row for name, row in rows.items() if name == job_id), None)
            if job is None or job.deleted_at is None:
                continue  # another of the wish's jobs was deleted
            if world.contents.of(job.id):
                yield f"I12: content of {job_id} is still there"
            if job.request.place is Place.INLINE:
                yield f"I12: {job_id} still holds its request"
            try:
                world.jobs.get(job.tenant_id, job.id, at=world.time)
            except NotFoundError:
                continue
            yield f"I12: {job_id} is deleted and can be read"


def _nothing_is_said(world: Simulation) -> Iterator[str]:
    """I17: no prompt, answer, key or secret where it should not be."""
    places = {
        "a log": world.log_text,
        "the bus": json.dumps([dict(event.data) for event in world.bus.taken]),
        "a dead letter": " ".join(world.dead_letters),
    }
    secrets = [CANARY, *KEYS.values(), *world.subscribers.secrets.values()]
    for place, text in places.items():
        for secret in secrets:
            if secret in text:
                yield f"I17: {place} tells {secret[:12]}"
