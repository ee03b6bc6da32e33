"""A webhook endpoint, and the versions of a secret, as rows and back."""

from collections.abc import Mapping
from typing import Any

from relay.aws.values import Item, from_item, to_item
from relay.domain.ids import EndpointId, TenantId
from relay.domain.moments import from_milliseconds, moment, stamp, to_milliseconds
from relay.domain.secret_versions import NEVER_ROTATED, OldSecret, SecretVersions
from relay.domain.webhook_endpoint import DisabledReason, EndpointStatus, WebhookEndpoint

SCHEMA = 1
FIRST, LAST = "we_", "we`"  # before and after every endpoint's id


def partition_of(tenant_id: TenantId) -> str:
    """Return the partition that holds all of a tenant's endpoints."""
    return f"T#{tenant_id}"


def key_of(tenant_id: TenantId, endpoint_id: EndpointId) -> Item:
    """Return the key of an endpoint's row."""
    return to_item({"pk": partition_of(tenant_id), "sk": endpoint_id})


def to_row(endpoint: WebhookEndpoint) -> Item:
    """Return an endpoint's row. Moments are milliseconds since 1970."""
    is_rotated = endpoint.secrets != NEVER_ROTATED
    return key_of(endpoint.tenant_id, endpoint.id) | to_item(
        {
            "schema": SCHEMA,
            "url": endpoint.url,
            "event_types": endpoint.event_types,
            "payload": endpoint.payload,
            "legacy": endpoint.legacy_signature or None,
            "description": endpoint.description or None,
            "metadata": dict(endpoint.metadata) or None,
            "created_at": to_milliseconds(endpoint.created_at),
            "status": endpoint.status,
            "disabled_reason": endpoint.disabled_reason,
            "secrets": _secrets_map(endpoint.secrets) if is_rotated else None,
            "version": endpoint.version,
            "failing_since": stamp(endpoint.failing_since),
            "slow_since": stamp(endpoint.slow_since),
            "turn_at": stamp(endpoint.turn_at),
        }
    )


def from_row(item: Item) -> WebhookEndpoint:
    """Read an endpoint's row."""
    row = from_item(item)
    reason = row.get("disabled_reason")
    return WebhookEndpoint(
        id=EndpointId(row["sk"]),
        tenant_id=TenantId(row["pk"].split("#", 1)[1]),
        url=row["url"],
        event_types=tuple(row["event_types"]),
        payload=row["payload"],
        legacy_signature=row.get("legacy", False),
        description=row.get("description", ""),
        metadata=row.get("metadata", {}),
        created_at=from_milliseconds(row["created_at"]),
        status=EndpointStatus(row["status"]),
        disabled_reason=DisabledReason(reason) if reason else None,
        secrets=_secrets(row["secrets"]) if "secrets" in row else NEVER_ROTATED,
        version=row["version"],
        failing_since=moment(row.get("failing_since")),
        slow_since=moment(row.get("slow_since")),
        turn_at=moment(row.get("turn_at")),
    )


def callback_secret_key(tenant_id: TenantId) -> Item:
    """Return the key of the row that says how a tenant's callbacks are signed."""
    return to_item({"pk": partition_of(tenant_id), "sk": "callback_secret"})


def callback_secret_row(tenant_id: TenantId, versions: SecretVersions) -> Item:
    """Return the row of a tenant's secret for callbacks."""
    fields = {"schema": SCHEMA, **_secrets_map(versions)}
    return callback_secret_key(tenant_id) | to_item(fields)


def callback_secret_from_row(item: Item) -> SecretVersions:
    """Read the row of a tenant's secret for callbacks."""
    return _secrets(from_item(item))


def _secrets_map(versions: SecretVersions) -> dict[str, Any]:
    old = [{"version": it.version, "until": to_milliseconds(it.until)} for it in versions.old]
    return {"current": versions.current, "old": old}


def _secrets(fields: Mapping[str, Any]) -> SecretVersions:
    old = [OldSecret(it["version"], from_milliseconds(it["until"])) for it in fields["old"]]
    return SecretVersions(fields["current"], tuple(old))
