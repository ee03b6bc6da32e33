"""Signing webhooks, and deriving the secrets they are signed with.

Source: https://github.com/standard-webhooks/standard-webhooks, version 1.0.0, and RFC 5869.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.domain.ids import EndpointId, TenantId
from relay.domain.moments import to_iso

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
_HASH_BYTES = 32
_SALT = b"mistral-relay webhook secrets"


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The bytes that sign. Its ``repr`` hides them; ``text`` is for the owner only."""

    key: bytes

    def __repr__(self) -> str:
        return "WebhookSecret(***)"

    @property
    def text(self) -> str:
        """The secret as receivers are given it: ``whsec_`` and base 64."""
        return SECRET_PREFIX + base64.b64encode(self.key).decode()


def hkdf(master: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Return 32 bytes by RFC 5869 with SHA-256: extract, then one block of expand."""
    extracted = hmac.digest(salt, master, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def callback_secret(master: str, tenant_id: TenantId, *, version: int = 1) -> WebhookSecret:
    """Derive the secret for a tenant's ``callback_url``s. Nothing of it is kept anywhere."""
    info = f"callback\n{tenant_id}\n{version}".encode()
    return WebhookSecret(hkdf(master.encode(), salt=_SALT, info=info))


def endpoint_secret(
    master: str, tenant_id: TenantId, endpoint_id: EndpointId, *, version: int
) -> WebhookSecret:
    """Derive one version of an endpoint's secret. Nothing of it is kept anywhere."""
    info = f"endpoint\n{tenant_id}\n{endpoint_id}\n{version}".encode()
    return WebhookSecret(hkdf(master.encode(), salt=_SALT, info=info))


def signature_headers(
    secrets: Sequence[WebhookSecret], *, message_id: str, sent_at: datetime, body: bytes
) -> dict[str, str]:
    """Return the three Standard Webhooks headers.

    ``sent_at`` is the moment of this attempt, in any zone. ``body`` is the exact bytes on the
    wire. Each secret signs, so that receivers can change over while a secret rotates.
    """
    timestamp = int(sent_at.timestamp())
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(secret.key, content, hashlib.sha256) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(d).decode()}" for d in digests),
    }


def legacy_headers(newest: WebhookSecret, *, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the older scheme's headers: hex over the body, keyed with the secret as written."""
    return {
        "x-webhook-signature": hmac.digest(newest.text.encode(), body, hashlib.sha256).hex(),
        "x-webhook-timestamp": to_iso(sent_at),
    }
