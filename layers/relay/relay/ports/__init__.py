"""What the use cases need of the world outside.

Each port has a real adapter and a fake, and both pass the same contract suite in
``tests/contracts``.
"""

from relay.ports.accounts import KeyStore, SenderStore, TenantStore
from relay.ports.machine import Clock, Dice, Offload
from relay.ports.outside import (
    Change,
    ChangeReader,
    CircuitStore,
    EventBus,
    Mistral,
    RateBucket,
    Secret,
    WebhookSender,
)
from relay.ports.queues import DeadLetters, Postponement, Queue, Sending, Visibility
from relay.ports.stores import (
    ContentStore,
    EventStore,
    Found,
    IdempotencyStore,
    JobStore,
)
from relay.ports.webhooks import (
    CallbackSecretStore,
    DeliveryStore,
    EndpointStore,
    RecoveryStore,
)
from relay.ports.wheel import Page, Wheel

__all__ = [
    "CallbackSecretStore",
    "Change",
    "ChangeReader",
    "CircuitStore",
    "Clock",
    "ContentStore",
    "DeadLetters",
    "DeliveryStore",
    "Dice",
    "EndpointStore",
    "EventBus",
    "EventStore",
    "Found",
    "IdempotencyStore",
    "JobStore",
    "KeyStore",
    "Mistral",
    "Offload",
    "Page",
    "Postponement",
    "Queue",
    "RateBucket",
    "RecoveryStore",
    "Secret",
    "SenderStore",
    "Sending",
    "TenantStore",
    "Visibility",
    "WebhookSender",
    "Wheel",
]
