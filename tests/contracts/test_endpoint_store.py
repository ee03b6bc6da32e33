from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_endpoints import DynamoDBEndpointStore
from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.aws.endpoint_row import callback_secret_row, to_row
from relay.aws.values import to_item
from relay.domain.errors import AlreadyExistsError, LostRaceError, NotFoundError
from relay.domain.event import endpoint_disabled
from relay.domain.ids import EndpointId
from relay.domain.secret_versions import NEVER_ROTATED
from relay.domain.webhook_endpoint import (
    ENDPOINTS_MAX,
    TURNS_APART,
    DisabledReason,
    WebhookEndpoint,
)
from relay.ports import EndpointStore, EventStore
from tests.cloud import TABLE, Cloud
from tests.fakes.changes import Changes
from tests.fakes.clock import NOON
from tests.fakes.endpoints import InMemoryEndpointStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import OTHER_TENANT, TENANT, an_endpoint, an_endpoint_id
from tests.fakes.strategies import endpoints as any_endpoints

A_TICK = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
SAME_STORE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=30,
)
FAILING = an_endpoint().changed(failing_since=NOON)
DISABLED = FAILING.disabled(DisabledReason.FAILING)
TOLD = endpoint_disabled(DISABLED, NOON)

type Spoil = Callable[[WebhookEndpoint], None]
"""Makes the row of an endpoint one that this code cannot read."""


