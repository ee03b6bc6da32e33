"""One history from its seed to its faults."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.clients import Clients
from tests.simulation.endpoint_invariants import faults_of_endpoints
from tests.simulation.endpoint_owners import EndpointOwners
from tests.simulation.invariants import faults_of, watch_posts
from tests.simulation.rates import Rates
from tests.simulation.simulation import RestlessError, Simulation

FAULTS_LAST = timedelta(hours=1)
"""Things go wrong for so long; jobs come in the first half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What became of one."""

    seed: int
    faults: list[str]
    jobs: int
    crashes: int
    calls: int
    statuses: Counter[str]
    acts: Counter[str]
    """What was done to webhook endpoints."""
    posts: int


def live(seed: int, rates: Rates, *, jobs: int, has_endpoints: bool = False) -> History:
    """Live one history to its end, and look at what it left."""
    world = Simulation(seed, rates)
    clients = Clients(world)
    owners = EndpointOwners(world, seed)
    told = watch_posts(world)
    clients.come(jobs, within=FAULTS_LAST / 2)
    if has_endpoints:
        owners.come(within=FAULTS_LAST)
    restless: list[str] = []
    try:
        world.run(until=world.time + FAULTS_LAST)
        world.later(60, owners.ask_for_all)  # when nothing goes wrong any more
        world.come_to_rest()
    except RestlessError as error:
        restless.append(f"I1: {error}")
    faults = [*told, *restless, *faults_of(world, clients), *faults_of_endpoints(world, owners)]
    return History(
        seed=seed,
        faults=faults,
        jobs=len(world.jobs.all()),
        crashes=world.crashes,
        calls=len(world.mistral.called),
        statuses=Counter(job.status.value for job in world.jobs.all()),
        acts=owners.acts,
        posts=len(world.subscribers.posts),
    )
