import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, override

from relay.domain.errors import UnavailableError
from relay.domain.moments import to_milliseconds
from relay.ports import Clock, DeadLetters, Postponement, Queue, Sending, Visibility
from tests.fakes.seam import QUIET, Seam

VISIBILITY_MAX = timedelta(hours=11, minutes=50)
DELAY_MAX = timedelta(minutes=15)
BATCH_MESSAGES_MAX = 10
NOT_TAKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SECOND = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class QueuedMessage:
    """A message. While ``receipt`` is set it was received and not seen again since."""

    id: str
    body: str
    group: str | None
    sent_at: datetime
    visible_at: datetime
    receives: int = 0
    receipt: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class InMemoryQueue(Queue, Visibility, DeadLetters):
    """A queue and, for flows, the Lambda service that reads it.

    ``received`` makes the event a handler gets, and ``settle`` does with the handler's answer what
    Lambda does. A message that was received more than ``receives_max`` times is ``dead``.
    """

    def __init__(
        self,
        clock: Clock,
        seam: Seam = QUIET,
        *,
        name: str = "queue",
        visibility_timeout: timedelta = timedelta(seconds=30),
        receives_max: int = 1000,
    ) -> None:
        self.messages: list[QueuedMessage] = []
        self.dead: list[QueuedMessage] = []
        self.name = name
        self._clock = clock
        self._seam = seam
        self._visibility_timeout = visibility_timeout
        self._receives_max = receives_max
        self._ids = 0

    @override
    def send(self, message: Mapping[str, str], *, group: str) -> None:
        with self._seam.around(f"{self.name}.send"):
            self.send_text(json.dumps(dict(message)), group=group)

    @override
    def send_all(self, sendings: Sequence[Sending]) -> None:
        with self._seam.around(f"{self.name}.send_all"):
            for it in sendings:
                text = json.dumps(dict(it.message))
                self.send_text(text, group=it.group, delay=min(it.delay, DELAY_MAX))

    @override
    def depth(self) -> int:
        with self._seam.around(f"{self.name}.depth"):
            now = self._clock.now()
            return sum(message.visible_at <= now for message in self.messages)

    @override
    def bury(self, body: str, *, notes: Mapping[str, str], group: str) -> None:
        with self._seam.around(f"{self.name}.bury"):
            taken = {name: NOT_TAKEN.sub("?", text) for name, text in notes.items()}
            self.send_text(body, group=group, attributes=taken)

    def send_text(
        self,
        body: str,
        *,
        group: str | None = None,
        attributes: Mapping[str, str] | None = None,
        delay: timedelta = timedelta(0),
    ) -> None:
        """Send what need not be one of our own messages."""
        now = self._clock.now()
        self.messages.append(
            QueuedMessage(
                id=self._new_id("message"),
                body=body,
                group=group,
                sent_at=now,
                visible_at=now + -(-delay // _SECOND) * _SECOND,
                attributes=dict(attributes or {}),
            )
        )

    def received(self, limit: int = BATCH_MESSAGES_MAX) -> dict[str, Any]:
        """Return the event for a handler, with no records where nothing can be seen."""
        now = self._clock.now()
        batch: list[QueuedMessage] = []
        for message in [m for m in self.messages if m.visible_at <= now]:
            if message.receives == self._receives_max:
                self.messages.remove(message)
                self.dead.append(message)
            elif len(batch) < limit:
                message.receives += 1
                message.receipt = self._new_id("receipt")
                message.visible_at = now + self._visibility_timeout
                batch.append(message)
        return {"Records": [self._record(message, message.receipt or "") for message in batch]}

    def settle(self, event: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        """Delete what succeeded. What failed comes back when its time out of sight is over.

        AWS takes an empty answer or none for the success of all.
        """
        failures = (answer or {}).get("batchItemFailures", [])
        failed = {failure["itemIdentifier"] for failure in failures}
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.delete(record["receiptHandle"])

    def delete(self, receipt: str) -> None:
        self.messages = [m for m in self.messages if m.receipt != receipt]

    @override
    def postpone(self, postponements: Sequence[Postponement]) -> None:
        with self._seam.around(f"{self.name}.postpone"):
            failed = [p for p in postponements if not self._hide(p)]
            if failed:
                raise UnavailableError(f"{len(failed)} messages could not be postponed")

    def _hide(self, postponement: Postponement) -> bool:
        wait = max(timedelta(0), min(postponement.wait, VISIBILITY_MAX))
        whole = timedelta(seconds=-(-wait // timedelta(seconds=1)))
        hidden = [m for m in self.messages if m.receipt == postponement.receipt]
        for message in hidden:
            message.visible_at = self._clock.now() + whole
        return bool(hidden)

    def next_visible_at(self) -> datetime | None:
        """Return when there is something to receive, ``None`` where the queue is empty."""
        return min((message.visible_at for message in self.messages), default=None)

    def _new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{self.name}-{kind}-{self._ids}"

    def _record(self, message: QueuedMessage, receipt: str) -> dict[str, Any]:
        attributes = {
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(to_milliseconds(message.sent_at)),
            "SentTimestamp": str(to_milliseconds(message.sent_at)),
            "SenderId": "AROAEXAMPLE:relay",
        }
        if message.group is not None:
            attributes["MessageGroupId"] = message.group
        return {
            "messageId": message.id,
            "receiptHandle": receipt,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": {
                name: {"stringValue": value, "dataType": "String"}
                for name, value in message.attributes.items()
            },
            "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{self.name}",
            "awsRegion": "eu-west-1",
        }
