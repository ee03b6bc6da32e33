"""The fan-out: events that a rule put on the events queue, and parts of recoveries."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from functions.fanout.fan_out import FanOut, told_event
from functions.fanout.recover import Recover
from relay.domain.messages import RecoveryMessage, read_recovery_message
from relay.ports import Clock
from relay.telemetry import Fact, WideLog

MARGIN = timedelta(seconds=15)
"""What is kept of an invocation's time when a recovery goes on: one page, and the other records."""


class LambdaContext(Protocol):
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time the invocation has left."""
        ...


def make_handler(
    fan_out: FanOut, recover: Recover, *, clock: Clock, retention: timedelta, log: WideLog
) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
    """Return the Lambda handler. ``retention`` is for how long deliveries of no job are kept."""
    return _Handler(fan_out=fan_out, recover=recover, clock=clock, retention=retention, log=log)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handler:
    fan_out: FanOut
    recover: Recover
    clock: Clock
    retention: timedelta
    log: WideLog

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Take each record, events first; report those whose message must come back."""
        left = timedelta(milliseconds=context.get_remaining_time_in_millis())
        ends_at = self.clock.now() + left - MARGIN
        failures = [
            {"itemIdentifier": record["messageId"]}
            for record in sorted(event["Records"], key=_is_of_a_recovery)
            if not self._take(record["body"], ends_at)
        ]
        return {"batchItemFailures": failures}

    def _take(self, body: str, ends_at: datetime) -> bool:
        facts: dict[str, Fact] = {}
        message = read_recovery_message(body)
        try:
            if message is None:
                self._take_event(body, facts)
            else:
                self._take_recovery(message, ends_at, facts)
        except Exception as error:  # noqa: BLE001 - one record's defect must not touch others
            what = "recovery.not_continued" if message else "event.not_fanned_out"
            self.log.line(what, facts, error)
            return False
        self.log.line("recovery.continued" if message else "event.fanned_out", facts)
        return True

    def _take_event(self, body: str, facts: dict[str, Fact]) -> None:
        told = told_event(json.loads(body)["detail"], retention=self.retention)
        facts |= {"event_id": told.id, "event_type": told.type, "tenant_id": told.tenant_id}
        if told.is_of_job:
            facts["job_id"] = told.resource_id
        facts["records"] = len(self.fan_out(told))

    def _take_recovery(
        self, message: RecoveryMessage, ends_at: datetime, facts: dict[str, Fact]
    ) -> None:
        facts |= {"target_id": message.endpoint_id, "recovery_id": message.recovery_id}
        recovery = self.recover(message, ends_at=ends_at)
        if recovery is not None:
            facts |= {"tenant_id": recovery.tenant_id, "records": recovery.redelivered}


def _is_of_a_recovery(record: Mapping[str, Any]) -> bool:
    return read_recovery_message(record["body"]) is not None
