"""The events of ``events/``, one per trigger, and others made from them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.domain.ids import TenantId
from tests.fakes.examples import TENANT

_FOLDER = Path(__file__).parents[3] / "events"

ALL_SCOPES = "jobs:read jobs:write webhooks:read webhooks:write"


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return event


def http_event(  # noqa: PLR0913 - a request has as many parts
    route_key: str,
    *,
    path: str,
    path_parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    is_base64: bool = False,
    tenant_id: TenantId | None = TENANT,
    scopes: str = ALL_SCOPES,
) -> dict[str, Any]:
    """Return what the gateway sends for a request. Without a tenant nobody was recognised."""
    event = sample("api_submit_job")
    method = route_key.partition(" ")[0]
    event |= {"routeKey": route_key, "rawPath": path, "isBase64Encoded": is_base64}
    event["headers"] = dict(headers or {})
    context = event["requestContext"]
    context["routeKey"] = route_key
    context["http"] |= {"method": method, "path": path}
    facts = {"tenant_id": tenant_id, "key_id": "key_1", "scopes": scopes} if tenant_id else {}
    context["authorizer"] = {"lambda": facts}
    del event["body"]
    if body is not None:
        event["body"] = body
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    return event


def sqs_event(*bodies: str) -> dict[str, Any]:
    """Return a batch of messages, as the samples' first record looks."""
    record = sample("worker_jobs")["Records"][0]
    return {
        "Records": [
            record | {"messageId": f"m{n}", "receiptHandle": f"r{n}", "body": body}
            for n, body in enumerate(bodies, 1)
        ]
    }


def failures(answer: Mapping[str, Any]) -> list[str]:
    """Return the ids that a handler's answer reports, having looked at its exact shape."""
    assert answer.keys() == {"batchItemFailures"}
    for failure in answer["batchItemFailures"]:
        assert failure.keys() == {"itemIdentifier"}
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
