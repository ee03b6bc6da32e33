import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from relay.adapters.sqs_queue import SqsDeadLetters, SqsQueue, SqsVisibility
from relay.domain.errors import UnavailableError
from relay.ports import DeadLetters, Postponement, Queue, Sending, Visibility
from tests.cloud import Cloud
from tests.fakes.clock import FakeClock
from tests.fakes.queue import InMemoryQueue

MESSAGE = {"schema": "1", "tenant_id": "ten_1", "job_id": "job_1"}
NOW = timedelta(0)
A_MINUTE = timedelta(minutes=1)

type Receive = Callable[[], list[tuple[str, Any]]]
"""Receives up to ten messages, each as its receipt and what it says, and hides them."""
type Exhume = Callable[[], list[tuple[str, dict[str, str]]]]
"""Reads the messages that were laid down, each with its notes."""


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

    @pytest.mark.parametrize("number", [0, 1, 10, 11, 25])
    def test_any_number_of_messages_is_sent(
        self, queue: Queue, receive: Receive, number: int
    ) -> None:
        messages = [{"schema": "1", "number": str(index)} for index in range(number)]

        queue.send_all([Sending(message=message, group="ten_1") for message in messages])

        arrived = [message for _ in range(number) for _, message in receive()]
        assert sorted(arrived, key=lambda message: int(message["number"])) == messages

    @pytest.mark.parametrize("delay", [timedelta(milliseconds=1), A_MINUTE, timedelta(hours=1)])
    def test_a_delayed_message_is_not_seen_yet_and_holds_up_no_other(
        self, queue: Queue, receive: Receive, delay: timedelta
    ) -> None:
        soon = MESSAGE | {"job_id": "job_2"}

        queue.send_all(
            [
                Sending(message=MESSAGE, group="ten_1", delay=delay),
                Sending(message=soon, group="ten_1"),
                Sending(message=soon, group="ten_1", delay=timedelta(seconds=-5)),
            ]
        )

        assert [message for _, message in receive()] == [soon, soon]
        assert receive() == []

    def test_the_depth_is_what_waits_to_be_received(self, queue: Queue, receive: Receive) -> None:
        assert queue.depth() == 0

        queue.send_all([Sending(message=MESSAGE, group="ten_1")] * 12)
        queue.send_all([Sending(message=MESSAGE, group="ten_1", delay=A_MINUTE)])
        assert queue.depth() == 12

        receive()
        assert queue.depth() == 2


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


class DeadLettersContract:
    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        raise NotImplementedError

    @pytest.fixture
    def exhume(self) -> Exhume:
        raise NotImplementedError

    @pytest.mark.parametrize("body", ["{}", "no JSON", '{"où":"日本 🦊"}'])
    def test_a_message_lies_as_it_came_with_its_notes(
        self, dead_letters: DeadLetters, exhume: Exhume, body: str
    ) -> None:
        notes = {"reason": "it is not JSON", "message_id": "a-message"}

        dead_letters.bury(body, notes=notes, group="ten_1")

        assert exhume() == [(body, notes)]

    def test_what_sqs_takes_in_no_note_is_replaced(
        self, dead_letters: DeadLetters, exhume: Exhume
    ) -> None:
        """A field's name that held a control character was quoted, and SQS refused the burial."""
        reason = "#/\x01\x00\ufffe\ud800\tx: is no field, où 🦊"

        dead_letters.bury("{}", notes={"reason": reason}, group="ten_1")

        assert exhume() == [("{}", {"reason": "#/????\tx: is no field, où 🦊"})]

    def test_a_message_may_lie_there_twice_and_without_notes(
        self, dead_letters: DeadLetters, exhume: Exhume
    ) -> None:
        dead_letters.bury("{}", notes={}, group="ten_1")
        dead_letters.bury("{}", notes={}, group="ten_2")

        assert exhume() == [("{}", {}), ("{}", {})]


class TestInMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        return InMemoryQueue(FakeClock())

    @pytest.fixture
    def exhume(self, dead_letters: InMemoryQueue) -> Exhume:
        return lambda: [(message.body, message.attributes) for message in dead_letters.messages]


class TestSqsDeadLetters(DeadLettersContract):
    @pytest.fixture
    def url(self, cloud: Cloud) -> str:
        return cloud.sqs().create_queue(QueueName="dead")["QueueUrl"]

    @pytest.fixture
    def dead_letters(self, cloud: Cloud, url: str) -> DeadLetters:
        return SqsDeadLetters(cloud.sqs(), url)

    @pytest.fixture
    def exhume(self, cloud: Cloud, url: str) -> Exhume:
        def read() -> list[tuple[str, dict[str, str]]]:
            found = cloud.sqs().receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            return [
                (
                    m["Body"],
                    {n: a["StringValue"] for n, a in m.get("MessageAttributes", {}).items()},
                )
                for m in found["Messages"]
            ]

        return read

    def test_a_message_says_whose_it_is_even_there(
        self, dead_letters: DeadLetters, cloud: Cloud, url: str
    ) -> None:
        dead_letters.bury("{}", notes={}, group="ten_1")

        found = cloud.sqs().receive_message(
            QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"]
        )

        assert found["Messages"][0]["Attributes"] == {"MessageGroupId": "ten_1"}

    def test_a_queue_that_fails_is_unavailable(self, cloud: Cloud, url: str) -> None:
        with pytest.raises(UnavailableError):
            SqsDeadLetters(cloud.sqs(), url + "-gone").bury("{}", notes={}, group="ten_1")


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

    def test_a_queue_that_fails_is_unavailable_to_whoever_sends_many_or_asks_how_many_wait(
        self, cloud: Cloud, url: str
    ) -> None:
        gone = SqsQueue(cloud.sqs(), url + "-gone")

        with pytest.raises(UnavailableError):
            gone.send_all([Sending(message=MESSAGE, group="ten_1")])
        with pytest.raises(UnavailableError):
            gone.depth()

    def test_a_message_that_is_not_taken_in_an_answer_of_200_is_an_outage(
        self, cloud: Cloud, url: str, receive: Receive
    ) -> None:
        client = cloud.sqs()
        client.meta.events.register("before-parameter-build.sqs.SendMessageBatch", spoil_the_first)

        with pytest.raises(UnavailableError, match="1 message"):
            SqsQueue(client, url).send_all([Sending(message=MESSAGE, group="ten_1")] * 3)

        assert len(receive()) == 2

    @pytest.mark.parametrize(
        ("delay", "seconds"),
        [
            (NOW, 0),
            (timedelta(seconds=-1), 0),
            (timedelta(milliseconds=1), 1),
            (timedelta(seconds=1), 1),
            (timedelta(seconds=1, milliseconds=1), 2),
            (timedelta(minutes=15), 900),
            (timedelta(days=1), 900),
        ],
    )
    def test_a_delay_is_rounded_up_and_cut_to_what_the_queue_can_do(
        self, cloud: Cloud, url: str, delay: timedelta, seconds: int
    ) -> None:
        client = cloud.sqs()
        asked: list[Any] = []
        client.meta.events.register(
            "before-parameter-build.sqs.SendMessageBatch",
            lambda params, **_: asked.extend(params["Entries"]),
        )

        SqsQueue(client, url).send_all([Sending(message=MESSAGE, group="ten_1", delay=delay)])

        assert [(it["DelaySeconds"], it["MessageGroupId"]) for it in asked] == [(seconds, "ten_1")]

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


def spoil_the_first(params: dict[str, Any], **_: object) -> None:
    params["Entries"][0]["DelaySeconds"] = 901


def notes_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: attribute["StringValue"] for name, attribute in attributes.items()}
