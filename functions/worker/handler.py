"""The worker: a batch of messages from the jobs queue, run concurrently."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from functions.worker.run_job import LOOK_AGAIN_AFTER, Outcome, RunJob
from relay.domain.errors import UnavailableError
from relay.domain.ids import JobId, TenantId
from relay.domain.messages import JobMessage, UnreadableMessageError, read_job_message
from relay.ports import Clock, Postponement, Visibility
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

    async def run_one(record: Mapping[str, Any], ends_at: datetime) -> Outcome:
        message = _NOBODY
        try:
            message = read_job_message(record["body"])
            return await run_job(message, ends_at=ends_at)
        except (UnreadableMessageError, UnavailableError) as error:
            return _again(message, clock.now(), error)
        except Exception as error:  # noqa: BLE001 - one job's defect must not touch the others'
            return _again(message, clock.now(), error)

    async def run_all(records: list[Mapping[str, Any]], ends_at: datetime) -> list[Outcome]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run_one(record, ends_at)) for record in records]
        return [task.result() for task in tasks]

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Run each record's job; report those whose message must come back."""
        began = clock.now()
        ends_at = began + timedelta(milliseconds=context.get_remaining_time_in_millis())
        records = event["Records"]
        outcomes = run(run_all(records, ends_at))
        now = clock.now()
        postponements, failures = [], []
        for record, outcome in zip(records, outcomes, strict=True):
            log.line("job.attempted", _facts(outcome, now - began), outcome.error)
            if outcome.look_again_at is not None:
                wait = outcome.look_again_at - now
                postponements.append(Postponement(record["receiptHandle"], wait))
                failures.append({"itemIdentifier": record["messageId"]})
        visibility.postpone(postponements)
        return {"batchItemFailures": failures}

    return handle


def _again(message: JobMessage, at: datetime, error: Exception) -> Outcome:
    return Outcome(
        result="error", message=message, look_again_at=at + LOOK_AGAIN_AFTER, error=error
    )


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
