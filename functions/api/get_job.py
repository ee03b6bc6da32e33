"""``GET /v1/jobs/{id}``, and waiting for a job on a client's behalf."""

from datetime import timedelta

from functions.api.http import Request, Response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import NotFoundError
from relay.domain.ids import JobId, is_id
from relay.domain.job import Job
from relay.domain.job_view import RESULT_BYTES_MAX, JobView, full_view

LINK_LIFETIME = timedelta(minutes=15)
TIME_TO_ANSWER = timedelta(seconds=4)
"""Kept free of waiting: the last look, the result, and a try or two more than they should take."""
_FIRST_LOOK = timedelta(milliseconds=100)
_LOOKS_GROW_BY = 1.5
_LOOKS_APART_MAX = timedelta(seconds=1)


def get_job(request: Request, services: Services) -> Response:
    """Answer with the job as it is, or as it is when the client's patience ends."""
    job = find_job(request, services)
    try:
        job = job_when_done(job, request, services)
        return Response(body=view_of(job, request, services))
    except NotFoundError as error:
        raise Problem.not_found("job") from error


def job_id_of(request: Request) -> JobId:
    """Return the id of a job in a path.

    Raises:
        Problem: 404; no job can have this id.
    """
    job_id = request.path_parameter("job_id")
    if not is_id(job_id, "job"):
        raise Problem.not_found("job")
    return JobId(job_id)


def find_job(request: Request, services: Services) -> Job:
    """Return the caller's job that a path names.

    Raises:
        Problem: 404.
    """
    tenant_id, job_id = request.caller().tenant_id, job_id_of(request)
    try:
        return services.jobs.get(tenant_id, job_id, at=services.clock.now())
    except NotFoundError as error:
        raise Problem.not_found("job") from error


def job_when_done(job: Job, request: Request, services: Services) -> Job:
    """Return the job once it has ended, or as it is when ``Prefer: wait`` runs out.

    Looks come closer together at first, since most jobs that are waited for are short, and each
    look costs one read.
    """
    clock = services.clock
    until = min(clock.now() + request.wait(), request.answer_by - TIME_TO_ANSWER)
    pause = _FIRST_LOOK
    while not job.status.is_final and (left := until - clock.now()) > timedelta(0):
        clock.wait(min(pause, left))
        pause = min(pause * _LOOKS_GROW_BY, _LOOKS_APART_MAX)
        job = services.jobs.get(job.tenant_id, job.id, at=clock.now())
    return job


def view_of(job: Job, request: Request, services: Services) -> JobView:
    """Return the job's JSON object, with its result or a link to it."""
    api_url = services.api_url(request)
    if job.result is None:
        return full_view(job, api_url=api_url)
    if job.result.size_bytes > RESULT_BYTES_MAX:
        link = services.contents.link(job, job.result, lifetime=LINK_LIFETIME)
        return full_view(job, api_url=api_url, result_url=link)
    return full_view(job, api_url=api_url, result=services.contents.get(job, job.result))