def reread(store: EndpointStore, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return store.get(endpoint.tenant_id, endpoint.id)


def take_turn(
    store: EndpointStore, endpoint: WebhookEndpoint, at: datetime = NOON
) -> datetime | None:
    return store.take_turn(endpoint, at=at, apart=TURNS_APART)


class EndpointStoreContract:
    @pytest.fixture
    def events(self) -> EventStore:
        raise NotImplementedError

    @pytest.fixture
    def endpoints(self) -> EndpointStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    @SAME_STORE
    @given(endpoint=any_endpoints())
    def test_an_endpoint_is_read_just_as_it_was_made(
        self, endpoints: EndpointStore, endpoint: WebhookEndpoint
    ) -> None:
        endpoints.create(endpoint)

        assert reread(endpoints, endpoint) == endpoint
        assert endpoints.of_tenant(endpoint.tenant_id) == [endpoint]

    def test_an_endpoint_is_made_once(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        with pytest.raises(AlreadyExistsError):
            endpoints.create(an_endpoint(url="https://example.com/another"))

        assert reread(endpoints, an_endpoint()) == an_endpoint()

    def test_making_again_what_was_made_is_done_already(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        endpoints.create(an_endpoint())

    def test_unknown_endpoints_and_those_of_others_are_not_found(
        self, endpoints: EndpointStore
    ) -> None:
        endpoints.create(an_endpoint())

        with pytest.raises(NotFoundError):
            endpoints.get(TENANT, an_endpoint_id(2))
        with pytest.raises(NotFoundError):
            endpoints.get(OTHER_TENANT, an_endpoint().id)

    def test_all_endpoints_of_a_tenant_come_the_newest_first(
        self, endpoints: EndpointStore
    ) -> None:
        numbers = range(ENDPOINTS_MAX + 1)
        made = [an_endpoint(id=an_endpoint_id(number)) for number in numbers]
        for endpoint in made:
            endpoints.create(endpoint)
        endpoints.create(an_endpoint(tenant_id=OTHER_TENANT))

        assert endpoints.of_tenant(TENANT) == made[::-1]

    def test_a_tenant_without_endpoints_has_none(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint(tenant_id=OTHER_TENANT))

        assert endpoints.of_tenant(TENANT) == []

    def test_an_endpoint_that_cannot_be_read_is_left_out(
        self, endpoints: EndpointStore, spoil: Spoil
    ) -> None:
        first, second = an_endpoint(), an_endpoint(id=an_endpoint_id(2))
        endpoints.create(first)
        endpoints.create(second)

        spoil(first)

        assert endpoints.of_tenant(TENANT) == [second]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(an_endpoint(), an_endpoint().rotated(NOON), id="rotated"),
            pytest.param(an_endpoint(), an_endpoint().changed(event_types=("*",)), id="changed"),
            pytest.param(an_endpoint(), DISABLED, id="disabled"),
            pytest.param(DISABLED, DISABLED.enabled(), id="enabled"),
            pytest.param(
                an_endpoint(slow_since=NOON, turn_at=NOON),
                an_endpoint().changed(slow_since=None, turn_at=None),
                id="healed",
            ),
        ],
    )
    def test_save_writes_a_change(
        self, endpoints: EndpointStore, before: WebhookEndpoint, after: WebhookEndpoint
    ) -> None:
        endpoints.create(before)

        endpoints.save(before, after)

        assert reread(endpoints, before) == after

    @pytest.mark.parametrize("told_by", [None, TOLD])
    def test_save_refuses_a_change_of_what_has_changed_since(
        self, endpoints: EndpointStore, events: EventStore, told_by: object
    ) -> None:
        endpoints.create(FAILING)
        theirs = FAILING.rotated(NOON)
        endpoints.save(FAILING, theirs)

        with pytest.raises(LostRaceError):
            endpoints.save(FAILING, DISABLED, told_by=TOLD if told_by else None)

        assert reread(endpoints, FAILING) == theirs
        assert events.unpublished([(TENANT, TOLD.id)]) == set()

    @pytest.mark.parametrize("told_by", [None, TOLD])
    def test_save_makes_no_endpoint_that_is_gone(
        self, endpoints: EndpointStore, events: EventStore, told_by: object
    ) -> None:
        with pytest.raises(LostRaceError):
            endpoints.save(FAILING, DISABLED, told_by=TOLD if told_by else None)

        assert endpoints.of_tenant(TENANT) == []
        assert events.unpublished([(TENANT, TOLD.id)]) == set()

    def test_what_tells_of_a_change_is_inserted_with_it(
        self, endpoints: EndpointStore, events: EventStore
    ) -> None:
        endpoints.create(FAILING)

        endpoints.save(FAILING, DISABLED, told_by=TOLD)

        assert reread(endpoints, FAILING) == DISABLED
        assert events.get(TENANT, TOLD.id) == TOLD
        assert events.unpublished([(TENANT, TOLD.id)]) == {TOLD.id}

    @pytest.mark.parametrize("is_published", [False, True])
    def test_saving_again_what_was_saved_is_done_already(
        self, endpoints: EndpointStore, events: EventStore, *, is_published: bool
    ) -> None:
        endpoints.create(FAILING)
        endpoints.save(FAILING, DISABLED, told_by=TOLD)
        if is_published:
            events.put([TOLD])

        endpoints.save(FAILING, DISABLED, told_by=TOLD)
        endpoints.save(FAILING, DISABLED)

        assert reread(endpoints, FAILING) == DISABLED
        assert events.published([(TENANT, TOLD.id)]) == ({TOLD.id} if is_published else set())

    def test_a_change_that_another_has_made_is_told_once(
        self, endpoints: EndpointStore, events: EventStore
    ) -> None:
        """Two deliverers find an endpoint dead within a second of each other."""
        later = endpoint_disabled(DISABLED, NOON + SECOND)
        endpoints.create(FAILING)
        endpoints.save(FAILING, DISABLED, told_by=TOLD)

        endpoints.save(FAILING, DISABLED, told_by=later)

        assert events.unpublished([(TENANT, TOLD.id), (TENANT, later.id)]) == {TOLD.id}

    def test_nothing_changes_whose_event_has_happened_already(
        self, endpoints: EndpointStore, events: EventStore
    ) -> None:
        endpoints.create(FAILING)
        events.insert(TOLD)

        with pytest.raises(LostRaceError):
            endpoints.save(FAILING, DISABLED, told_by=TOLD)

        assert reread(endpoints, FAILING) == FAILING

    def test_a_turn_that_was_taken_meanwhile_is_no_change(self, endpoints: EndpointStore) -> None:
        endpoints.create(FAILING)
        take_turn(endpoints, FAILING)

        endpoints.save(FAILING, DISABLED)
        endpoints.save(FAILING, DISABLED)

        assert reread(endpoints, FAILING) == replace(DISABLED, turn_at=NOON + TURNS_APART)

    def test_an_endpoint_that_heals_has_no_turns_any_more(self, endpoints: EndpointStore) -> None:
        paced = an_endpoint(slow_since=NOON, turn_at=NOON + SECOND)
        healed = paced.changed(slow_since=None, turn_at=None)
        endpoints.create(paced)
        take_turn(endpoints, paced)

        endpoints.save(paced, healed)

        assert reread(endpoints, paced) == healed

    def test_turns_lie_apart(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        turns = [take_turn(endpoints, an_endpoint()) for _ in range(3)]

        assert turns == [NOON, NOON + TURNS_APART, NOON + 2 * TURNS_APART]
        assert reread(endpoints, an_endpoint()) == an_endpoint(turn_at=NOON + 3 * TURNS_APART)

    @pytest.mark.parametrize(
        ("free_at", "turn"),
        [
            pytest.param(NOON - A_TICK, NOON, id="free for a while"),
            pytest.param(NOON, NOON, id="free just now"),
            pytest.param(NOON + A_TICK, NOON + A_TICK, id="free in a moment"),
        ],
    )
    @pytest.mark.parametrize("is_known", [True, False])
    def test_a_turn_begins_when_it_is_free(
        self, endpoints: EndpointStore, free_at: datetime, turn: datetime, *, is_known: bool
    ) -> None:
        endpoints.create(an_endpoint(turn_at=free_at))
        as_read = an_endpoint(turn_at=free_at if is_known else None)

        assert take_turn(endpoints, as_read) == turn

        assert reread(endpoints, an_endpoint()).turn_at == turn + TURNS_APART

    def test_a_turn_that_was_read_and_is_gone_is_free(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        assert take_turn(endpoints, an_endpoint(turn_at=NOON + SECOND)) == NOON

    @pytest.mark.parametrize("turn_at", [None, NOON + SECOND])
    def test_an_endpoint_that_is_gone_has_no_turns(
        self, endpoints: EndpointStore, turn_at: datetime | None
    ) -> None:
        assert take_turn(endpoints, an_endpoint(turn_at=turn_at)) is None

        assert endpoints.of_tenant(TENANT) == []

    def test_an_endpoint_is_removed_for_good(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        endpoints.remove(TENANT, an_endpoint().id)

        assert endpoints.of_tenant(TENANT) == []
        with pytest.raises(NotFoundError):
            endpoints.remove(TENANT, an_endpoint().id)

    def test_another_tenants_endpoint_is_not_removed(self, endpoints: EndpointStore) -> None:
        endpoints.create(an_endpoint())

        with pytest.raises(NotFoundError):
            endpoints.remove(OTHER_TENANT, an_endpoint().id)

        assert endpoints.of_tenant(TENANT) == [an_endpoint()]


class TestInMemoryEndpointStore(EndpointStoreContract):
    @pytest.fixture
    def stream(self) -> Changes:
        return Changes()

    @pytest.fixture
    def events(self, stream: Changes) -> EventStore:
        return InMemoryEventStore(stream=stream)

    @pytest.fixture
    def endpoints(self, events: InMemoryEventStore) -> EndpointStore:
        return InMemoryEndpointStore(events)

    @pytest.fixture
    def spoil(self, endpoints: InMemoryEndpointStore) -> Spoil:
        return lambda endpoint: endpoints.unreadable.add(endpoint.id)

    def test_the_stream_shows_what_tells_of_a_change(
        self, endpoints: EndpointStore, stream: Changes
    ) -> None:
        endpoints.create(FAILING)

        endpoints.save(FAILING, DISABLED, told_by=TOLD)

        assert [change.new["sk"]["S"] for change in stream.made] == [TOLD.id]


class TestDynamoDBEndpointStore(EndpointStoreContract):
    @pytest.fixture
    def events(self, cloud: Cloud) -> EventStore:
        return DynamoDBEventStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def endpoints(self, cloud: Cloud) -> EndpointStore:
        return DynamoDBEndpointStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(endpoint: WebhookEndpoint) -> None:
            row = to_row(endpoint) | to_item({"status": "dreaming"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil

    def test_the_row_of_a_callback_secret_is_no_endpoint(
        self, cloud: Cloud, endpoints: EndpointStore
    ) -> None:
        """It lies beside them, and what an endpoint is called may come from outside."""
        row = callback_secret_row(TENANT, NEVER_ROTATED)
        cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        with pytest.raises(NotFoundError):
            endpoints.get(TENANT, EndpointId("callback_secret"))
