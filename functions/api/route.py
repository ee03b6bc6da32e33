"""What the code knows of a route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from functions.api.http import QueryParameter, Request, Response
from functions.api.services import Services
from relay.domain.api_key import Scope

OF_ANY_KEY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)
"""What a route that needs a key may refuse with, whatever it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route: what it needs, what it does, and what its description says."""

    method: str
    path: str
    act: Callable[[Request, Services], Response]
    scope: Scope | None
    """What the key must allow; ``None`` where no key is needed."""
    is_operators: bool = False
    """Whether the key must be the operator's."""
    summary: str
    answer: Any
    statuses: Mapping[HTTPStatus, str]
    location: str = ""
    """What the header ``Location`` of good answers names, if there is one."""
    problems: tuple[HTTPStatus, ...] = ()
    body: Any = None
    takes_wait: bool = False
    takes_key: bool = False
    """Whether ``Idempotency-Key`` may come along."""
    parameters: Mapping[str, QueryParameter] = field(default_factory=dict)
    """Query parameters by name."""

    @property
    def key(self) -> str:
        """The gateway's name for the route."""
        return f"{self.method} {self.path}"
