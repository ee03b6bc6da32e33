"""A thousand endpoints, a tenth of them dead and a twentieth slow, and none of the others waits.

The figures of a longer one: ``python -m tests.simulation``.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from relay.domain.delivery import DeliveryStatus
from relay.domain.event_types import ENDPOINT_DISABLED
from relay.domain.webhook_endpoint import DisabledReason, WebhookEndpoint
from tests.fakes.clock import NOON
from tests.simulation.fleet import BACK_AFTER, ENDPOINTS_EACH, TENANTS, Fleet, Kind, share_of
from tests.simulation.fleet_days import FOUND_OUT_AFTER, Days, live_days

DAYS = Days(rush=timedelta(minutes=15), hours=3)
ALWAYS_DELIVERED = (Kind.WELL, Kind.SLOW, Kind.RETURNING)
NEVER_DELIVERED = (Kind.SILENT, Kind.REFUSING, Kind.BROKEN, Kind.GONE)
MINUTES_TO_RETURN = timedelta(minutes=5)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Return one that has lived to its end: nothing can be sent any more."""
    fleet = Fleet()
    live_days(fleet, DAYS)
    yield fleet
    fleet.close()


def test_those_that_are_well_get_their_events_within_seconds(fleet: Fleet) -> None:
    waits = fleet.waits(since=FOUND_OUT_AFTER)

    assert len(waits) > 5_000
    assert share_of(waits, 0.5) < 1
    assert share_of(waits, 0.99) < 5
    assert waits[-1] < 10


def test_even_while_none_has_been_found_out_nobody_waits_for_long(fleet: Fleet) -> None:
    assert fleet.waits()[-1] < 30


def test_without_turns_everybody_waits_for_the_dead_and_the_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WebhookEndpoint, "is_paced", lambda _self, _at: False)
    fleet = Fleet()

    fleet.live(fleet.complete_jobs(apart=timedelta(minutes=1)), until=timedelta(minutes=16))

    assert share_of(fleet.waits(since=FOUND_OUT_AFTER), 0.5) > 30
    fleet.close()


def test_one_that_takes_turns_never_has_two_posts_open(fleet: Fleet) -> None:
    paced = [taken.paced_most for taken in fleet.receivers.open.values() if taken.paced_most]

    assert len(paced) >= 100
    assert set(paced) == {1}


def test_each_delivery_ends_as_its_endpoint_answers(fleet: Fleet) -> None:
    ends = {kind: {delivery.status for delivery in fleet.deliveries_to(kind)} for kind in Kind}

    given_up = {DeliveryStatus.EXHAUSTED, DeliveryStatus.CANCELLED}
    assert all(ends[kind] == {DeliveryStatus.DELIVERED} for kind in ALWAYS_DELIVERED)
    assert all(ends[kind] <= given_up for kind in NEVER_DELIVERED)
    assert fleet.deliveries_queue.next_visible_at() is None
    assert fleet.dead_letters == []


def test_nothing_is_forgotten(fleet: Fleet) -> None:
    """What has no delivery is to an endpoint that was disabled before."""
    made = {(it.event_id, it.target_id) for it in fleet.deliveries.all()}
    cancelled = {
        it.target_id for it in fleet.deliveries.all() if it.status is DeliveryStatus.CANCELLED
    }
    disabled = {it.id for it in fleet.endpoints.all() if not it.is_enabled}
    missed = {
        endpoint.id
        for event in fleet.bus.taken
        for endpoint in fleet.endpoints.of_tenant(event.tenant_id)
        if endpoint.enabled().wants(event.type) and (event.id, endpoint.id) not in made
    }

    assert len(made) > DAYS.rush / timedelta(minutes=1) * TENANTS * ENDPOINTS_EACH / 2
    assert missed <= disabled
    assert cancelled <= disabled


def test_the_dead_are_disabled_and_their_owners_told_once(fleet: Fleet) -> None:
    disabled = {it.id: it.disabled_reason for it in fleet.endpoints.all() if not it.is_enabled}
    told = [it.resource_id for it in fleet.bus.taken if it.type == ENDPOINT_DISABLED]

    assert {fleet.kinds[it] for it in disabled} == set(NEVER_DELIVERED)
    assert len(disabled) == sum(kind in NEVER_DELIVERED for kind in fleet.kinds.values())
    assert sorted(told) == sorted(disabled)
    assert all(
        reason is (DisabledReason.GONE if fleet.kinds[it] is Kind.GONE else DisabledReason.FAILING)
        for it, reason in disabled.items()
    )


def test_whoever_comes_back_gets_all_it_missed_within_minutes(fleet: Fleet) -> None:
    missed = [
        it for it in fleet.deliveries_to(Kind.RETURNING) if it.occurred_at < NOON + BACK_AFTER
    ]

    latest = max(it.finished_at or it.purge_at for it in missed)
    assert len(missed) > 50
    assert latest < NOON + BACK_AFTER + MINUTES_TO_RETURN
