"""``DELETE /v1/jobs/{id}``."""

from http import HTTPStatus

from functions.api.get_job import job_id_of
from functions.api.http import Request, Response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import LostLeaseError, UnreadableRowError
from relay.domain.job import Job

RACES_MAX = 5


def delete_job(request: Request, services: Services) -> Response:
    """Remove a job's content for good, and hide what is left of it.

    The tombstone comes first: from then on nobody sees the job. A client that got no answer asks
    again, and the rest is done then.
    """
    for _ in range(RACES_MAX):
        job = _find(request, services)
        if not job.status.is_final:
            raise Problem.of(
                HTTPStatus.CONFLICT,
                "job_not_final",
                f"The job is {job.status}. Cancel it first, or wait for its end.",
            )
        if job.deleted_at is None:
            try:
                services.jobs.save(job, job.deleted(services.clock.now()))
            except LostLeaseError:
                continue
        services.contents.purge(job)
        return Response(status=HTTPStatus.NO_CONTENT)
    raise Problem.unavailable()


def _find(request: Request, services: Services) -> Job:
    """Return the job, its tombstone included, unless its time is over."""
    job_id = job_id_of(request)
    found = services.jobs.find([(request.caller().tenant_id, job_id)])
    if job_id in found.unreadable:
        raise UnreadableRowError(job_id)
    job = found.rows.get(job_id)
    if job is None or job.purge_at <= services.clock.now():
        raise Problem.not_found("job")
    return job
