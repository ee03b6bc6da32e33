"""The worker: a batch of messages from the jobs queue, run concurrently."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

from functions.worker.gate import Leave
from functions.worker.outcome import LOOK_AGAIN_AFTER, Outcome
from functions.worker.run_job import RunJob
from relay.domain.ids import JobId, TenantId
from relay.domain.messages import JobMessage, read_job_message
from relay.ports import Clock, Visibility
from relay.postponing import batch_response, postpone
from relay.telemetry import Fact, WideLog, in_milliseconds

_NOBODY = JobMessage(TenantId(""), JobId(""))


class LambdaContext(Protocol):
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time the invocation has left."""
        ...


type Run = Callable[[Coroutine[Any, Any, list[Outcome]]], list[Outcome]]
"""Runs a coroutine to its end on the sandbox's one event loop, where Mistral's connections live."""


def make_handler(
    run_job: RunJob, visibility: Visibility, *, clock: Clock, run: Run, log: WideLog
) -> Callable[[Mapping[str, Any], LambdaContext], Any]:
    """Return the Lambda handler."""

    async def run_one(record: Mapping[str, Any], leave: Leave, ends_at: datetime) -> Outcome:
        """Run one record's job; what must come back is postponed now, not after the slowest."""
        outcome = await outcome_of(record, leave, ends_at)
        await run_job.gate.take_back(leave, has_called=outcome.has_called)
        await run_job.offload(
            postpone,
            [record],
            [outcome.look_again_at],
            visibility=visibility,
            at=clock.now(),
            log=log,
        )
        return outcome

    async def outcome_of(record: Mapping[str, Any], leave: Leave, ends_at: datetime) -> Outcome:
        message = _NOBODY
        try:
            message = read_job_message(record["body"])
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            return await run_job(message, leave, receives=receives, ends_at=ends_at)
        except Exception as error:  # noqa: BLE001 - one job's defect must not touch the others'
            later = clock.now() + LOOK_AGAIN_AFTER
            return Outcome(result="error", message=message, look_again_at=later, error=error)

    async def run_all(records: Sequence[Mapping[str, Any]], ends_at: datetime) -> list[Outcome]:
        admission = await run_job.gate.admit([_comes_back(record) for record in records])
        if admission.error is not None:
            log.line("gate.not_asked", {"records": len(records)}, admission.error)
        pairs = zip(records, admission.leaves, strict=True)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run_one(it, leave, ends_at)) for it, leave in pairs]
        return [task.result() for task in tasks]

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Run each record's job; report those whose message must come back."""
        began = clock.now()
        ends_at = began + timedelta(milliseconds=context.get_remaining_time_in_millis())
        records = event["Records"]
        outcomes = run(run_all(records, ends_at))
        duration = clock.now() - began
        for outcome in outcomes:
            log.line("job.attempted", _facts(outcome, duration), outcome.error)
        return batch_response(records, [outcome.look_again_at for outcome in outcomes])

    return handle


def _comes_back(record: Mapping[str, Any]) -> bool:
    """Tell whether a record's job has waited before: by this message, or by the wheel."""
    with suppress(Exception):  # the record's own run says what is wrong with it
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        return receives > 1 or read_job_message(record["body"]).comes_back
    return False


def _facts(outcome: Outcome, duration: timedelta) -> dict[str, Fact]:
    job = outcome.job
    facts: dict[str, Fact] = {
        "outcome": outcome.result,
        "tenant_id": outcome.message.tenant_id,
        "job_id": outcome.message.job_id,
        "duration_ms": in_milliseconds(duration),
    }
    if job is None:
        return facts
    error = job.error or job.last_error
    return facts | {
        "status": job.status,
        "status_reason": job.status_reason,
        "endpoint": job.endpoint,
        "model": job.model_used or job.model,
        "attempts": job.attempts,
        "attempts_max": job.attempts_max,
        "fence": job.fence,
        "error_code": error.code if error else None,
        "tokens": job.usage.total_tokens if job.usage else None,
    }
