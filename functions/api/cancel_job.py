"""``POST /v1/jobs/{id}/cancel``."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from functions.api.get_job import find_job, view_of
from functions.api.http import Request, Response
from functions.api.idempotency import REPLAYED, key_of
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import LostLeaseError
from relay.domain.job import Job, JobStatus

NOTHING: Mapping[str, str] = MappingProxyType({})
RACES_MAX = 5
"""How often a worker may change the job between our reading and our writing."""


def cancel_job(request: Request, services: Services) -> Response:
    """End a job that has not ended yet. Done twice it is done, so a key need not be kept."""
    key = key_of(request)
    for _ in range(RACES_MAX):
        job = find_job(request, services)
        if job.status is JobStatus.CANCELLED:
            return _answer(job, request, services, REPLAYED if key else {})
        if job.status.is_final:
            raise Problem.of(
                HTTPStatus.CONFLICT,
                "job_already_final",
                f"The job has ended already: it is {job.status}.",
            )
        cancelled = job.cancelled(services.clock.now())
        try:
            services.jobs.save(job, cancelled)
        except LostLeaseError:
            continue
        return _answer(cancelled, request, services)
    raise Problem.unavailable()


def _answer(
    job: Job, request: Request, services: Services, headers: Mapping[str, str] = NOTHING
) -> Response:
    return Response(body=view_of(job, request, services), headers=headers)
