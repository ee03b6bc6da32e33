"""The intake: a batch of messages from the submissions queue."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from functions.intake.take_submission import Outcome, SubmissionMessage, TakeSubmission
from relay.domain.backoff import full_jitter
from relay.domain.moments import from_milliseconds
from relay.domain.sender import identity_of
from relay.ports import Clock, Dice, Visibility
from relay.postponing import batch_response, postpone
from relay.telemetry import Fact, WideLog

WAIT_CAP = timedelta(minutes=15)
"""Between two tries of a message that AWS did not let through."""
WAIT_MIN = timedelta(seconds=5)
MARGIN = timedelta(seconds=15)
"""No message is begun with less time left: AWS may take ten seconds to say that it is out."""
NOT_TEXT = "\ufffd"
"""Stands for an attribute that is no text. It is no key, so that its message is refused."""


class LambdaContext(Protocol):
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time the invocation has left."""
        ...


def make_handler(
    take: TakeSubmission, visibility: Visibility, *, clock: Clock, dice: Dice, log: WideLog
) -> Callable[[Mapping[str, Any], LambdaContext], Any]:
    """Return the Lambda handler."""

    def outcome_of(record: Mapping[str, Any], ends_at: datetime) -> Outcome:
        wait = WAIT_MIN
        try:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            wait = max(wait, full_jitter(receives + 3, cap=WAIT_CAP, chance=dice.chance()))
            if clock.now() + MARGIN >= ends_at:
                return Outcome(result="late", look_again_at=clock.now() + wait)
            return take(_message_of(record))
        except Exception as error:  # noqa: BLE001 - one message's defect must not touch others
            return Outcome(result="error", look_again_at=clock.now() + wait, error=error)

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Take each record's submission; report those whose message must come back."""
        left = timedelta(milliseconds=context.get_remaining_time_in_millis())
        ends_at = clock.now() + left
        records = event["Records"]
        outcomes = [outcome_of(record, ends_at) for record in records]
        for record, outcome in zip(records, outcomes, strict=True):
            log.line("submission.taken", _facts(record, outcome), outcome.error)
        looks = [outcome.look_again_at for outcome in outcomes]
        postpone(records, looks, visibility=visibility, at=clock.now(), log=log)
        return batch_response(records, looks)

    return handle


def _message_of(record: Mapping[str, Any]) -> SubmissionMessage:
    facts, attributes = record["attributes"], record.get("messageAttributes") or {}
    return SubmissionMessage(
        id=record["messageId"],
        body=record["body"],
        sender=identity_of(facts["SenderId"]),
        sent_at=from_milliseconds(int(facts["SentTimestamp"])),
        receives=int(facts["ApproximateReceiveCount"]),
        attributes={
            name: str(attribute.get("stringValue") or NOT_TEXT)
            for name, attribute in attributes.items()
        },
    )


def _facts(record: Mapping[str, Any], outcome: Outcome) -> dict[str, Fact]:
    return {
        "outcome": outcome.result,
        "message_id": record["messageId"],
        "tenant_id": outcome.tenant_id or None,
        "job_id": outcome.job.id if outcome.job else None,
    }
