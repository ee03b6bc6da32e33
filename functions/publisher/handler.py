"""The publisher: records of the table's stream."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.publisher.publish_changes import Change, PublishChanges
from relay.telemetry import WideLog


def make_handler(
    publish: PublishChanges, log: WideLog
) -> Callable[[Mapping[str, Any], object], Any]:
    """Return the Lambda handler."""

    def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Publish a batch; report where the stream must go on from, if not after it."""
        published = publish([_change_of(record) for record in event["Records"]])
        for told in published.events:
            facts = {"event_id": told.id, "event_type": told.type, "tenant_id": told.tenant_id}
            if told.is_of_job:
                facts["job_id"] = told.resource_id
            log.line("event.published", facts)
        for change, error in published.parked:
            is_of_job = change.keys["pk"]["S"].startswith("J#")
            log.line(
                "change.parked", {"job_id": change.keys["sk"]["S"]} if is_of_job else {}, error
            )
        log.line("changes.published", {"records": len(event["Records"])})
        failures = [published.retry_from] if published.retry_from is not None else []
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failures]}

    return handle


def _change_of(record: Mapping[str, Any]) -> Change:
    change = record["dynamodb"]
    return Change(
        sequence_number=change["SequenceNumber"],
        old_image=change.get("OldImage"),
        new_image=change.get("NewImage"),
        keys=change["Keys"],
    )
