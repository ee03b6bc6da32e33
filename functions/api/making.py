"""A ``POST`` that makes something other than a job, and its ``Idempotency-Key``."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from functions.api.http import Request, Response
from functions.api.idempotency import REPLAYED, key_of, refusal_of
from functions.api.problems import Problem
from functions.api.services import Services
from relay.domain.errors import (
    AlreadyExistsError,
    KeyReusedError,
    LostRaceError,
    StillAcceptingError,
)
from relay.domain.idempotency import IdempotencyKey, Reservation, reservation
from relay.domain.ids import RANDOM_BYTES, ulid
from relay.domain.job_request import (
    InvalidSubmissionError,
    UnreadableSubmissionError,
    read_request,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How something is made, and how it is found again."""

    prefix: str
    make: Callable[[str, datetime], Any]
    """Makes it under an id and returns what is answered, or raises ``AlreadyExistsError``."""
    made: Callable[[str], Any]
    """Returns what is answered of what was made under an id, ``None`` where nothing was."""
    exists: Callable[[], Problem] = Problem.unavailable
    """The refusal where it exists, and was not made by this request."""
    is_removable: bool = False
    """Whether it may have been removed since: then it is not made again long afterwards."""


def read_body[Asked: BaseModel](
    model: type[Asked], request: Request, services: Services
) -> tuple[Asked, bytes]:
    """Return what a request asks for, and the bytes that say so.

    Raises:
        Problem: 400 or 422.
    """
    raw = request.json_bytes(bytes_max=services.request_bytes_max)
    try:
        return read_request(model, raw), raw
    except UnreadableSubmissionError as error:
        raise Problem.unreadable(str(error)) from error
    except InvalidSubmissionError as error:
        detail = "This cannot be right. Nothing was made; correct what errors names."
        raise Problem.invalid(detail, error.errors) from error


def make_once(request: Request, raw: bytes, making: Making, services: Services) -> Response:
    """Answer 201 with what was made, or 200 with what the same request made before."""
    at = services.clock.now()
    randomness = services.accounts.dice.randomness(RANDOM_BYTES)
    identifier = f"{making.prefix}_{ulid(at, randomness)}"
    key = key_of(request, raw)
    if key is None:
        return _make(making, identifier, at)
    held = services.idempotency.reserve(reservation(key, identifier, at), at=at)
    try:
        if held.resource_id == identifier:
            return _make(making, identifier, at)
        return _again(making, key, held, services)
    except (KeyReusedError, StillAcceptingError) as error:
        raise refusal_of(error, at) from error


def _again(making: Making, key: IdempotencyKey, held: Reservation, services: Services) -> Response:
    """Answer with what a key stands for, and make it where whoever began did not finish."""
    if held.fingerprint != key.fingerprint:
        raise KeyReusedError(key.key)
    if there := making.made(held.resource_id):
        return Response(body=there, headers=REPLAYED)
    at = services.clock.now()
    is_late = at >= held.accepting_until
    if making.is_removable and is_late:
        raise Problem.of(
            HTTPStatus.NOT_FOUND,
            "not_found",
            "What was made under this Idempotency-Key has been removed. Use a new key.",
        )
    if not making.is_removable:
        _take_over(held, at, services)
    made = _make(making, held.resource_id, at)
    return replace(made, headers=REPLAYED) if made.status is HTTPStatus.OK else made


def _take_over(held: Reservation, at: datetime, services: Services) -> None:
    if at < held.accepting_until:
        raise StillAcceptingError(held.accepting_until)
    takeover = held.taken_over(at)
    try:
        services.idempotency.take_over(held, takeover)
    except LostRaceError as lost:
        raise StillAcceptingError(takeover.accepting_until) from lost


def _make(making: Making, identifier: str, at: datetime) -> Response:
    try:
        return Response(status=HTTPStatus.CREATED, body=making.make(identifier, at))
    except AlreadyExistsError:
        there = making.made(identifier)
        if there is None:
            raise making.exists() from None
        return Response(body=there)
