from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import override

from relay.domain.errors import AlreadyExistsError, LostRaceError, NotFoundError
from relay.domain.event import Event
from relay.domain.ids import EndpointId, TenantId
from relay.domain.secret_versions import NEVER_ROTATED, SecretVersions
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.ports import CallbackSecretStore, EndpointStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.seam import QUIET, Seam


class InMemoryEndpointStore(EndpointStore):
    """Endpoints by tenant and id. ``events`` gets what tells of a change, in the same step."""

    def __init__(self, events: InMemoryEventStore, seam: Seam = QUIET) -> None:
        self.unreadable: set[EndpointId] = set()
        self._endpoints: dict[tuple[TenantId, EndpointId], WebhookEndpoint] = {}
        self._events = events
        self._seam = seam

    @override
    def create(self, endpoint: WebhookEndpoint) -> None:
        with self._seam.around("endpoints.create"):
            kept = replace(endpoint, metadata=MappingProxyType(dict(endpoint.metadata)))
            if self._endpoints.setdefault(_name(endpoint), kept) != kept:
                raise AlreadyExistsError(endpoint.id)

    @override
    def get(self, tenant_id: TenantId, endpoint_id: EndpointId) -> WebhookEndpoint:
        with self._seam.around("endpoints.get"):
            try:
                return self._endpoints[tenant_id, endpoint_id]
            except KeyError as error:
                raise NotFoundError(endpoint_id) from error

    @override
    def of_tenant(self, tenant_id: TenantId) -> Sequence[WebhookEndpoint]:
        with self._seam.around("endpoints.of_tenant"):
            found = [it for it in self._endpoints.values() if it.tenant_id == tenant_id]
            readable = [it for it in found if it.id not in self.unreadable]
            return sorted(readable, key=lambda it: it.id, reverse=True)

    @override
    def save(
        self, before: WebhookEndpoint, after: WebhookEndpoint, *, told_by: Event | None = None
    ) -> None:
        with self._seam.around("endpoints.save"):
            there = self._endpoints.get(_name(after))
            if there is not None and before.turn_at == after.turn_at:
                after = replace(after, turn_at=there.turn_at)
            if there == after:
                return
            is_told = told_by is not None and self._events.has(told_by)
            if there is None or there.version != before.version or is_told:
                raise LostRaceError(after.id)
            self._endpoints[_name(after)] = after
            if told_by is not None:
                self._events.keep_as_outbox(told_by)

    @override
    def take_turn(
        self, endpoint: WebhookEndpoint, *, at: datetime, apart: timedelta
    ) -> datetime | None:
        with self._seam.around("endpoints.take_turn"):
            there = self._endpoints.get(_name(endpoint))
            if there is None:
                return None
            turn = max(at, there.turn_at or at)
            self._endpoints[_name(there)] = replace(there, turn_at=turn + apart)
            return turn

    @override
    def remove(self, tenant_id: TenantId, endpoint_id: EndpointId) -> None:
        with self._seam.around("endpoints.remove"):
            if self._endpoints.pop((tenant_id, endpoint_id), None) is None:
                raise NotFoundError(endpoint_id)

    def all(self) -> list[WebhookEndpoint]:
        return list(self._endpoints.values())


def _name(endpoint: WebhookEndpoint) -> tuple[TenantId, EndpointId]:
    return endpoint.tenant_id, endpoint.id


class InMemoryCallbackSecretStore(CallbackSecretStore):
    def __init__(self, seam: Seam = QUIET) -> None:
        self._versions: dict[TenantId, SecretVersions] = {}
        self._seam = seam

    @override
    def get(self, tenant_id: TenantId) -> SecretVersions:
        with self._seam.around("callback_secrets.get"):
            return self._versions.get(tenant_id, NEVER_ROTATED)

    @override
    def save(self, tenant_id: TenantId, before: SecretVersions, after: SecretVersions) -> None:
        with self._seam.around("callback_secrets.save"):
            there = self._versions.get(tenant_id, NEVER_ROTATED)
            if there == after:
                return
            if there.current != before.current:
                raise LostRaceError("the secret has been rotated")
            self._versions[tenant_id] = after
