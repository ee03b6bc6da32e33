"""What the API's acts are given: ports, and the deployment's settings."""

from dataclasses import dataclass
from datetime import timedelta

from functions.api.http import Request
from relay.domain.egress import EgressPolicy
from relay.domain.job_request import BodyDefaults
from relay.ports import (
    CallbackSecretStore,
    Clock,
    ContentStore,
    DeliveryStore,
    Dice,
    EndpointStore,
    EventStore,
    IdempotencyStore,
    JobStore,
    KeyStore,
    RecoveryStore,
    Secret,
    SenderStore,
    TenantStore,
    Wheel,
)
from relay.use_cases.redeliver import Redeliver
from relay.use_cases.submit_job import SubmitJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who may use the deployment, and what new ids and keys are made from."""

    keys: KeyStore
    tenants: TenantStore
    senders: SenderStore
    dice: Dice


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What tenants are told, where, and what came of it. Events are kept for ``retention``."""

    endpoints: EndpointStore
    callback_secrets: CallbackSecretStore
    recoveries: RecoveryStore
    deliveries: DeliveryStore
    events: EventStore
    wheel: Wheel
    redeliver: Redeliver
    retention: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that an act may need. ``public_url`` is empty where the request's host is it."""

    jobs: JobStore
    contents: ContentStore
    idempotency: IdempotencyStore
    submit: SubmitJob
    accounts: Accounts
    webhooks: Webhooks
    webhook_master_secret: Secret
    clock: Clock
    body_defaults: BodyDefaults
    egress_policy: EgressPolicy
    request_bytes_max: int
    public_url: str = ""

    def api_url(self, request: Request) -> str:
        """Return the address that links start with."""
        return self.public_url or request.base_url()
