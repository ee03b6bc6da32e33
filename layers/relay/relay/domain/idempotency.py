"""Idempotency keys: the same request twice makes one resource.

The record is reserved before the resource is made and names the id that it will have, so that
whoever goes on after a crash makes the same one.
"""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relay.domain.ids import TenantId

KEPT_FOR = timedelta(hours=24)
ACCEPTING_TIME = timedelta(seconds=35)
"""How long the first request may take: longer than any function that accepts one may run."""
KEY_CHARACTERS_MAX = 255
SUBMISSIONS = "sqs"
"""The route of keys that producers give."""
_MESSAGES = "sqs message"
_KEY = re.compile(rf"[!-~]{{1,{KEY_CHARACTERS_MAX}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A key as it is given: for one tenant and one route, with what was asked under it."""

    tenant_id: TenantId
    route: str
    key: str
    fingerprint: str
    """The hash of what was asked, so that another request under the key is noticed."""
    kept_for: timedelta = KEPT_FOR

    @property
    def hash(self) -> str:
        """The hex SHA-256 of route and key, which tells it from the tenant's other keys."""
        return _hash_of(self.route, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A key as its row keeps it."""

    tenant_id: TenantId
    hash: str
    fingerprint: str
    resource_id: str
    accepting_until: datetime
    """Until then whoever reserved it may still be at work."""
    expires_at: datetime

    def taken_over(self, at: datetime) -> "Reservation":
        """Return the reservation in new hands, since the first did not finish."""
        return replace(self, accepting_until=at + ACCEPTING_TIME)


def message_key(
    tenant_id: TenantId, message_id: str, fingerprint: str, kept_for: timedelta
) -> IdempotencyKey:
    """Return the key that stands for a message on the submissions queue.

    It is kept as long as the job, so that a message which is redriven late is the same job, and
    so that its producer finds the job by it.
    """
    return IdempotencyKey(
        tenant_id=tenant_id,
        route=_MESSAGES,
        key=message_id,
        fingerprint=fingerprint,
        kept_for=kept_for,
    )


def message_key_hash(message_id: str) -> str:
    """Return the hash of the key that stands for a message."""
    return _hash_of(_MESSAGES, message_id)


def _hash_of(route: str, key: str) -> str:
    return hashlib.sha256(f"{route}\n{key}".encode()).hexdigest()


def reservation(key: IdempotencyKey, resource_id: str, at: datetime) -> Reservation:
    """Return a key's reservation for a resource that is about to be made."""
    return Reservation(
        tenant_id=key.tenant_id,
        hash=key.hash,
        fingerprint=key.fingerprint,
        resource_id=resource_id,
        accepting_until=at + ACCEPTING_TIME,
        expires_at=(at + key.kept_for).replace(microsecond=0),
    )


def is_key(text: str) -> bool:
    """Tell whether a text is 1 to 255 visible ASCII characters."""
    return _KEY.fullmatch(text) is not None


def fingerprint_of(body: bytes) -> str:
    """Return the same hash for the same JSON, however it is spaced and ordered."""
    parsed: Any = json.loads(body) if body else None
    canonical = json.dumps(parsed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
