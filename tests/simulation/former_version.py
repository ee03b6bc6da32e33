"""What the version before this one left behind: rows, hints and messages as it wrote them.

An upgrade happens in mid-flight, so new code meets all three.
"""

import json
from datetime import timedelta

from relay.aws.job_row import from_row, to_row
from relay.aws.values import to_item
from relay.aws.wheel_row import hint_from_row
from relay.domain.content import REQUEST_KEY, inline
from relay.domain.endpoints import Endpoint
from relay.domain.ids import RANDOM_BYTES, JobId, TenantId, ulid
from relay.domain.job import Callback, Job, Submission
from relay.domain.moments import cut_to_milliseconds
from relay.domain.wheel import minute_of
from tests.flows.deployment import RETENTION
from tests.simulation.simulation import Simulation

UNKNOWN_THEN = frozenset({"fallback_models", "rerun_of", "told_again", "deleted_at"})
"""Attributes of a job's row that came with this version."""


def job_left_behind(
    world: Simulation, tenant_id: TenantId, body: bytes, callback_url: str | None
) -> Job:
    """Leave a job behind whose message is on its way, as if it had just been submitted."""
    at = cut_to_milliseconds(world.time)
    job = Job(
        id=JobId("job_" + ulid(at, world.lots.randbytes(RANDOM_BYTES))),
        tenant_id=tenant_id,
        endpoint=Endpoint.CHAT_COMPLETIONS,
        model="mistral-small-latest",
        created_at=at,
        changed_at=at,
        deadline=at + timedelta(hours=24),
        purge_at=(at + RETENTION).replace(microsecond=0),
        submission=Submission(source="http"),
        request=inline(REQUEST_KEY, body),
        callback=Callback(url=callback_url) if callback_url else None,
    )
    row = to_row(job)
    assert not row.keys() & UNKNOWN_THEN, "that version did not know of these"
    minute = minute_of(at + timedelta(minutes=3)) + 1
    hint = to_item(
        {"pk": f"W#{minute}#0", "sk": f"job#{job.id}", "tenant": tenant_id, "ttl": minute * 60}
    )
    message = {"schema": "1", "tenant_id": tenant_id, "job_id": job.id}
    others, world.seam.others = world.seam.others, None  # it was done before this history began
    world.wheel.put([hint_from_row(hint)])
    world.jobs.submit(from_row(row))
    world.jobs_queue.send_text(json.dumps(message), group=tenant_id)
    world.seam.others = others
    return job
