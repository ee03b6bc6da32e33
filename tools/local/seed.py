"""The tenant, keys and secrets that a new local stack starts with."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import RANDOM_BYTES, ApiKey, Scope, hash_of, last_four_of, new_key
from relay.domain.event import OPERATOR
from relay.domain.ids import RANDOM_BYTES as ID_RANDOM_BYTES
from relay.domain.ids import TenantId, ulid

TENANT = OPERATOR
"""Whoever starts a stack runs it, so that their admin key makes tenants and senders too."""
SIMULATED_MISTRAL_KEY = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of a tenant. Kept nowhere but in the stack file."""

    tenant_id: TenantId
    api_key: str
    """May do what a program that submits jobs does."""
    admin_key: str
    """May do everything."""


def seed_keys(dynamodb: Any, table: str) -> Keys:
    """Make the keys and keep their hashes."""
    store = DynamoDBKeyStore(dynamodb, table)
    return Keys(
        tenant_id=TENANT,
        api_key=_seeded(store, frozenset(Scope) - {Scope.ADMIN}),
        admin_key=_seeded(store, frozenset({Scope.ADMIN})),
    )


def put_mistral_key(secretsmanager: Any, secret: str, key: str) -> None:
    """Put the key with which the worker calls Mistral where it looks for it."""
    secretsmanager.put_secret_value(SecretId=secret, SecretString=key)


def _seeded(store: DynamoDBKeyStore, scopes: frozenset[Scope]) -> str:
    now = datetime.now(UTC)
    key = new_key(secrets.token_bytes(RANDOM_BYTES))
    store.create(
        ApiKey(
            id=f"key_{ulid(now, secrets.token_bytes(ID_RANDOM_BYTES))}",
            hash=hash_of(key),
            last_four=last_four_of(key),
            tenant_id=TENANT,
            scopes=scopes,
            created_at=now,
        )
    )
    return key
