"""A tenant's events, the oldest first."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.adapters.dynamodb_events import PAGE_ROWS, DynamoDBEventStore
from relay.aws.event_row import to_row
from relay.aws.values import to_item
from relay.domain.event import Event
from relay.domain.ids import EventId, TenantId, ulid
from relay.ports import EventStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import OTHER_TENANT, TENANT, an_event
from tests.fakes.strategies import unused_id

A_TICK = timedelta(milliseconds=1)
SAME_SHARD = 8  # ids whose numbers are so far apart lie in one shard
START = "evt_"
AN_EVENT = an_event()

type Spoil = Callable[[Event], None]
"""Makes the row of an event one that this code cannot read."""


def id_of(number: int, at: datetime = NOON) -> EventId:
    return EventId("evt_" + ulid(at, number.to_bytes(10)))


def put(events: EventStore, *numbers: int, tenant_id: TenantId = TENANT) -> list[Event]:
    made = [replace(AN_EVENT, id=id_of(number), tenant_id=tenant_id) for number in numbers]
    events.put(made)
    return made


def numbers_of(
    events: EventStore,
    *,
    tenant_id: TenantId = TENANT,
    after: str = START,
    before: str | None = None,
    at: datetime = NOON,
) -> list[int]:
    by_id = {id_of(number): number for number in range(1024)}
    found = events.oldest_first(tenant_id, after=after, before=before, at=at)
    return [by_id[event.id] for event in found]


class EventStoreReadingContract:
    @pytest.fixture
    def events(self) -> EventStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    def test_a_tenants_events_come_the_oldest_first(self, events: EventStore) -> None:
        put(events, 3, 17, 0, 8, 1)
        put(events, 5, tenant_id=OTHER_TENANT)

        assert numbers_of(events) == [0, 1, 3, 8, 17]
        assert numbers_of(events, tenant_id=OTHER_TENANT) == [5]

    def test_a_tenant_without_events_has_none(self, events: EventStore) -> None:
        put(events, 5, tenant_id=OTHER_TENANT)

        assert numbers_of(events) == []

    def test_an_event_comes_as_it_was_put(self, events: EventStore) -> None:
        (event,) = put(events, 1)

        assert list(events.oldest_first(TENANT, after=START, at=NOON)) == [event]

    def test_events_that_wait_for_the_bus_come_along(self, events: EventStore) -> None:
        put(events, 1)
        events.insert(replace(AN_EVENT, id=id_of(0)))

        assert numbers_of(events) == [0, 1]

    def test_a_shard_may_hold_more_than_one_page(self, events: EventStore) -> None:
        numbers = [*range(0, 2 * PAGE_ROWS * SAME_SHARD + 1, SAME_SHARD), 1, 2]
        put(events, *numbers)

        assert numbers_of(events) == sorted(numbers)

    def test_both_bounds_are_left_out(self, events: EventStore) -> None:
        put(events, *range(6))

        assert numbers_of(events, after=id_of(1), before=id_of(4)) == [2, 3]

    @pytest.mark.parametrize(("after", "before"), [(2, 2), (3, 2), (2, 3)])
    def test_bounds_with_nothing_in_between_bring_nothing(
        self, events: EventStore, after: int, before: int
    ) -> None:
        put(events, *range(6))

        assert numbers_of(events, after=id_of(after), before=id_of(before)) == []

    def test_bounds_may_be_moments(self, events: EventStore) -> None:
        put(events, 1, 2)

        now, later = id_of(0), id_of(0, NOON + A_TICK)
        assert numbers_of(events, after=now, before=later) == [1, 2]
        assert numbers_of(events, after=later) == []
        assert numbers_of(events, before=now) == []

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(
        numbers=st.sets(st.integers(0, 200), max_size=20),
        after=st.none() | st.integers(0, 200),
        before=st.none() | st.integers(0, 200),
    )
    def test_a_list_is_what_lies_within_its_bounds(
        self, events: EventStore, numbers: set[int], after: int | None, before: int | None
    ) -> None:
        tenant_id = TenantId(unused_id("ten"))
        put(events, *numbers, tenant_id=tenant_id)

        listed = numbers_of(
            events,
            tenant_id=tenant_id,
            after=START if after is None else id_of(after),
            before=None if before is None else id_of(before),
        )

        least, most = -1 if after is None else after, 201 if before is None else before
        assert listed == sorted(number for number in numbers if least < number < most)

    def test_what_is_past_its_time_does_not_come(self, events: EventStore) -> None:
        """DynamoDB may take days to remove it."""
        first, second = put(events, 1, 2)
        events.put([replace(AN_EVENT, id=id_of(3), purge_at=second.purge_at + timedelta(days=1))])

        assert numbers_of(events, at=first.purge_at - A_TICK) == [1, 2, 3]
        assert numbers_of(events, at=first.purge_at) == [3]

    def test_an_event_that_cannot_be_read_is_left_out(
        self, events: EventStore, spoil: Spoil
    ) -> None:
        made = put(events, 1, 2, 3)
        spoil(made[1])

        assert numbers_of(events) == [1, 3]


class TestInMemoryEventStore(EventStoreReadingContract):
    @pytest.fixture
    def events(self) -> EventStore:
        return InMemoryEventStore()

    @pytest.fixture
    def spoil(self, events: InMemoryEventStore) -> Spoil:
        return lambda event: events.unreadable.add(event.id)


class TestDynamoDBEventStore(EventStoreReadingContract):
    @pytest.fixture
    def events(self, cloud: Cloud) -> EventStore:
        return DynamoDBEventStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(event: Event) -> None:
            row = to_row(event) | to_item({"data": "{"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil

    def test_a_list_reads_only_as_far_as_is_asked_for_and_what_is_there_now(
        self, cloud: Cloud
    ) -> None:
        client = cloud.dynamodb()
        events = DynamoDBEventStore(client, TABLE)
        put(events, *range(0, 3 * PAGE_ROWS * SAME_SHARD, SAME_SHARD))
        asked: list[tuple[int, bool]] = []
        client.meta.events.register(
            "provide-client-params.dynamodb.Query",
            lambda params, **_: asked.append((params["Limit"], params["ConsistentRead"])),
        )

        first_page = list(islice(events.oldest_first(TENANT, after=START, at=NOON), PAGE_ROWS))

        assert [event.id for event in first_page] == [
            id_of(number * SAME_SHARD) for number in range(PAGE_ROWS)
        ]
        assert asked == [(PAGE_ROWS, True)] * 8
