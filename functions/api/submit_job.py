"""``POST /v1/jobs``, and ``POST /v1/jobs/{id}/rerun``, which makes the same job once more."""

from http import HTTPStatus

from functions.api.get_job import find_job, job_when_done, view_of
from functions.api.http import Request, Response
from functions.api.idempotency import HEADER, REPLAYED, key_of, refusal_of
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import (
    KeyReusedError,
    NotFoundError,
    StillAcceptingError,
    UnavailableError,
)
from relay.domain.idempotency import IdempotencyKey
from relay.domain.job import Job, Submission
from relay.domain.job_request import (
    InvalidSubmissionError,
    UnreadableSubmissionError,
    check_submission,
)
from relay.domain.job_view import JobView
from relay.use_cases.submit_job import Draft, Submitted


def submit_job(request: Request, services: Services) -> Response:
    """Take a job in: 202, or 200 where it ended while the client waited."""
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
        detail = "This cannot become a job. Nothing was queued; correct what errors names."
        refusal = Problem.invalid(detail, error.errors)
        return _earlier(key_of(request, raw), refusal, request, services)
    draft = Draft.of(checked, request.caller().tenant_id, _submission(request))
    return _submit(draft, key_of(request, raw), request, services)


def rerun_job(request: Request, services: Services) -> Response:
    """Make a new job of an old one's request: 202, or 200 as with any submission."""
    key = key_of(request)
    try:
        job = find_job(request, services)
        body = services.contents.get(job, job.request)
    except (Problem, NotFoundError):
        return _earlier(key, Problem.not_found("job"), request, services)
    again = Draft.again(job, body, _submission(request), at=services.clock.now())
    return _submit(again, key, request, services)


def _submission(request: Request) -> Submission:
    return Submission(source="http", idempotency_key=request.header(HEADER) or None)


def _submit(
    draft: Draft, key: IdempotencyKey | None, request: Request, services: Services
) -> Response:
    try:
        submitted = services.submit(draft, key)
    except (KeyReusedError, StillAcceptingError, NotFoundError) as error:
        raise refusal_of(error, services.clock.now()) from error
    return _answer(submitted, request, services)


def _earlier(
    key: IdempotencyKey | None, refusal: Problem, request: Request, services: Services
) -> Response:
    """Answer a request that is refused by now with the job that it made when it was not."""
    try:
        submitted = services.submit.made_under(key) if key else None
    except NotFoundError as error:
        raise refusal_of(error, services.clock.now()) from error
    if submitted is None:
        raise refusal
    return _answer(submitted, request, services)


def _answer(submitted: Submitted, request: Request, services: Services) -> Response:
    try:
        job, view = _as_it_is_now(submitted.job, request, services)
    except NotFoundError as error:  # deleted in the meantime
        raise Problem.not_found("job") from error
    return Response(
        status=HTTPStatus.OK if job.status.is_final else HTTPStatus.ACCEPTED,
        body=view,
        headers={"location": view["urls"]["self"]} | (REPLAYED if submitted.is_replay else {}),
    )


def _as_it_is_now(job: Job, request: Request, services: Services) -> tuple[Job, JobView]:
    try:
        job_now = job_when_done(job, request, services)
        return job_now, view_of(job_now, request, services)
    except UnavailableError:
        # It is queued, and 503 would have the client submit it once more.
        return job, view_of(job, request, services)
