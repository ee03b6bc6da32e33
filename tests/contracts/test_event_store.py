from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.event import Event
from relay.ports import EventStore
from tests.cloud import TABLE, Cloud
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import OTHER_TENANT, a_completed_job, a_job_id, an_event
from tests.fakes.strategies import events as any_events

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def many(number: int) -> list[Event]:
    return [an_event(a_completed_job(id=a_job_id(index))) for index in range(number)]


class EventStoreContract:
    @pytest.fixture
    def events(self) -> EventStore:
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


class TestInMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def events(self) -> EventStore:
        return InMemoryEventStore()


class TestDynamoDBEventStore(EventStoreContract):
    @pytest.fixture
    def events(self, cloud: Cloud) -> EventStore:
        return DynamoDBEventStore(cloud.dynamodb(), TABLE)

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

        with pytest.raises(UnavailableError, match="3 events"):
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
