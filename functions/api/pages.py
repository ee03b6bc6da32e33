"""Lists: which page is asked for, and how it is answered."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from functions.api.http import QueryParameter, Request, Response
from functions.api.problems import Problem
from relay.domain.body_rules import FieldError
from relay.domain.cursor import from_cursor, to_cursor
from relay.domain.job_list import EXAMINED_MAX, LIMIT_DEFAULT, LIMIT_MAX

PAGE_PARAMETERS = {
    "limit": QueryParameter(
        "How many to return at most",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    "cursor": QueryParameter("Where to go on: next_cursor of the page before"),
}


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which part of a list. ``before`` is the id that the page before ended with."""

    limit: int
    before: str | None

    @property
    def rows(self) -> int:
        """How many rows to read: one more, which tells whether there are more."""
        return self.limit + 1


def page_asked(request: Request, others: Sequence[str] = ()) -> PageAsked:
    """Return what a client asks for; ``others`` are the list's further parameters.

    Raises:
        Problem: 422; a parameter cannot be right.
    """
    errors = unknown_parameters(request, [*PAGE_PARAMETERS, *others])
    limit, before = LIMIT_DEFAULT, None
    try:
        limit = limit_of(request.query("limit") or str(LIMIT_DEFAULT))
    except ValueError as error:
        errors.append(FieldError("#/query/limit", str(error)))
    try:
        before = from_cursor(request.query("cursor")) if request.query("cursor") else None
    except ValueError as error:
        errors.append(FieldError("#/query/cursor", str(error)))
    if errors:
        raise unlistable(errors)
    return PageAsked(limit, before)


def unlistable(errors: Sequence[FieldError]) -> Problem:
    """Return the refusal of parameters that cannot be right."""
    return Problem.invalid(
        "The list cannot be made. Correct the parameters that errors names.", errors
    )


def unknown_parameters(request: Request, known: Collection[str]) -> list[FieldError]:
    """Return what is wrong with each parameter that a list does not have."""
    return [
        FieldError(f"#/query/{name}", "is not a parameter of this list")
        for name in sorted(request.query_names() - set(known))
    ]


def limit_of(text: str) -> int:
    """Return how many rows are asked for.

    Raises:
        ValueError: not as many can be asked for.
    """
    is_number = len(text) <= len(str(LIMIT_MAX)) and text.isascii() and text.isdigit()
    if not (is_number and 1 <= int(text) <= LIMIT_MAX):
        raise ValueError(f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def examined[Row](
    rows: Iterator[Row], limit: int, is_asked_for: Callable[[Row], bool]
) -> tuple[list[Row], Row | None]:
    """Return the rows of a filtered page, and the last one looked at where others come after it.

    So many are looked at and no more, so that a rare filter costs a bounded read.
    """
    page: list[Row] = []
    last: Row | None = None
    for row in islice(rows, EXAMINED_MAX):
        if len(page) == limit:
            return page, last
        last = row
        if is_asked_for(row):
            page.append(row)
    return page, last if next(rows, None) is not None else None


def page_response[Row](
    rows: Sequence[Row], asked: PageAsked, id_of: Callable[[Row], str], view: Callable[[Row], Any]
) -> Response:
    """Answer with the rows that were read, but for the one beyond the page."""
    shown = rows[: asked.limit]
    has_more = len(rows) > asked.limit
    return Response(
        body={
            "object": "list",
            "data": [view(row) for row in shown],
            "has_more": has_more,
            "next_cursor": to_cursor(id_of(shown[-1])) if has_more else None,
        }
    )
