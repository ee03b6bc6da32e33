"""Requests and responses, as API Gateway's payload 2.0 carries them."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from functions.api.problems import Problem
from relay.domain.api_key import Scope
from relay.domain.ids import TenantId

WAIT_MAX = timedelta(seconds=25)
"""The longest that ``Prefer: wait`` holds an answer: the gateway gives up after 30 s."""

_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?0*+([0-9]*+)"?\s*(?=[,;]|$)', re.IGNORECASE)
_WAIT_DIGITS_MAX = 6  # any longer number is above the maximum too, and int() refuses very long ones


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """What the description says of a query parameter. ``schema`` is a JSON schema."""

    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, by their key."""

    tenant_id: TenantId
    key_id: str
    scopes: frozenset[str]

    def may(self, scope: Scope) -> bool:
        """Tell whether the key allows something. ``admin`` allows everything in its tenant."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class Request:
    """A request. Header names are lower case. ``answer_by`` is when the invocation must end."""

    event: Mapping[str, Any]
    answer_by: datetime

    @property
    def id(self) -> str:
        """The gateway's own id of this request."""
        return str(self.event["requestContext"].get("requestId", ""))

    @property
    def route_key(self) -> str:
        """Method and path pattern, as the gateway matched them, or ``$default``."""
        return str(self.event.get("routeKey", ""))

    @property
    def method(self) -> str:
        """The method that was asked for."""
        return str(self.event["requestContext"]["http"]["method"])

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return str(self.event.get("rawPath", ""))

    def header(self, name: str) -> str:
        """Return a header, empty where there is none."""
        return str((self.event.get("headers") or {}).get(name, ""))

    def has_header(self, name: str) -> bool:
        """Tell whether a header came along, be it an empty one."""
        return name in (self.event.get("headers") or {})

    def path_parameter(self, name: str) -> str:
        """Return a part of the path that the route names."""
        return str((self.event.get("pathParameters") or {}).get(name, ""))

    def query(self, name: str) -> str:
        """Return a query parameter, empty where there is none; repeated, they come with commas."""
        return str((self.event.get("queryStringParameters") or {}).get(name, ""))

    def query_names(self) -> set[str]:
        """Return the names of all query parameters."""
        return set(self.event.get("queryStringParameters") or {})

    def caller(self) -> Caller:
        """Return who asks.

        Raises:
            Problem: 401; the authorizer knows nobody by this key, or was not asked.
        """
        context = self.event["requestContext"].get("authorizer") or {}
        facts = context.get("lambda") or {}
        if not facts.get("tenant_id") or not facts.get("scopes"):
            raise Problem.unauthorized()
        return Caller(
            tenant_id=TenantId(facts["tenant_id"]),
            key_id=str(facts.get("key_id", "")),
            scopes=frozenset(str(facts["scopes"]).split()),
        )

    def json_bytes(self, *, bytes_max: int) -> bytes:
        """Return the body of a request that says it is JSON.

        Raises:
            Problem: 415 for another type, 413 above the limit, 400 for broken base 64.
        """
        media_type = self.header("content-type").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Problem.of(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send JSON, with the header content-type: application/json.",
            )
        text = str(self.event.get("body") or "")
        try:
            is_encoded = self.event.get("isBase64Encoded")
            body = base64.b64decode(text, validate=True) if is_encoded else text.encode()
        except ValueError as error:
            raise Problem.unreadable("The body is not UTF-8.") from error
        if len(body) > bytes_max:
            raise Problem.of(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "request_too_large",
                f"The body has {len(body)} bytes; {bytes_max} are allowed.",
            )
        return body

    def wait(self) -> timedelta:
        """Return how long the answer may be held, by ``Prefer: wait=N`` (RFC 7240)."""
        found = _WAIT.search(self.header("prefer"))
        digits = found[1][:_WAIT_DIGITS_MAX] if found else ""
        return min(timedelta(seconds=int(digits or 0)), WAIT_MAX)

    def base_url(self) -> str:
        """Return the address that the client reached us at."""
        return f"https://{self.event['requestContext'].get('domainName', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer with a JSON body, or with text that is JSON already."""

    status: HTTPStatus = HTTPStatus.OK
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def as_event(self) -> dict[str, Any]:
        """Return what the gateway expects of a Lambda."""
        headers = {"cache-control": "no-store"}
        if self.status is HTTPStatus.NO_CONTENT:
            return {"statusCode": int(self.status), "headers": headers, "body": ""}
        text = self.body if isinstance(self.body, str) else to_json(self.body)
        headers["content-type"] = self.media_type
        return {
            "statusCode": int(self.status),
            "headers": headers | dict(self.headers),
            "body": text,
        }


def to_json(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
