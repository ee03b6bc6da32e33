import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from relay.adapters.sqs_queue import SqsQueue, SqsVisibility
from relay.domain.errors import UnavailableError
from relay.ports import Postponement, Queue, Visibility
from tests.cloud import Cloud
from tests.fakes.clock import FakeClock
from tests.fakes.queue import InMemoryQueue

MESSAGE = {"schema": "1", "tenant_id": "ten_1", "job_id": "job_1"}
NOW = timedelta(0)
A_MINUTE = timedelta(minutes=1)

type Receive = Callable[[], list[tuple[str, Any]]]
"""Receives up to ten messages, each as its receipt and what it says, and hides them."""


class QueueContract:
    @pytest.fixture
    def queue(self) -> Queue:
        raise NotImplementedError

    @pytest.fixture
    def receive(self) -> Receive:
        raise NotImplementedError

    def test_a_message_arrives_as_it_was_sent(self, queue: Queue, receive: Receive) -> None:
        queue.send(MESSAGE, group="ten_1")

        ((_, message),) = receive()
        assert message == MESSAGE

    def test_equal_messages_are_two(self, queue: Queue, receive: Receive) -> None:
        queue.send(MESSAGE, group="ten_1")
        queue.send(MESSAGE, group="ten_1")

        assert [message for _, message in receive()] == [MESSAGE, MESSAGE]


class VisibilityContract:
    @pytest.fixture
    def queue(self) -> Queue:
        raise NotImplementedError

    @pytest.fixture
    def receive(self) -> Receive:
        raise NotImplementedError

    @pytest.fixture
    def visibility(self) -> Visibility:
        raise NotImplementedError

    def test_a_received_message_is_out_of_sight(self, queue: Queue, receive: Receive) -> None:
        queue.send(MESSAGE, group="ten_1")
        receive()

        assert receive() == []

    @pytest.mark.parametrize("wait", [NOW, timedelta(seconds=-5)])
    def test_a_message_postponed_by_nothing_is_seen_at_once(
        self, queue: Queue, receive: Receive, visibility: Visibility, wait: timedelta
    ) -> None:
        queue.send(MESSAGE, group="ten_1")
        ((receipt, _),) = receive()

        visibility.postpone([Postponement(receipt, wait)])

        assert len(receive()) == 1

    @pytest.mark.parametrize(
        "wait", [timedelta(milliseconds=1), A_MINUTE, timedelta(hours=12), timedelta(days=7)]
    )
    def test_a_postponed_message_stays_out_of_sight(
        self, queue: Queue, receive: Receive, visibility: Visibility, wait: timedelta
    ) -> None:
        queue.send(MESSAGE, group="ten_1")
        ((receipt, _),) = receive()
        visibility.postpone([Postponement(receipt, NOW)])
        ((receipt, _),) = receive()

        visibility.postpone([Postponement(receipt, wait)])

        assert receive() == []

    def test_any_number_of_messages_is_postponed(
        self, queue: Queue, receive: Receive, visibility: Visibility
    ) -> None:
        for _ in range(12):
            queue.send(MESSAGE, group="ten_1")
        receipts = [receipt for _ in range(12) for receipt, _ in receive()]

        visibility.postpone([Postponement(receipt, NOW) for receipt in receipts])

        assert len(receipts) == 12
        assert sum(len(receive()) for _ in range(12)) == 12

    def test_a_message_that_cannot_be_postponed_holds_up_no_other(
        self, queue: Queue, receive: Receive, visibility: Visibility
    ) -> None:
        queue.send(MESSAGE, group="ten_1")
        ((receipt, _),) = receive()

        with pytest.raises(UnavailableError):
            visibility.postpone([Postponement("no-such-receipt", NOW), Postponement(receipt, NOW)])

        assert len(receive()) == 1

    def test_postponing_nothing_is_no_error(self, visibility: Visibility) -> None:
        visibility.postpone([])


