"""``POST /v1/jobs``."""

from http import HTTPStatus

from functions.api.get_job import job_when_done, view_of
from functions.api.http import Request, Response
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import UnavailableError
from relay.domain.job import Submission
from relay.domain.job_request import (
    InvalidSubmissionError,
    UnreadableSubmissionError,
    check_submission,
)


def submit_job(request: Request, services: Services) -> Response:
    """Take a job in: 202, or 200 where it ended while the client waited."""
    if request.header("idempotency-key"):
        raise Problem.of(
            HTTPStatus.NOT_IMPLEMENTED,
            "idempotency_key_not_offered",
            "This version keeps no idempotency keys. Send the request without the header;"
            " nothing was queued.",
        )
    raw = request.json_bytes(bytes_max=services.request_bytes_max)
    try:
        checked = check_submission(
            raw,
            at=services.clock.now(),
            defaults=services.body_defaults,
            policy=services.egress_policy,
        )
    except UnreadableSubmissionError as error:
        raise Problem.unreadable(str(error)) from error
    except InvalidSubmissionError as error:
        raise Problem(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            code="invalid_request",
            detail="The job cannot be right. Nothing was queued; correct what errors names.",
            errors=error.errors,
        ) from error
    job = services.submit(
        checked, tenant_id=request.caller().tenant_id, submission=Submission(source="http")
    )
    try:
        job_now = job_when_done(job, request, services)
        view = view_of(job_now, request, services)
    except UnavailableError:
        # It is queued, and 503 would have the client submit it once more.
        job_now, view = job, view_of(job, request, services)
    return Response(
        status=HTTPStatus.OK if job_now.status.is_final else HTTPStatus.ACCEPTED,
        body=view,
        headers={"location": view["urls"]["self"]},
    )
