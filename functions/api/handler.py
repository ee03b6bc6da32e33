"""The API: from the gateway's event to an act and back."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Protocol

from functions.api.http import Request, Response
from functions.api.problems import MEDIA_TYPE, Problem
from functions.api.route import Route
from functions.api.routes import ROUTES
from functions.api.services import Services
from relay.domain.api_key import Scope
from relay.domain.errors import NotFoundError, UnavailableError
from relay.domain.event import OPERATOR
from relay.telemetry import Fact, WideLog, in_milliseconds

_BY_KEY = {route.key: route for route in ROUTES}


class LambdaContext(Protocol):
    """What the handler needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time the invocation has left."""
        ...


def make_handler(
    services: Services, log: WideLog
) -> Callable[[Mapping[str, Any], LambdaContext], Any]:
    """Return the Lambda handler."""

    def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request, whatever happens."""
        began = services.clock.now()
        left = timedelta(milliseconds=context.get_remaining_time_in_millis())
        request = Request(event, began + left)
        error: BaseException | None = None
        try:
            response = _answer(request, services)
        except Problem as problem:
            response = _refusal(problem, request)
        except UnavailableError as unavailable:
            error, response = unavailable, _refusal(Problem.unavailable(), request)
        except Exception as defect:  # noqa: BLE001 - a client gets an answer, the log the rest
            error, response = defect, _refusal(_DEFECT, request)
        facts: dict[str, Fact] = {
            "route": request.route_key,
            "api_status_code": int(response.status),
            "request_id": request.id,
            "duration_ms": in_milliseconds(services.clock.now() - began),
            "job_id": _job_id(response),
        }
        log.line("request.answered", facts, error)
        return response.as_event()

    return handle


def _answer(request: Request, services: Services) -> Response:
    route = _BY_KEY.get(request.route_key)
    if route is None:
        raise _no_such_route(request)
    if route.scope is not None and not request.caller().may(route.scope):
        raise Problem.of(
            HTTPStatus.FORBIDDEN,
            "missing_scope",
            f"This key lacks the scope {route.scope}. Use one that has it.",
        )
    if route.is_operators and request.caller().tenant_id != OPERATOR:
        raise Problem.of(
            HTTPStatus.FORBIDDEN,
            "operator_only",
            "Only the operator's admin keys may do this.",
        )
    if route.scope is Scope.ADMIN and route.method != "GET":
        _check_in_force(request, services)
    return route.act(request, services)


def _check_in_force(request: Request, services: Services) -> None:
    """Refuse a key that the gateway still remembers: a revoked one must not make itself a new one.

    Raises:
        Problem: 401.
    """
    caller = request.caller()
    with suppress(NotFoundError):  # keys are revoked, and never removed
        if services.accounts.keys.find(caller.tenant_id, caller.key_id).revoked_at is not None:
            raise Problem.unauthorized()


def _no_such_route(request: Request) -> Problem:
    """Return 405 where the path is right and the method is not, else 404."""
    allowed = sorted(route.method for route in ROUTES if _matches(route, request.path))
    if not allowed:
        return Problem.not_found("path; see /openapi.json")
    return Problem.of(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        f"This path takes {' and '.join(allowed)}.",
        allow=", ".join(allowed),
    )


def _matches(route: Route, path: str) -> bool:
    pattern = re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(route.path))
    return re.fullmatch(pattern, path) is not None


_DEFECT = Problem.of(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error",
    "This is our mistake. Try again; if it goes on, tell the operator the request_id.",
)


def _refusal(problem: Problem, request: Request) -> Response:
    return Response(
        status=problem.status,
        body=problem.view(request.id),
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def _job_id(response: Response) -> str | None:
    body = response.body
    is_job = isinstance(body, dict) and body.get("object") == "job"
    identifier = body.get("id") if is_job else None
    return identifier if isinstance(identifier, str) else None
