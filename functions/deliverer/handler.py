"""The deliverer: a batch of messages from the deliveries queue, posted concurrently."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from functions.deliverer.deliver import LOOK_AGAIN_AFTER, Deliver, Outcome
from relay.domain.ids import DeliveryId
from relay.domain.messages import DeliveryMessage, read_delivery_message
from relay.ports import Clock, Visibility
from relay.postponing import batch_response, postpone
from relay.telemetry import Fact, WideLog, in_milliseconds

_NOTHING = DeliveryMessage("", DeliveryId(""))

type Run = Callable[[Coroutine[Any, Any, list[Outcome]]], list[Outcome]]
"""Runs a coroutine to its end on the sandbox's one event loop."""


def make_handler(
    deliver: Deliver, visibility: Visibility, *, clock: Clock, run: Run, log: WideLog
) -> Callable[[Mapping[str, Any], object], Any]:
    """Return the Lambda handler."""

    async def deliver_one(record: Mapping[str, Any]) -> Outcome:
        message = _NOTHING
        try:
            message = read_delivery_message(record["body"])
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            return await deliver(message, receives=receives)
        except Exception as error:  # noqa: BLE001 - one delivery's defect must not touch others'
            later = clock.now() + LOOK_AGAIN_AFTER
            return Outcome(result="error", message=message, look_again_at=later, error=error)

    async def deliver_all(records: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(deliver_one(record)) for record in records]
        return [task.result() for task in tasks]

    def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Attempt each record's delivery; report those whose message must come back."""
        records = event["Records"]
        outcomes = run(deliver_all(records))
        for outcome in outcomes:
            log.line("delivery.attempted", _facts(outcome), outcome.error)
        looks = [outcome.look_again_at for outcome in outcomes]
        postpone(records, looks, visibility=visibility, at=clock.now(), log=log)
        return batch_response(records, looks)

    return handle


def _facts(outcome: Outcome) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "outcome": outcome.result,
        "target_id": outcome.message.target_id,
        "delivery_id": outcome.message.delivery_id,
    }
    delivery = outcome.delivery
    if delivery is None:
        return facts
    facts |= {
        "tenant_id": delivery.tenant_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "job_id": delivery.job_id,
        "status": delivery.status,
        "attempts": len(delivery.attempts),
    }
    if not delivery.attempts:
        return facts
    last = delivery.attempts[-1]
    return facts | {
        "status_code": last.status_code,
        "duration_ms": in_milliseconds(last.duration),
    }