class TestInMemoryQueue(QueueContract, VisibilityContract):
    @pytest.fixture
    def queue(self) -> Queue:
        return InMemoryQueue(FakeClock())

    @pytest.fixture
    def receive(self, queue: InMemoryQueue) -> Receive:
        return lambda: [
            (record["receiptHandle"], json.loads(record["body"]))
            for record in queue.received()["Records"]
        ]

    @pytest.fixture
    def visibility(self, queue: InMemoryQueue) -> Visibility:
        return queue

    def test_a_message_that_is_never_settled_dies_at_last(self) -> None:
        clock = FakeClock()
        queue = InMemoryQueue(clock, receives_max=2, visibility_timeout=A_MINUTE)
        queue.send(MESSAGE, group="ten_1")

        for _ in range(3):
            queue.received()
            clock.wait(A_MINUTE)

        assert (len(queue.messages), len(queue.dead)) == (0, 1)

    def test_settling_deletes_what_succeeded_and_nothing_else(self) -> None:
        clock = FakeClock()
        queue = InMemoryQueue(clock, visibility_timeout=A_MINUTE)
        queue.send(MESSAGE, group="ten_1")
        queue.send(MESSAGE, group="ten_2")
        event = queue.received()
        failed = event["Records"][0]["messageId"]

        queue.settle(event, {"batchItemFailures": [{"itemIdentifier": failed}]})

        assert [message.id for message in queue.messages] == [failed]
        assert queue.next_visible_at() == clock.now() + A_MINUTE


class TestSqs(QueueContract, VisibilityContract):
    @pytest.fixture
    def url(self, cloud: Cloud) -> str:
        return cloud.sqs().create_queue(QueueName="jobs")["QueueUrl"]

    @pytest.fixture
    def queue(self, cloud: Cloud, url: str) -> Queue:
        return SqsQueue(cloud.sqs(), url)

    @pytest.fixture
    def receive(self, cloud: Cloud, url: str) -> Receive:
        def read() -> list[tuple[str, Any]]:
            found = cloud.sqs().receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            return [(m["ReceiptHandle"], json.loads(m["Body"])) for m in found.get("Messages", [])]

        return read

    @pytest.fixture
    def visibility(self, cloud: Cloud, url: str) -> Visibility:
        return SqsVisibility(cloud.sqs(), url)

    def test_a_message_says_whose_it_is_so_that_the_queue_is_fair(
        self, queue: Queue, cloud: Cloud, url: str
    ) -> None:
        queue.send(MESSAGE, group="ten_1")

        found = cloud.sqs().receive_message(
            QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"]
        )

        assert found["Messages"][0]["Attributes"] == {"MessageGroupId": "ten_1"}

    def test_a_queue_that_fails_is_unavailable_to_a_sender(self, cloud: Cloud, url: str) -> None:
        with pytest.raises(UnavailableError):
            SqsQueue(cloud.sqs(), url + "-gone").send(MESSAGE, group="ten_1")

    def test_a_queue_that_fails_is_unavailable_to_postponing(self, cloud: Cloud, url: str) -> None:
        with pytest.raises(UnavailableError):
            SqsVisibility(cloud.sqs(), url + "-gone").postpone([Postponement("a-receipt", NOW)])

    @pytest.mark.parametrize(
        ("wait", "seconds"),
        [
            (NOW, 0),
            (timedelta(seconds=-1), 0),
            (timedelta(milliseconds=1), 1),
            (timedelta(seconds=1), 1),
            (timedelta(seconds=1, milliseconds=1), 2),
            (timedelta(days=1), 42_600),
        ],
    )
    def test_a_wait_is_rounded_up_and_cut_to_what_the_queue_can_do(
        self,
        queue: Queue,
        receive: Receive,
        cloud: Cloud,
        url: str,
        wait: timedelta,
        seconds: int,
    ) -> None:
        client = cloud.sqs()
        asked: list[Any] = []

        def note(params: dict[str, Any], **_: object) -> None:
            asked.extend(params["Entries"])

        client.meta.events.register("before-parameter-build.sqs.ChangeMessageVisibilityBatch", note)
        queue.send(MESSAGE, group="ten_1")
        ((receipt, _),) = receive()

        SqsVisibility(client, url).postpone([Postponement(receipt, wait)])

        assert [entry["VisibilityTimeout"] for entry in asked] == [seconds]
