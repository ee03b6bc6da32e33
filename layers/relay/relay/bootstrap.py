"""The composition root: the one place that chooses adapters and builds them.

Imports stand inside the functions, so that each Lambda loads only the adapters that it uses:
what a cold start costs is decided here.
"""
# ruff: noqa: PLC0415

import math
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from relay.adapters.system_clock import SystemClock
from relay.adapters.system_dice import SystemDice
from relay.aws import clients
from relay.domain.egress import EgressPolicy
from relay.ports import (
    CallbackSecretStore,
    ChangeReader,
    CircuitStore,
    Clock,
    ContentStore,
    DeadLetters,
    DeliveryStore,
    Dice,
    EndpointStore,
    EventBus,
    EventStore,
    IdempotencyStore,
    JobStore,
    KeyStore,
    Mistral,
    Queue,
    RateBucket,
    RecoveryStore,
    Secret,
    SenderStore,
    TenantStore,
    Visibility,
    WebhookSender,
    Wheel,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor


@cache
def clock() -> Clock:
    """Return the machine's clock."""
    return SystemClock()


@cache
def dice() -> Dice:
    """Return the machine's chance."""
    return SystemDice()


async def offload(function: Any, *arguments: Any, **named: Any) -> Any:
    """Run a blocking call in a thread, beside the event loop."""
    import asyncio

    call = partial(function, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@cache
def _threads() -> "Executor":
    """Return as many threads as a batch has records, and a few more: Python's own are six."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(clients.CONNECTIONS_MAX, thread_name_prefix="offload")


def content_store(table: str, bucket: str) -> ContentStore:
    """Return where requests and results are kept."""
    from relay.adapters.content_store import AwsContentStore

    return AwsContentStore(clients.dynamodb(), table, clients.s3, bucket)


def job_store(table: str) -> JobStore:
    """Return where jobs are kept."""
    from relay.adapters.dynamodb_jobs import DynamoDBJobStore

    return DynamoDBJobStore(clients.dynamodb(), table, dice())


def event_store(table: str) -> EventStore:
    """Return where events are kept."""
    from relay.adapters.dynamodb_events import DynamoDBEventStore

    return DynamoDBEventStore(clients.dynamodb(), table)


def delivery_store(table: str) -> DeliveryStore:
    """Return where deliveries are kept."""
    from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore

    return DynamoDBDeliveryStore(clients.dynamodb(), table)


def endpoint_store(table: str) -> EndpointStore:
    """Return where webhook endpoints are kept."""
    from relay.adapters.dynamodb_endpoints import DynamoDBEndpointStore

    return DynamoDBEndpointStore(clients.dynamodb(), table)


def callback_secret_store(table: str) -> CallbackSecretStore:
    """Return where it is kept how callbacks are signed."""
    from relay.adapters.dynamodb_callback_secrets import DynamoDBCallbackSecretStore

    return DynamoDBCallbackSecretStore(clients.dynamodb(), table)


def recovery_store(table: str) -> RecoveryStore:
    """Return where recoveries are kept."""
    from relay.adapters.dynamodb_recoveries import DynamoDBRecoveryStore

    return DynamoDBRecoveryStore(clients.dynamodb(), table)


def key_store(table: str) -> KeyStore:
    """Return where API keys are kept."""
    from relay.adapters.dynamodb_keys import DynamoDBKeyStore

    return DynamoDBKeyStore(clients.dynamodb(), table)


def sender_store(table: str) -> SenderStore:
    """Return where senders are kept."""
    from relay.adapters.dynamodb_senders import DynamoDBSenderStore

    return DynamoDBSenderStore(clients.dynamodb(), table)


def tenant_store(table: str) -> TenantStore:
    """Return where tenants are kept."""
    from relay.adapters.dynamodb_tenants import DynamoDBTenantStore

    return DynamoDBTenantStore(clients.dynamodb(), table)


def idempotency_store(table: str) -> IdempotencyStore:
    """Return where idempotency keys are kept."""
    from relay.adapters.dynamodb_idempotency import DynamoDBIdempotencyStore

    return DynamoDBIdempotencyStore(clients.dynamodb(), table)


def wheel(table: str) -> Wheel:
    """Return the wheel."""
    from relay.adapters.dynamodb_wheel import DynamoDBWheel

    return DynamoDBWheel(clients.dynamodb(), table)


def circuit_store(table: str) -> CircuitStore:
    """Return where the circuit to Mistral is kept."""
    from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore

    return DynamoDBCircuitStore(clients.dynamodb(), table)


def rate_bucket(table: str, name: str, *, per_second: float) -> RateBucket:
    """Return a token bucket that all sandboxes share, never faster than ``per_second``."""
    from relay.adapters.dynamodb_rate import DynamoDBRateBucket

    interval = timedelta(milliseconds=math.ceil(1000 / per_second))
    return DynamoDBRateBucket(clients.dynamodb(), table, name, interval)


def event_bus(name: str) -> EventBus:
    """Return the bus."""
    from relay.adapters.event_bridge import EventBridgeBus

    return EventBridgeBus(clients.events(), name)


def queue(url: str) -> Queue:
    """Return a queue to send to."""
    from relay.adapters.sqs_queue import SqsQueue

    return SqsQueue(clients.sqs(), url)


def dead_letters(url: str) -> DeadLetters:
    """Return a dead-letter queue that a function itself sends to."""
    from relay.adapters.sqs_queue import SqsDeadLetters

    return SqsDeadLetters(clients.sqs(), url)


def visibility(url: str) -> Visibility:
    """Return the queue that a function reads."""
    from relay.adapters.sqs_queue import SqsVisibility

    return SqsVisibility(clients.sqs(), url)


def secret(arn: str) -> Secret:
    """Return a secret."""
    from relay.adapters.secrets_manager import SecretsManagerSecret

    return SecretsManagerSecret(clients.secretsmanager, arn, clock())


def mistral(base_url: str, key: Secret) -> Mistral:
    """Return Mistral's API."""
    from relay.adapters.mistral_http import HttpMistral

    return HttpMistral(base_url, key, offload)


def egress_policy(*, allow_loopback_http: bool, own_url: str = "") -> EgressPolicy:
    """Return what may be posted to: not ourselves, and only on the local stack this machine."""
    own = urlsplit(own_url).hostname
    return EgressPolicy(
        allow_loopback_http=allow_loopback_http,
        forbidden_hosts=frozenset({own} if own and not allow_loopback_http else ()),
    )


def webhook_sender(policy: EgressPolicy) -> WebhookSender:
    """Return the guarded way out to subscribers."""
    from relay.adapters.pinned_network import PinnedBackend
    from relay.adapters.webhook_http import HttpWebhookSender

    return HttpWebhookSender(policy, PinnedBackend(policy), now=clock().now)


def change_reader() -> ChangeReader:
    """Return what reads the table's stream."""
    from relay.adapters.table_stream import TableStreamReader

    return TableStreamReader()
