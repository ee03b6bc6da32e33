"""A function that was deployed without what it needs says so, and says which."""

from collections.abc import Callable
from typing import Any

import pytest

from relay.config import (
    ApiSettings,
    AuthorizerSettings,
    DelivererSettings,
    FanoutSettings,
    IntakeSettings,
    MissingSettingError,
    PublisherSettings,
    SweeperSettings,
    WorkerSettings,
)

REQUIRED: dict[Callable[[], Any], dict[str, str]] = {
    AuthorizerSettings: {"TABLE_NAME": "t"},
    ApiSettings: {
        "TABLE_NAME": "t",
        "BUCKET_NAME": "b",
        "JOBS_QUEUE_URL": "q",
        "DELIVERIES_QUEUE_URL": "q",
        "WEBHOOK_MASTER_SECRET_ARN": "s",
        "RETENTION_DAYS": "30",
        "MAX_REQUEST_BYTES": "4194304",
        "DEFAULT_MODEL": "m",
    },
    WorkerSettings: {
        "TABLE_NAME": "t",
        "BUCKET_NAME": "b",
        "JOBS_QUEUE_URL": "q",
        "MISTRAL_API_URL": "https://api.mistral.ai",
        "MISTRAL_API_KEY_SECRET_ARN": "s",
        "MISTRAL_REQUESTS_PER_SECOND": "10",
    },
    IntakeSettings: {
        "TABLE_NAME": "t",
        "BUCKET_NAME": "b",
        "JOBS_QUEUE_URL": "q",
        "SUBMISSIONS_QUEUE_URL": "q",
        "SUBMISSIONS_DEAD_LETTER_QUEUE_URL": "q",
        "WEBHOOK_MASTER_SECRET_ARN": "s",
        "RETENTION_DAYS": "30",
        "DEFAULT_MODEL": "m",
    },
    SweeperSettings: {
        "TABLE_NAME": "t",
        "JOBS_QUEUE_URL": "q",
        "DELIVERIES_QUEUE_URL": "q",
        "EVENTS_QUEUE_URL": "q",
        "METRICS_NAMESPACE": "n",
    },
    PublisherSettings: {"TABLE_NAME": "t", "EVENT_BUS_NAME": "e", "UNPUBLISHED_QUEUE_URL": "q"},
    FanoutSettings: {"TABLE_NAME": "t", "DELIVERIES_QUEUE_URL": "q", "RETENTION_DAYS": "30"},
    DelivererSettings: {
        "TABLE_NAME": "t",
        "BUCKET_NAME": "b",
        "DELIVERIES_QUEUE_URL": "q",
        "WEBHOOK_MASTER_SECRET_ARN": "s",
        "PUBLIC_API_URL": "https://relay.example.com",
    },
}
EVERY_NAME = {name for names in REQUIRED.values() for name in names} | {
    "DEFAULT_MAX_TOKENS",
    "DEFAULT_TEMPERATURE",
    "DEFAULT_SQS_TENANT",
    "RELAY_LOCAL_STACK",
}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in EVERY_NAME:
        monkeypatch.delenv(name, raising=False)


def deploy(settings: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED[settings].items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("settings", REQUIRED)
def test_what_the_template_sets_is_enough(
    settings: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(settings, monkeypatch)

    assert settings().table_name == "t"


@pytest.mark.parametrize(
    ("settings", "name"), [(s, name) for s, names in REQUIRED.items() for name in names]
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(
    settings: Callable[[], Any],
    name: str,
    value: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(settings, monkeypatch)
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    with pytest.raises(MissingSettingError, match=rf"{name}.*template\.yaml"):
        settings()


@pytest.mark.parametrize("value", ["x", "-1", "1.5", " 1"])
def test_a_number_that_is_none_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(ApiSettings, monkeypatch)
    monkeypatch.setenv("RETENTION_DAYS", value)

    with pytest.raises(MissingSettingError, match="RETENTION_DAYS to a whole number"):
        ApiSettings()


@pytest.mark.parametrize("takes_jobs_in", [ApiSettings, IntakeSettings])
def test_what_is_optional_is_empty_by_default(
    takes_jobs_in: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(takes_jobs_in, monkeypatch)

    settings = takes_jobs_in()

    assert settings.default_max_tokens == ""
    assert settings.default_temperature == ""
    assert settings.public_api_url == ""


def test_no_tenant_is_whose_senders_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(IntakeSettings, monkeypatch)

    assert IntakeSettings().default_sqs_tenant == ""


@pytest.mark.parametrize("settings", [ApiSettings, IntakeSettings, DelivererSettings])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), ("1", False), ("TRUE", False), ("true", True)],
)
def test_the_local_stack_is_what_says_so_word_for_word_and_nothing_else(
    settings: Callable[[], Any],
    value: str | None,
    expected: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(settings, monkeypatch)
    if value is not None:
        monkeypatch.setenv("RELAY_LOCAL_STACK", value)

    assert settings().is_local_stack is expected
