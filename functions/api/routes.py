"""Every route of the API, once: the handler dispatches by it, the description is made from it."""

from http import HTTPStatus
from typing import Any

from functions.api.account_routes import ACCOUNT_ROUTES
from functions.api.cancel_job import cancel_job
from functions.api.delete_job import delete_job
from functions.api.event_routes import EVENT_ROUTES
from functions.api.get_about import HealthView, get_description, get_health
from functions.api.get_job import get_job
from functions.api.list_jobs import PARAMETERS, JobListView, list_jobs
from functions.api.route import OF_ANY_KEY, Route
from functions.api.submit_job import rerun_job, submit_job
from functions.api.webhook_routes import WEBHOOK_ROUTES
from relay.domain.api_key import Scope
from relay.domain.job_request import JobRequest
from relay.domain.job_view import JobView

ROUTES = (
    Route(
        method="POST",
        path="/v1/jobs",
        act=submit_job,
        scope=Scope.JOBS_WRITE,
        summary="Submit a job: one call to Mistral, made durably",
        body=JobRequest,
        answer=JobView,
        statuses={
            HTTPStatus.ACCEPTED: "The job is queued",
            HTTPStatus.OK: "The job has ended, while you waited or before under the same key",
        },
        problems=(
            HTTPStatus.BAD_REQUEST,
            *OF_ANY_KEY,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.CONFLICT,
            HTTPStatus.NOT_FOUND,
        ),
        location="Where the job is read",
        takes_wait=True,
        takes_key=True,
    ),
    Route(
        method="GET",
        path="/v1/jobs",
        act=list_jobs,
        scope=Scope.JOBS_READ,
        summary="List jobs, the newest first",
        answer=JobListView,
        statuses={HTTPStatus.OK: "A page of jobs, without their results"},
        problems=(*OF_ANY_KEY, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=PARAMETERS,
    ),
    Route(
        method="GET",
        path="/v1/jobs/{job_id}",
        act=get_job,
        scope=Scope.JOBS_READ,
        summary="Read a job",
        answer=JobView,
        statuses={HTTPStatus.OK: "The job"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND),
        takes_wait=True,
    ),
    Route(
        method="DELETE",
        path="/v1/jobs/{job_id}",
        act=delete_job,
        scope=Scope.JOBS_WRITE,
        summary="Delete a job's content for good",
        answer=None,
        statuses={HTTPStatus.NO_CONTENT: "The content is gone"},
        problems=(*OF_ANY_KEY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Route(
        method="POST",
        path="/v1/jobs/{job_id}/cancel",
        act=cancel_job,
        scope=Scope.JOBS_WRITE,
        summary="Cancel a job that has not ended",
        answer=JobView,
        statuses={HTTPStatus.OK: "The cancelled job"},
        problems=(
            *OF_ANY_KEY,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
        takes_key=True,
    ),
    Route(
        method="POST",
        path="/v1/jobs/{job_id}/rerun",
        act=rerun_job,
        scope=Scope.JOBS_WRITE,
        summary="Make a new job of the same request",
        answer=JobView,
        statuses={
            HTTPStatus.ACCEPTED: "The new job is queued",
            HTTPStatus.OK: "The new job has ended, while you waited or before under the same key",
        },
        problems=(
            *OF_ANY_KEY,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
        location="Where the job is read",
        takes_wait=True,
        takes_key=True,
    ),
    *WEBHOOK_ROUTES,
    *EVENT_ROUTES,
    *ACCOUNT_ROUTES,
    Route(
        method="GET",
        path="/v1/health",
        act=get_health,
        scope=None,
        summary="Ask for a sign of life",
        answer=HealthView,
        statuses={HTTPStatus.OK: "The API answers"},
    ),
    Route(
        method="GET",
        path="/openapi.json",
        act=get_description,
        scope=None,
        summary="Read this description",
        answer=dict[str, Any],
        statuses={HTTPStatus.OK: "An OpenAPI 3.1 document"},
    ),
)
