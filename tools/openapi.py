"""The API's description, made from its routes and from the types that its code is checked by.

``python -m tools.openapi`` writes it to where the API serves it from; ``--check`` tells whether
that file is what the code says.
"""

import json
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from pydantic import TypeAdapter

from functions.api.http import WAIT_MAX
from functions.api.route import Route
from functions.api.routes import ROUTES
from relay import __version__
from relay.domain.idempotency import KEY_CHARACTERS_MAX

PLACE = Path(__file__).parent.parent / "functions" / "api" / "openapi.json"
_REFERENCE = "#/components/schemas/{model}"
_OF_PROBLEMS = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


class ProblemErrorView(TypedDict):
    """A place in what was sent, as a JSON pointer, and what is wrong with it."""

    pointer: str
    message: str


class Problem(TypedDict):
    """A refusal, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: NotRequired[list[ProblemErrorView]]


def description() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    schemas = _Schemas()
    schemas.reference(Problem)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mistral Relay",
            "version": __version__,
            "description": "Durable asynchronous inference for Mistral AI.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.found.items())),
            "securitySchemes": {
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, mrl_live_…; its scopes say what it may do.",
                }
            },
        },
    }


class _Schemas:
    """The named schemas that operations refer to."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def reference(self, model: Any) -> dict[str, Any]:
        """Return a schema in place, or a reference to the named one that this makes."""
        schema = TypeAdapter(model).json_schema(ref_template=_REFERENCE)
        self.found |= schema.pop("$defs", {})
        name = schema.get("title") if schema.get("type") == "object" else None
        if name is None:
            return schema
        self.found[name] = schema
        return {"$ref": _REFERENCE.format(model=name)}


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.act.__name__,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
        "security": [{"api_key": [str(route.scope)]}] if route.scope else [],
    }
    if route.scope:
        operation["description"] = f"Needs the scope `{route.scope}`."
    if route.body is not None:
        content = {"application/json": {"schema": schemas.reference(route.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    if route.takes_wait:
        seconds = int(WAIT_MAX.total_seconds())
        parameters.append(
            {
                "name": "Prefer",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "pattern": "wait=[0-9]+"},
                "description": f"`wait=N` holds the answer until the job ends or N seconds pass,"
                f" {seconds} at most.",
            }
        )
    if route.takes_key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
                "description": "The same key and request again answer with what the first made.",
            }
        )
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": dict(parameter.schema),
            "description": parameter.description,
        }
        | ({"explode": False} if parameter.schema["type"] == "array" else {})
        for name, parameter in route.parameters.items()
    ]
    return parameters


def _responses(route: Route, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if route.answer is not None:
        schema = schemas.reference(route.answer)
        content = {"content": {"application/json": {"schema": schema}}}
    good: dict[str, Any] = {
        str(int(status)): {"description": text} | content for status, text in route.statuses.items()
    }
    headers = _headers(route)
    for answer in good.values() if headers else ():
        answer["headers"] = headers
    return good | {str(int(status)): _refusal(route, status) for status in sorted(route.problems)}


def _headers(route: Route) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if route.location:
        headers["Location"] = _header(route.location)
    if route.takes_key:
        replayed = "`true` where an earlier request under the same Idempotency-Key did this"
        headers["Idempotent-Replayed"] = _header(replayed)
    return headers


def _refusal(route: Route, status: HTTPStatus) -> dict[str, Any]:
    """Return a refusal, with the header that says when the same request may fare better."""
    refusal: dict[str, Any] = {"description": status.phrase, "content": _OF_PROBLEMS}
    is_passing = status is HTTPStatus.SERVICE_UNAVAILABLE
    if is_passing or (status is HTTPStatus.CONFLICT and route.takes_key):
        refusal["headers"] = {"Retry-After": _header("Seconds until it is worth another try")}
    return refusal


def _header(text: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": text}


def text() -> str:
    """Return the document as the file holds it."""
    return json.dumps(description(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def main() -> int:
    """Write the file, or check it."""
    if "--check" not in sys.argv:
        PLACE.write_text(text(), encoding="utf-8")
        return 0
    if PLACE.exists() and PLACE.read_text(encoding="utf-8") == text():
        return 0
    print("functions/api/openapi.json is not what the code says: run `make openapi`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
