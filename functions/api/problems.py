"""Errors that a client is told of, as problem details.

Source: RFC 9457.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from relay.domain.body_rules import FieldError

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:mistral-relay:problem:"
"""A name, not an address: `docs/errors.md` explains each, and a deployment has no other page."""


@dataclass(kw_only=True, eq=False)  # not frozen: Python itself sets attributes of exceptions
class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A refusal: what is wrong, in words that say what to do."""

    status: HTTPStatus
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: HTTPStatus, code: str, detail: str, **headers: str) -> Self:
        """Return a problem; headers are given with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, code=code, detail=detail, headers=named)

    @classmethod
    def unauthorized(cls) -> Self:
        """Return 401."""
        return cls.of(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "Send a valid API key in the header Authorization: Bearer mrl_live_…",
            www_authenticate='Bearer realm="mistral-relay"',
        )

    @classmethod
    def unreadable(cls, detail: str) -> Self:
        """Return 400."""
        return cls.of(HTTPStatus.BAD_REQUEST, "unreadable_request", detail)

    @classmethod
    def invalid(cls, detail: str, errors: Sequence[FieldError]) -> Self:
        """Return 422."""
        return cls(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            code="invalid_request",
            detail=detail,
            errors=errors,
        )

    @classmethod
    def not_found(cls, what: str) -> Self:
        """Return 404, the same for what never was, what is gone and what is another tenant's."""
        return cls.of(HTTPStatus.NOT_FOUND, "not_found", f"There is no such {what}.")

    @classmethod
    def unavailable(cls) -> Self:
        """Return 503."""
        return cls.of(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "service_unavailable",
            "This could not be done right now. Try again in a few seconds.",
            retry_after="5",
        )

    def view(self, request_id: str) -> dict[str, Any]:
        """Return the problem as its JSON object."""
        errors = [{"pointer": e.pointer, "message": e.message} for e in self.errors]
        return {
            "type": _TYPE_PREFIX + self.code,
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        } | ({"errors": errors} if errors else {})
