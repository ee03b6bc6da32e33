"""Who sends to the submissions queue, by the AWS identity that SQS notes on a message.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

from dataclasses import dataclass
from datetime import datetime

from relay.domain.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """An AWS identity that submits for a tenant. ``id`` is a role's or a user's unique id."""

    id: str
    tenant_id: TenantId
    created_at: datetime


def identity_of(sender_id: str) -> str:
    """Return the role or user behind a ``SenderId``, which names an assumed role's session too."""
    return sender_id.partition(":")[0]
