from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.event import Event
from relay.domain.ids import EventId, TenantId
from relay.ports import EventStore
from tests.cloud import TABLE, Cloud
from tests.fakes.changes import Changes
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import OTHER_TENANT, a_completed_job, a_job_id, an_event
from tests.fakes.strategies import events as any_events

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def many(number: int) -> list[Event]:
    return [an_event(a_completed_job(id=a_job_id(index))) for index in range(number)]


def name_of(event: Event) -> tuple[TenantId, EventId]:
    return event.tenant_id, event.id


class EventStoreContract:
    @pytest.fixture
    def events(self) -> EventStore:
        raise NotImplementedError

    @pytest.fixture
    def changes(self) -> Callable[[], int]:
        """Return what counts the changes of unpublished events that the stream has shown."""
        raise NotImplementedError

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(event=any_events)
    def test_an_event_is_read_just_as_it_was_put(self, events: EventStore, event: Event) -> None:
        events.put([event])

        assert events.get(event.tenant_id, event.id) == event

    @pytest.mark.parametrize("number", [0, 1, 25, 26, 60])
    def test_any_number_of_events_is_kept(self, events: EventStore, number: int) -> None:
        put = many(number)

        events.put(put)

        assert [events.get(event.tenant_id, event.id) for event in put] == put

    def test_events_put_twice_are_kept_once(self, events: EventStore) -> None:
        event = an_event()
        events.put([event])

        events.put([event, event])

        assert events.get(event.tenant_id, event.id) == event

    def test_an_unknown_event_is_not_found(self, events: EventStore) -> None:
        with pytest.raises(NotFoundError):
            events.get(an_event().tenant_id, an_event().id)

    def test_another_tenants_event_is_not_found(self, events: EventStore) -> None:
        events.put([an_event()])

        with pytest.raises(NotFoundError):
            events.get(OTHER_TENANT, an_event().id)

    def test_an_event_that_was_inserted_is_kept_and_not_published(self, events: EventStore) -> None:
        event = an_event()

        events.insert(event)

        assert events.get(event.tenant_id, event.id) == event
        assert events.published([name_of(event)]) == set()

    def test_an_event_is_published_once_it_is_put(self, events: EventStore) -> None:
        event = an_event()
        events.insert(event)

        events.put([event])

        assert events.get(event.tenant_id, event.id) == event
        assert events.published([name_of(event)]) == {event.id}

    def test_an_event_that_was_published_is_not_inserted_again(self, events: EventStore) -> None:
        event = an_event()
        events.put([event])

        events.insert(event)

        assert events.published([name_of(event)]) == {event.id}

    def test_an_event_that_was_inserted_before_stays_as_it_is(self, events: EventStore) -> None:
        event = an_event()
        events.insert(event)

        events.insert(replace(event, type="another"))

        assert events.get(event.tenant_id, event.id) == event

    def test_only_those_that_were_put_on_the_bus_are_published(self, events: EventStore) -> None:
        put, inserted, unknown = many(3)
        events.put([put])
        events.insert(inserted)

        names = [name_of(put), name_of(put), name_of(inserted), name_of(unknown)]
        assert events.published([*names, (OTHER_TENANT, put.id)]) == {put.id}
        assert events.published([(OTHER_TENANT, put.id)]) == set()
        assert events.unpublished([*names, (OTHER_TENANT, inserted.id)]) == {inserted.id}

    @pytest.mark.parametrize("number", [0, 100, 101])
    def test_any_number_of_events_may_be_asked_about(self, events: EventStore, number: int) -> None:
        events.put(many(number))

        names = [name_of(event) for event in many(number)]
        assert events.published(names) == {event.id for event in many(number)}

    def test_an_event_is_told_again_and_stays_the_same(
        self, events: EventStore, changes: Callable[[], int]
    ) -> None:
        event = an_event()
        events.insert(event)
        before = changes()

        events.tell_again(event.tenant_id, event.id)
        events.tell_again(event.tenant_id, event.id)

        assert changes() == before + 2
        assert events.get(event.tenant_id, event.id) == event
        assert events.published([name_of(event)]) == set()

    def test_an_event_that_is_published_is_not_told_again(
        self, events: EventStore, changes: Callable[[], int]
    ) -> None:
        event = an_event()
        events.insert(event)
        events.put([event])
        before = changes()

        events.tell_again(event.tenant_id, event.id)

        assert changes() == before
        assert events.published([name_of(event)]) == {event.id}

    def test_an_event_that_is_not_there_is_not_made_by_telling_it_again(
        self, events: EventStore
    ) -> None:
        events.tell_again(an_event().tenant_id, an_event().id)

        with pytest.raises(NotFoundError):
            events.get(an_event().tenant_id, an_event().id)


class TestInMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def stream(self) -> Changes:
        return Changes()

    @pytest.fixture
    def events(self, stream: Changes) -> EventStore:
        return InMemoryEventStore(stream=stream)

    @pytest.fixture
    def changes(self, stream: Changes) -> Callable[[], int]:
        return lambda: len(stream.made)


class TestDynamoDBEventStore(EventStoreContract):
    @pytest.fixture
    def events(self, cloud: Cloud) -> EventStore:
        return DynamoDBEventStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def changes(self, cloud: Cloud) -> Callable[[], int]:
        """Return what counts the changes of the only row there is, whose new image is another."""

        def count() -> int:
            (row,) = cloud.dynamodb().scan(TableName=TABLE)["Items"]
            return int(row.get("told_again", {"N": "0"})["N"])

        return count

    @pytest.mark.parametrize("times", [1, 2])
    def test_what_dynamodb_leaves_over_is_written_by_another_call(
        self, cloud: Cloud, times: int
    ) -> None:
        client = cloud.dynamodb()
        leave_over(client, times)
        store = DynamoDBEventStore(client, TABLE)

        store.put(many(3))

        assert [store.get(event.tenant_id, event.id) for event in many(3)] == many(3)

    def test_what_dynamodb_leaves_over_for_ever_is_an_outage(self, cloud: Cloud) -> None:
        client = cloud.dynamodb()
        leave_over(client, times=100)

        with pytest.raises(UnavailableError, match="3 rows"):
            DynamoDBEventStore(client, TABLE).put(many(3))


def leave_over(client: "DynamoDBClient", times: int) -> None:
    """Let so many calls take nothing, as a throttled table does, and say so in an answer of 200."""
    asked: list[dict[str, Any]] = []

    def remember(params: dict[str, Any], **_: object) -> None:
        asked.append(params)

    def take_nothing(parsed: dict[str, Any], **_: object) -> None:
        if len(asked) <= times:
            for request in asked[-1]["RequestItems"][TABLE]:
                item = request["PutRequest"]["Item"]
                client.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
            parsed["UnprocessedItems"] = asked[-1]["RequestItems"]

    client.meta.events.register("provide-client-params.dynamodb.BatchWriteItem", remember)
    client.meta.events.register("after-call.dynamodb.BatchWriteItem", take_nothing)
