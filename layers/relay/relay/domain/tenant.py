"""Tenants: whose everything is. The operator is one of them, and needs no row."""

from dataclasses import dataclass
from datetime import datetime

from relay.domain.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Somebody whose jobs and keys are their own. ``name`` is for people only."""

    id: TenantId
    name: str
    created_at: datetime
