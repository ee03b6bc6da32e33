"""The ``Idempotency-Key`` header, which every ``POST`` takes.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

from datetime import datetime
from http import HTTPStatus

from functions.api.http import Request
from functions.api.problems import Problem
from relay.domain.body_rules import FieldError
from relay.domain.errors import KeyReusedError, NotFoundError, StillAcceptingError
from relay.domain.idempotency import (
    KEY_CHARACTERS_MAX,
    IdempotencyKey,
    fingerprint_of,
    is_key,
)

HEADER = "idempotency-key"
_SHAPE = f"must have 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
REPLAYED = {"idempotent-replayed": "true"}


def key_of(request: Request, body: bytes = b"") -> IdempotencyKey | None:
    """Return the key of a request, bound to its tenant, its route and what it asks.

    Raises:
        Problem: 422, a key that cannot be one.
    """
    if not request.has_header(HEADER):
        return None
    given = request.header(HEADER)
    if not is_key(given):
        raise Problem(
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            code="invalid_idempotency_key",
            detail=f"An Idempotency-Key {_SHAPE}.",
            errors=[FieldError(f"#/headers/{HEADER}", _SHAPE)],
        )
    return IdempotencyKey(
        tenant_id=request.caller().tenant_id,
        route=f"{request.method} {request.path}",
        key=given,
        fingerprint=fingerprint_of(body),
    )


def refusal_of(
    error: KeyReusedError | StillAcceptingError | NotFoundError, at: datetime
) -> Problem:
    """Return what a client is told whose key could not be honoured."""
    if isinstance(error, KeyReusedError):
        return Problem.of(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used for another request. Nothing was changed;"
            " use a new key for a new request.",
        )
    if isinstance(error, StillAcceptingError):
        seconds = max(1, -(-(error.until - at).total_seconds() // 1))
        return Problem.of(
            HTTPStatus.CONFLICT,
            "still_being_accepted",
            "The first request under this Idempotency-Key is still being accepted. Try again.",
            retry_after=f"{seconds:.0f}",
        )
    return Problem.of(
        HTTPStatus.NOT_FOUND,
        "not_found",
        "The job that was made under this Idempotency-Key has been deleted."
        " Use a new key to submit it again.",
    )
