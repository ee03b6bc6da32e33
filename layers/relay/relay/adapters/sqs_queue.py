"""Queues in SQS: one to send to, and the one that a function reads."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.domain.errors import UnavailableError
from relay.ports import Postponement, Sending

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_ENTRIES_MAX = 10  # of SendMessageBatch and of ChangeMessageVisibilityBatch
DELAY_MAX = timedelta(minutes=15)
VISIBILITY_MAX = timedelta(hours=11, minutes=50)
"""SQS hides a message for 12 hours at most, counted from its receipt, which was a while ago."""

_NOT_TAKEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no text in SQS may hold, or the whole message is refused.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""


class SqsQueue:
    """A queue to send to."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, str], *, group: str) -> None:
        """Send one message. The group makes the queue fair between tenants."""
        with aws_errors_translated():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=_body(message),
                MessageGroupId=group,
            )

    def send_all(self, sendings: Sequence[Sending]) -> None:
        """Send messages, ten to a call."""
        for batch in batched(sendings, BATCH_ENTRIES_MAX, strict=False):
            with aws_errors_translated():
                done = self._client.send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(index),
                            "MessageBody": _body(sending.message),
                            "MessageGroupId": sending.group,
                            "DelaySeconds": _whole_seconds(min(sending.delay, DELAY_MAX)),
                        }
                        for index, sending in enumerate(batch)
                    ],
                )
            if done.get("Failed"):
                raise UnavailableError(f"SQS did not take {len(done['Failed'])} messages")

    def depth(self) -> int:
        """Return SQS's own estimate."""
        with aws_errors_translated():
            found = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])


class SqsDeadLetters:
    """A dead-letter queue that a function itself sends to."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def bury(self, body: str, *, notes: Mapping[str, str], group: str) -> None:
        """Send the message as it came, its notes as attributes, as far as SQS takes their text."""
        with aws_errors_translated():
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageGroupId=group,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": _NOT_TAKEN.sub("?", value)}
                    for name, value in notes.items()
                },
            )


class SqsVisibility:
    """The queue that a function reads."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def postpone(self, postponements: Sequence[Postponement]) -> None:
        """Hide messages, ten to a call. All calls are made, whichever of them fails."""
        failed = 0
        cause: UnavailableError | None = None
        for batch in batched(postponements, BATCH_ENTRIES_MAX, strict=False):
            try:
                with aws_errors_translated():
                    done = self._client.change_message_visibility_batch(
                        QueueUrl=self._url,
                        Entries=[
                            {
                                "Id": str(index),
                                "ReceiptHandle": postponement.receipt,
                                "VisibilityTimeout": _whole_seconds(postponement.wait),
                            }
                            for index, postponement in enumerate(batch)
                        ],
                    )
                failed += len(done.get("Failed", []))
            except UnavailableError as error:
                cause, failed = error, failed + len(batch)
        if failed:
            raise UnavailableError(f"{failed} messages could not be postponed") from cause


def _body(message: Mapping[str, str]) -> str:
    return json.dumps(dict(message), separators=(",", ":"))


def _whole_seconds(wait: timedelta) -> int:
    """Round up: a message that is seen too early was received for nothing."""
    cut = max(timedelta(0), min(wait, VISIBILITY_MAX))
    return -(-cut // timedelta(seconds=1))
