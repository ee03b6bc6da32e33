"""Where API keys, tenants and senders are kept.

Each method may raise ``UnavailableError``, as those of the other stores.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from relay.domain.api_key import ApiKey
from relay.domain.ids import TenantId
from relay.domain.sender import Sender
from relay.domain.tenant import Tenant


class KeyStore(Protocol):
    """API keys, by their hash and by tenant and id."""

    def create(self, key: ApiKey) -> None:
        """Keep a new key, which is listed as soon as it can be used.

        Raises:
            AlreadyExistsError: a key of this hash, or of this id, is there; nothing was changed.
        """
        ...

    def get(self, key_hash: str) -> ApiKey:
        """Return a key, be it revoked.

        Raises:
            NotFoundError: there is none of this hash.
        """
        ...

    def find(self, tenant_id: TenantId, key_id: str) -> ApiKey:
        """Return a tenant's key, be it revoked.

        Raises:
            NotFoundError: the tenant has no such key.
        """
        ...

    def page(self, tenant_id: TenantId, *, before: str | None, limit: int) -> Sequence[ApiKey]:
        """Return a tenant's keys by id, the newest first, those revoked included."""
        ...

    def revoke(self, key: ApiKey, *, at: datetime) -> None:
        """Let a key be of no more use. One that is revoked already stays as it is.

        Raises:
            NotFoundError: there is no such key.
        """
        ...


class TenantStore(Protocol):
    """Tenants. The operator needs no row."""

    def create(self, tenant: Tenant) -> None:
        """Keep a new tenant.

        Raises:
            AlreadyExistsError: another tenant of this id is there; nothing was changed.
        """
        ...

    def get(self, tenant_id: TenantId) -> Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: there is none of this id.
        """
        ...

    def page(self, *, before: str | None, limit: int) -> Sequence[Tenant]:
        """Return tenants by id, the newest first."""
        ...


class SenderStore(Protocol):
    """AWS identities that may submit by the queue, and for whom."""

    def create(self, sender: Sender) -> None:
        """Keep a new sender.

        Raises:
            AlreadyExistsError: this identity is mapped already.
        """
        ...

    def get(self, identity: str) -> Sender:
        """Return a sender.

        Raises:
            NotFoundError: nobody is mapped to this identity.
        """
        ...

    def page(self, *, before: str | None, limit: int) -> Sequence[Sender]:
        """Return senders by identity, the greatest first."""
        ...

    def remove(self, identity: str) -> None:
        """Map an identity to nobody. Done twice it is done."""
        ...
