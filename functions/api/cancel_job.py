"""``POST /v1/jobs/{id}/cancel``."""

from http import HTTPStatus

from functions.api.get_job import find_job, view_of
from functions.api.http import Request, Response
from functions.api.idempotency import REPLAYED, key_of
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import LostLeaseError
from relay.domain.idempotency import IdempotencyKey, reservation
from relay.domain.job import Job, JobStatus

RACES_MAX = 5
"""How often a worker may change the job between our reading and our writing."""


def cancel_job(request: Request, services: Services) -> Response:
    """End a job that has not ended yet. Done twice it is done."""
    key = key_of(request)
    for _ in range(RACES_MAX):
        job = find_job(request, services)
        if job.status is not JobStatus.CANCELLED:
            if job.status.is_final:
                raise Problem.of(
                    HTTPStatus.CONFLICT,
                    "job_already_final",
                    f"The job has ended already: it is {job.status}.",
                )
            before, job = job, job.cancelled(services.clock.now())
            try:
                services.jobs.save(before, job)
            except LostLeaseError:
                continue
        is_replay = key is not None and _was_used(key, job, services)
        body = view_of(job, request, services)
        return Response(body=body, headers=REPLAYED if is_replay else {})
    raise Problem.unavailable()


def _was_used(key: IdempotencyKey, job: Job, services: Services) -> bool:
    """Tell whether an earlier request came under the key, and note that this one did.

    After the act, since a refusal is not kept, and doing it again does no harm.
    """
    at = services.clock.now()
    mine = reservation(key, job.id, at)
    return services.idempotency.reserve(mine, at=at) != mine
