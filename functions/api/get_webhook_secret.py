"""``GET /v1/webhook_secret``."""

from typing import TypedDict

from functions.api.http import Request, Response
from functions.api.services import Services
from relay.domain.signing import callback_secret


class WebhookSecretView(TypedDict):
    """The secret that signs what is posted to a tenant's callback addresses."""

    secret: str
    previous_until: str | None


def get_webhook_secret(request: Request, services: Services) -> Response:
    """Answer with the secret, derived anew: it is kept nowhere."""
    master = services.webhook_master_secret.text()
    secret = callback_secret(master, request.caller().tenant_id)
    return Response(body=WebhookSecretView(secret=secret.text, previous_until=None))
