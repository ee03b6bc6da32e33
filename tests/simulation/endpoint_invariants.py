"""What must hold of webhook endpoints in every history, once it is at rest."""

from collections.abc import Iterator

from relay.domain.delivery import DeliveryStatus
from relay.domain.event_types import ENDPOINT_DISABLED, ENDPOINT_TEST
from relay.domain.webhook_endpoint import DisabledReason, WebhookEndpoint
from tests.flows.deployment import MASTER_SECRET
from tests.simulation.endpoint_owners import EndpointOwners, Owned
from tests.simulation.simulation import Simulation

_ANSWERING = ("well", "slow")


def faults_of_endpoints(world: Simulation, owners: EndpointOwners) -> Iterator[str]:
    """Yield everything that must not be, in a world at rest."""
    yield from owners.faults
    yield from _deliveries_end(world)
    yield from _each_gets_what_it_chose(world, owners)
    yield from _one_id_for_one_event(world, owners)
    yield from _the_disabled_are_told_of(world)
    yield from _no_secret_is_kept(world, owners)


def _deliveries_end(world: Simulation) -> Iterator[str]:
    """I6: each delivery is delivered, or it is visible that it was not."""
    for delivery in world.deliveries.all():
        if delivery.endpoint_id is not None and delivery.finished_at is None:
            yield f"I6: {delivery.id} to {delivery.endpoint_id} is {delivery.status} for ever"
    for recovery in world.recoveries.all():
        if recovery.finished_at is None:
            yield f"I6: {recovery.id} goes on for ever"


def _each_gets_what_it_chose(world: Simulation, owners: EndpointOwners) -> Iterator[str]:
    """I6: whoever answers has got all that it chose, since all of it was asked for in the end."""
    rows = {str(it.id): it for it in world.endpoints.all()}
    gone = {job.id for job in world.jobs.all() if job.deleted_at is not None}
    for owned in owners.owned.values():
        endpoint = rows.get(owned.id)
        if endpoint is None:
            if owned.deleted is None and not owned.is_unsure:
                yield f"I6: {owned.id} is gone, and nobody deleted it"
            continue
        for event in world.events.all():
            is_its = event.tenant_id == owned.tenant_id and _wants(endpoint, event.type)
            if is_its and event.resource_id not in gone:
                yield from _got(world, owned, event.id)


def _wants(endpoint: WebhookEndpoint, event_type: str) -> bool:
    return endpoint.wants(event_type) and event_type != ENDPOINT_TEST


def _got(world: Simulation, owned: Owned, event_id: str) -> Iterator[str]:
    deliveries = [it for it in world.deliveries.all() if it.target_id == owned.id]
    delivery = next((it for it in deliveries if it.event_id == event_id), None)
    if delivery is None:
        yield f"I6: {event_id} was never sent to {owned.id}"
    elif owned.kind in _ANSWERING and delivery.status is not DeliveryStatus.DELIVERED:
        yield f"I6: {event_id} is {delivery.status} at {owned.id}, which answers well"
    elif delivery.status is DeliveryStatus.DELIVERED and not owned.got[event_id]:
        yield f"I6: {event_id} counts as delivered to {owned.id} and was never posted"


def _one_id_for_one_event(world: Simulation, owners: EndpointOwners) -> Iterator[str]:
    """I6, I7: what is posted are events that there are, under their ids, with one body each."""
    there = {event.id for event in world.events.all()}
    for owned in owners.owned.values():
        for event_id, bodies in owned.bodies.items():
            if event_id not in there:
                yield f"I6: {event_id} was posted and is no event"
            if len(bodies) > 1:
                yield f"I6: {event_id} was posted to {owned.id} with {len(bodies)} bodies"


def _the_disabled_are_told_of(world: Simulation) -> Iterator[str]:
    """I6: an endpoint that was disabled for what it answered has its event."""
    told = {it.resource_id for it in world.bus.taken if it.type == ENDPOINT_DISABLED}
    for endpoint in world.endpoints.all():
        is_by_us = endpoint.disabled_reason in (DisabledReason.GONE, DisabledReason.FAILING)
        if is_by_us and endpoint.id not in told:
            yield f"I6: {endpoint.id} was disabled, and nobody was told"


def _no_secret_is_kept(world: Simulation, owners: EndpointOwners) -> Iterator[str]:
    """I17: a secret stands in the answer that tells it, and nowhere else."""
    stores = (world.endpoints, world.deliveries, world.events, world.recoveries, world.jobs)
    places = {
        "a log": world.log_text,
        "a dead letter": " ".join(world.dead_letters),
        "a row": "".join(repr(store.all()) for store in stores),
        "a queue": "".join(it.body for queue in world.queues.values() for it in queue.messages),
    }
    told = {secret for owned in owners.owned.values() for _, secret in owned.secrets}
    for place, text in places.items():
        for secret in (MASTER_SECRET, "whsec_", *told):
            if secret in text:
                yield f"I17: {place} tells {secret[:12]}"
