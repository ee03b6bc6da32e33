import json
from collections.abc import Callable
from typing import Any

import pytest

from relay.adapters.event_bridge import EventBridgeBus
from relay.domain.event import Event, envelope
from relay.ports import EventBus
from tests.cloud import Cloud
from tests.fakes.clock import FakeClock
from tests.fakes.events import InMemoryEventBus
from tests.fakes.examples import a_completed_job, a_job_id, an_event
from tests.fakes.queue import InMemoryQueue

type Told = Callable[[], list[dict[str, Any]]]
BUS = "relay"


def many(number: int) -> list[Event]:
    return [an_event(a_completed_job(id=a_job_id(index))) for index in range(number)]


class EventBusContract:
    """``told`` reads, at most ten at a time, what a rule for all events brings into a queue."""

    @pytest.fixture
    def bus(self) -> EventBus:
        raise NotImplementedError

    @pytest.fixture
    def told(self) -> Told:
        raise NotImplementedError

    def test_an_event_is_told_in_the_envelope_that_subscribers_know(
        self, bus: EventBus, told: Told
    ) -> None:
        event = an_event()

        assert bus.put([event]) == []

        (message,) = told()
        assert message["source"] == "mistral-relay"
        assert message["detail-type"] == "job.completed"
        expected = envelope(
            event.id,
            event.type,
            occurred_at=event.occurred_at,
            sequence=event.sequence,
            data=event.data,
        )
        assert message["detail"] == json.loads(json.dumps(expected))

    @pytest.mark.parametrize("number", [0, 1, 10, 11, 25])
    def test_any_number_of_events_is_told(self, bus: EventBus, told: Told, number: int) -> None:
        events = many(number)

        assert bus.put(events) == []

        ids = [message["detail"]["id"] for _ in range(number) for message in told()]
        assert sorted(ids) == sorted(event.id for event in events)

    def test_text_of_any_script_is_told_unchanged(self, bus: EventBus, told: Told) -> None:
        bus.put([an_event(a_completed_job(metadata={"où": "日本 🦊"}))])

        (message,) = told()
        assert message["detail"]["data"]["metadata"] == {"où": "日本 🦊"}


class TestInMemoryEventBus(EventBusContract):
    @pytest.fixture
    def queue(self) -> InMemoryQueue:
        return InMemoryQueue(FakeClock())

    @pytest.fixture
    def bus(self, queue: InMemoryQueue) -> EventBus:
        return InMemoryEventBus(target=queue)

    @pytest.fixture
    def told(self, queue: InMemoryQueue) -> Told:
        return lambda: [json.loads(record["body"]) for record in queue.received()["Records"]]

    def test_it_can_refuse(self) -> None:
        first, second = many(2)
        bus = InMemoryEventBus(refuses=lambda event: event == first)

        assert bus.put([first, second]) == [first]
        assert bus.taken == [second]


class TestEventBridgeBus(EventBusContract):
    @pytest.fixture
    def queue_url(self, cloud: Cloud) -> str:
        """Make the bus, and a rule that puts all of it into a queue."""
        sqs, events = cloud.sqs(), cloud.events()
        url = sqs.create_queue(QueueName="told")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        events.create_event_bus(Name=BUS)
        pattern = json.dumps({"source": ["mistral-relay"]})
        events.put_rule(Name="all", EventBusName=BUS, EventPattern=pattern)
        events.put_targets(
            Rule="all",
            EventBusName=BUS,
            Targets=[{"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}],
        )
        return url

    @pytest.fixture
    def bus(self, cloud: Cloud, queue_url: str) -> EventBus:  # noqa: ARG002 - the bus is made there
        return EventBridgeBus(cloud.events(), BUS)

    @pytest.fixture
    def told(self, cloud: Cloud, queue_url: str) -> Told:
        def read() -> list[dict[str, Any]]:
            found = cloud.sqs().receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            return [json.loads(message["Body"]) for message in found.get("Messages", [])]

        return read

    @pytest.mark.usefixtures("queue_url")
    def test_the_events_that_were_refused_in_an_answer_of_200_come_back(self, cloud: Cloud) -> None:
        events = many(11)
        client = cloud.events()
        client.meta.events.register("before-parameter-build.events.PutEvents", spoil_the_first)

        assert EventBridgeBus(client, BUS).put(events) == [events[0], events[10]]


def spoil_the_first(params: dict[str, Any], **_: object) -> None:
    params["Entries"][0]["Detail"] = "no JSON"
