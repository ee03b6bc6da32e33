"""``/v1/webhook_secret``: what signs that which is posted to callback URLs."""

from typing import TypedDict

from functions.api.http import Request, Response
from functions.api.once import Once
from functions.api.rotating import Rotating, rotate_once
from functions.api.services import Services
from relay.domain.ids import TenantId
from relay.domain.moments import to_iso
from relay.domain.secret_versions import SecretVersions
from relay.domain.signing import callback_secret


class WebhookSecretView(TypedDict):
    """The secret that signs what is posted to a tenant's callback addresses.

    ``previous_until``: until when the one before signs along, null where it does not.
    """

    secret: str
    previous_until: str | None


def get_webhook_secret(request: Request, services: Services) -> Response:
    """Answer with the secret, derived anew: it is kept nowhere."""
    tenant_id = request.caller().tenant_id
    versions = services.webhooks.callback_secrets.get(tenant_id)
    return Response(body=_view(tenant_id, versions, services))


def rotate_webhook_secret(request: Request, services: Services) -> Response:
    """Let a new secret sign, and the old one along with it for a day."""
    tenant_id, secrets = request.caller().tenant_id, services.webhooks.callback_secrets
    once = Once(request, services)
    rotating = Rotating(
        read=lambda: secrets.get(tenant_id),
        version=lambda versions: versions.current,
        save=lambda before, after: secrets.save(tenant_id, before, after),
    )
    versions = rotate_once(rotating, once, services)
    return Response(body=_view(tenant_id, versions, services), headers=once.headers)


def _view(tenant_id: TenantId, versions: SecretVersions, services: Services) -> WebhookSecretView:
    master = services.webhook_master_secret.text()
    secret = callback_secret(master, tenant_id, version=versions.current)
    until = versions.previous_until(services.clock.now())
    return WebhookSecretView(secret=secret.text, previous_until=to_iso(until) if until else None)
