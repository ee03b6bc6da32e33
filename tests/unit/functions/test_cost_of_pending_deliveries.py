"""What deliveries cost that wait: their rows, and nothing by time.

A sweep reads pages of hints by minute, and rows by the names that it finds there; an attempt reads
and writes its own delivery by its key. So no call takes the number of those that wait, and what is
shown here of thirty thousand holds of a million.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import override

from relay.domain.delivery import Delivery
from relay.domain.ids import DeliveryId, ulid
from relay.domain.wheel import SHARDS, HintKind, wake, watch
from relay.ports import Found
from tests.fakes.clock import NOON
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.examples import a_delivery_to, an_endpoint
from tests.fakes.seam import Seam
from tests.fakes.webhook_sender import answered
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.deliverer_on_fakes import Deliverer
from tests.unit.functions.sweeper_on_fakes import Sweeper

PENDING = 30_000
MINUTES = 30
DEAD = an_endpoint(failing_since=NOON - timedelta(hours=1))
DUE = NOON + timedelta(minutes=20)


class Counting(Seam):
    """Counts what is asked of the world."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    @override
    def before(self, call: str) -> None:
        self.calls[call] += 1


class CountingRows(InMemoryDeliveryStore):
    """Counts the rows that are asked for as well."""

    def __init__(self, seam: Seam) -> None:
        super().__init__(seam)
        self.rows = 0

    @override
    def find(self, names: Collection[tuple[str, DeliveryId]]) -> Found[DeliveryId, Delivery]:
        self.rows += len(names)
        return super().find(names)


TEMPLATE = a_delivery_to(DEAD)


def keep(store: InMemoryDeliveryStore, wheel: InMemoryWheel, number: int, at: datetime) -> None:
    """Keep a delivery that waits until a moment, with what brings it back and what watches it."""
    identifier = DeliveryId("dlv_" + ulid(NOON, number.to_bytes(10)))
    store.create(replace(TEMPLATE, id=identifier, next_attempt_at=at))
    wheel.put(
        [
            wake(HintKind.DELIVERY, DEAD.id, identifier, due=at, now=NOON),
            watch(HintKind.DELIVERY, DEAD.id, identifier, at),
        ]
    )


def cost_of_sweeping(*, pending: int, due: int) -> tuple[Counter[str], int, int]:
    """Return the calls, the pages and the rows of half an hour's sweeps."""
    counting = Counting()
    sweeper = Sweeper(seam=counting)
    sweeper.deliveries = CountingRows(counting)
    sweeper.turn(sweeper.wheel)
    for number in range(due):
        keep(sweeper.deliveries, sweeper.wheel, number, DUE)
    for number in range(due, due + pending):
        keep(sweeper.deliveries, sweeper.wheel, number, NOON + timedelta(hours=6))
    counting.calls.clear()

    sweeper.sweep_minutes(MINUTES)

    assert len(sweeper.deliveries_queue.messages) >= due
    return counting.calls, sweeper.wheel.pages, sweeper.deliveries.rows


def test_deliveries_that_are_due_later_cost_nothing_but_the_turning_of_the_wheel() -> None:
    cost = cost_of_sweeping(pending=PENDING, due=0)

    turning = Counter({"wheel.positions": MINUTES, "wheel.advance": MINUTES})
    assert cost == (turning, MINUTES * SHARDS, 0)
    assert cost == cost_of_sweeping(pending=0, due=0)


def test_one_that_is_due_costs_the_same_among_them_as_alone() -> None:
    calls, pages, rows = cost_of_sweeping(pending=PENDING, due=1)

    assert calls["deliveries.find"] == rows <= 3
    assert (calls, pages, rows) == cost_of_sweeping(pending=0, due=1)


def cost_of_an_attempt(*, pending: int) -> Counter[str]:
    """Return the calls of a deliverer that attempts one delivery."""
    counting = Counting()
    deliverer = Deliverer(answered(500), seam=counting)
    for number in range(pending):
        keep(deliverer.deliveries, deliverer.wheel, number, NOON + timedelta(hours=6))
    deliverer.add()
    counting.calls.clear()

    deliverer.run()

    return counting.calls


def test_an_attempt_costs_the_same_however_many_wait() -> None:
    cost = cost_of_an_attempt(pending=PENDING)

    assert cost["webhooks.post"] == cost["deliveries.claim"] == cost["deliveries.save"] == 1
    assert cost == cost_of_an_attempt(pending=0)
