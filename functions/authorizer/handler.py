"""The authorizer: whose key does a request carry?

Source: API Gateway's Lambda authorizers for HTTP APIs, payload 2.0, simple responses.
"""

from collections.abc import Callable, Mapping
from typing import Any

from relay.domain.api_key import hash_of, is_well_formed
from relay.domain.errors import NotFoundError
from relay.ports import KeyStore
from relay.telemetry import WideLog

_SCHEME = "bearer"


def make_handler(keys: KeyStore, log: WideLog) -> Callable[[Mapping[str, Any], object], Any]:
    """Return the Lambda handler."""

    def handle(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Name the caller, or nobody.

        Nobody is let through to the API, which refuses whoever has no name with 401 and says how
        to do better; the gateway itself can only answer 403 without a word. What is answered here
        is kept for a minute, so an outage raises instead: the gateway answers 500 and asks again.
        """
        caller = _caller(keys, event.get("headers") or {})
        outcome = "known" if caller else "unknown"  # or revoked, which is as good as unknown
        facts = {"tenant_id": caller.get("tenant_id"), "key_id": caller.get("key_id")}
        log.line("key.checked", {"outcome": outcome, **facts})
        return {"isAuthorized": True, "context": caller}

    return handle


def _caller(keys: KeyStore, headers: Mapping[str, str]) -> dict[str, str]:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not is_well_formed(key.strip()):
        return {}
    try:
        found = keys.get(hash_of(key.strip()))
    except NotFoundError:
        return {}
    if found.revoked_at is not None:
        return {}
    return {
        "tenant_id": found.tenant_id,
        "key_id": found.id,
        "scopes": " ".join(sorted(found.scopes)),
    }
