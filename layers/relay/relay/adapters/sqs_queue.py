"""Queues in SQS: one to send to, and the one that a function reads."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from relay.aws.errors import aws_errors_translated
from relay.domain.errors import UnavailableError
from relay.ports import Postponement

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_ENTRIES_MAX = 10  # of ChangeMessageVisibilityBatch
VISIBILITY_MAX = timedelta(hours=11, minutes=50)
"""SQS hides a message for 12 hours at most, counted from its receipt, which was a while ago."""


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
                MessageBody=json.dumps(dict(message), separators=(",", ":")),
                MessageGroupId=group,
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


def _whole_seconds(wait: timedelta) -> int:
    """Round up: a message that is seen too early was received for nothing."""
    cut = max(timedelta(0), min(wait, VISIBILITY_MAX))
    return -(-cut // timedelta(seconds=1))
