"""API Gateway, as far as clients can tell: it matches routes and asks the authorizer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from functions.api.routes import ROUTES
from relay.domain.errors import UnavailableError
from tests.fakes.lambda_context import FakeLambdaContext

_OPEN = {route.key for route in ROUTES if route.scope is None} | {"$default"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client gets."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.text)


# The gateway's own answers, which look like none of ours.
UNAUTHORIZED = Reply(401, text='{"message":"Unauthorized"}')
SERVER_ERROR = Reply(500, text='{"message":"Internal Server Error"}')


class Gateway:
    """Stands between clients and the two functions that answer them."""

    def __init__(
        self,
        *,
        authorize: Callable[[Mapping[str, Any], object], Any],
        answer: Callable[[Mapping[str, Any], FakeLambdaContext], Any],
    ) -> None:
        self._authorize = authorize
        self._answer = answer
        self._requests = 0

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Answer a request. One without a key where one is needed ends here."""
        self._requests += 1
        path, _, query = path.partition("?")
        route, parameters = _match(method, path)
        given = {"content-type": "application/json"} | dict(headers or {})
        if key is not None:
            given["authorization"] = f"Bearer {key}"
        context: dict[str, Any] = {
            "requestId": f"request-{self._requests}",
            "http": {"method": method, "path": path},
        }
        event = {
            "routeKey": route,
            "rawPath": path,
            "queryStringParameters": dict(parse_qsl(query)) or None,
            "headers": given,
            "pathParameters": parameters,
            "requestContext": context,
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        if route not in _OPEN:
            if key is None:
                return UNAUTHORIZED
            try:
                context["authorizer"] = {
                    "lambda": self._authorize(event, FakeLambdaContext())["context"]
                }
            except UnavailableError:
                return SERVER_ERROR
        answer = self._answer(event, FakeLambdaContext())
        return Reply(answer["statusCode"], answer["headers"], answer["body"])


def _match(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the route that is found for a request, and what its path names."""
    parts = path.split("/")
    for route in ROUTES:
        pattern = route.path.split("/")
        if route.method != method or len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all(name == part or "{" in name for name, part in pairs):
            return route.key, {name.strip("{}"): part for name, part in pairs if "{" in name}
    return "$default", {}
