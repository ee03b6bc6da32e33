"""The environment, read in one place: each function's settings say exactly what it needs."""

import os
from dataclasses import dataclass, field
from typing import Any


class MissingSettingError(Exception):
    """A function was deployed without an environment variable that it needs."""


def _required(name: str) -> Any:
    def read() -> str:
        value = os.environ.get(name, "")
        if not value:
            raise MissingSettingError(
                f"set {name} in this function's environment: see template.yaml"
            )
        return value

    return field(default_factory=read)


def _number(name: str) -> Any:
    def read() -> int:
        value = os.environ.get(name, "")
        if not value.isdecimal():
            raise MissingSettingError(f"set {name} to a whole number: see template.yaml")
        return int(value)

    return field(default_factory=read)


def _optional(name: str) -> Any:
    return field(default_factory=lambda: os.environ.get(name, ""))


def _local_stack() -> Any:
    # The template never sets this: only the local stack adds it to what it deploys.
    return field(default_factory=lambda: os.environ.get("RELAY_LOCAL_STACK", "") == "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizerSettings:
    """What ``authorizer`` needs."""

    table_name: str = _required("TABLE_NAME")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What ``api`` needs. The last three may be empty, which means none."""

    table_name: str = _required("TABLE_NAME")
    bucket_name: str = _required("BUCKET_NAME")
    jobs_queue_url: str = _required("JOBS_QUEUE_URL")
    deliveries_queue_url: str = _required("DELIVERIES_QUEUE_URL")
    webhook_master_secret_arn: str = _required("WEBHOOK_MASTER_SECRET_ARN")
    retention_days: int = _number("RETENTION_DAYS")
    max_request_bytes: int = _number("MAX_REQUEST_BYTES")
    default_model: str = _required("DEFAULT_MODEL")
    default_max_tokens: str = _optional("DEFAULT_MAX_TOKENS")
    default_temperature: str = _optional("DEFAULT_TEMPERATURE")
    public_api_url: str = _optional("PUBLIC_API_URL")
    is_local_stack: bool = _local_stack()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What ``worker`` needs."""

    table_name: str = _required("TABLE_NAME")
    bucket_name: str = _required("BUCKET_NAME")
    jobs_queue_url: str = _required("JOBS_QUEUE_URL")
    mistral_api_url: str = _required("MISTRAL_API_URL")
    mistral_api_key_secret_arn: str = _required("MISTRAL_API_KEY_SECRET_ARN")
    mistral_requests_per_second: int = _number("MISTRAL_REQUESTS_PER_SECOND")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """What ``intake`` needs. The last five may be empty, which means none."""

    table_name: str = _required("TABLE_NAME")
    bucket_name: str = _required("BUCKET_NAME")
    jobs_queue_url: str = _required("JOBS_QUEUE_URL")
    submissions_queue_url: str = _required("SUBMISSIONS_QUEUE_URL")
    submissions_dead_letter_queue_url: str = _required("SUBMISSIONS_DEAD_LETTER_QUEUE_URL")
    webhook_master_secret_arn: str = _required("WEBHOOK_MASTER_SECRET_ARN")
    retention_days: int = _number("RETENTION_DAYS")
    default_model: str = _required("DEFAULT_MODEL")
    default_max_tokens: str = _optional("DEFAULT_MAX_TOKENS")
    default_temperature: str = _optional("DEFAULT_TEMPERATURE")
    default_sqs_tenant: str = _optional("DEFAULT_SQS_TENANT")
    public_api_url: str = _optional("PUBLIC_API_URL")
    is_local_stack: bool = _local_stack()


@dataclass(frozen=True, slots=True, kw_only=True)
class SweeperSettings:
    """What ``sweeper`` needs."""

    table_name: str = _required("TABLE_NAME")
    jobs_queue_url: str = _required("JOBS_QUEUE_URL")
    deliveries_queue_url: str = _required("DELIVERIES_QUEUE_URL")
    events_queue_url: str = _required("EVENTS_QUEUE_URL")
    metrics_namespace: str = _required("METRICS_NAMESPACE")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """What ``publisher`` needs."""

    table_name: str = _required("TABLE_NAME")
    event_bus_name: str = _required("EVENT_BUS_NAME")
    unpublished_queue_url: str = _required("UNPUBLISHED_QUEUE_URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutSettings:
    """What ``fanout`` needs."""

    table_name: str = _required("TABLE_NAME")
    deliveries_queue_url: str = _required("DELIVERIES_QUEUE_URL")
    retention_days: int = _number("RETENTION_DAYS")


@dataclass(frozen=True, slots=True, kw_only=True)
class DelivererSettings:
    """What ``deliverer`` needs."""

    table_name: str = _required("TABLE_NAME")
    bucket_name: str = _required("BUCKET_NAME")
    deliveries_queue_url: str = _required("DELIVERIES_QUEUE_URL")
    webhook_master_secret_arn: str = _required("WEBHOOK_MASTER_SECRET_ARN")
    public_api_url: str = _required("PUBLIC_API_URL")
    is_local_stack: bool = _local_stack()
