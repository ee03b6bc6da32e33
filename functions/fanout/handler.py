"""The fan-out: events that a rule of the bus put on the events queue."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from functions.fanout.fan_out import FanOut, told_event
from relay.telemetry import Fact, WideLog


def make_handler(fan_out: FanOut, log: WideLog) -> Callable[[Mapping[str, Any], object], Any]:
    """Return the Lambda handler."""

    def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Fan each record's event out; report those whose message must come back."""
        failures = []
        for record in event["Records"]:
            facts: dict[str, Fact] = {}
            try:
                told = told_event(json.loads(record["body"])["detail"])
                facts |= {"event_id": told.id, "event_type": told.type, "job_id": told.job_id}
                facts["tenant_id"] = told.tenant_id
                deliveries = fan_out(told)
            except Exception as error:  # noqa: BLE001 - one event's defect must not touch others
                log.line("event.not_fanned_out", facts, error)
                failures.append({"itemIdentifier": record["messageId"]})
            else:
                log.line("event.fanned_out", facts | {"records": len(deliveries)})
        return {"batchItemFailures": failures}

    return handle
