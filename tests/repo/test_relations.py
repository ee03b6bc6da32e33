"""Constants that live apart and belong together."""

from datetime import timedelta
from typing import Any

import pytest

from functions.worker.run_job import RECORDING_TIME
from relay.adapters.pinned_network import CONNECT_TIMEOUT_SECONDS, RESOLVE_TIMEOUT_SECONDS
from relay.adapters.sqs_queue import VISIBILITY_MAX
from relay.adapters.webhook_http import WEBHOOK_TIMEOUT
from relay.aws import clients
from relay.domain.backoff import IN_PLACE_BUDGET, RELEASED_CAP
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.job import (
    ATTEMPTS_DEFAULT,
    ATTEMPTS_MAX,
    DEADLINE_DEFAULT,
    DEADLINE_MAX,
    LEASE_MARGIN,
    TIMEOUT_DEFAULT,
    TIMEOUT_MAX,
)
from relay.domain.upstream import RETRY_AFTER_TAKEN_MAX


def test_a_lease_outlives_an_attempt_the_waits_before_it_and_the_recording_after_it() -> None:
    assert LEASE_MARGIN >= IN_PLACE_BUDGET + RECORDING_TIME


def test_recording_has_time_for_every_try_of_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1")

    config: Any = clients.dynamodb.__wrapped__().meta.config
    tries = config.retries["total_max_attempts"]

    one_try = timedelta(seconds=config.connect_timeout + config.read_timeout)
    assert tries * one_try <= RECORDING_TIME


def test_a_delivery_lease_outlives_two_attempts() -> None:
    assert DELIVERY_LEASE >= 2 * WEBHOOK_TIMEOUT


def test_a_dead_address_leaves_time_for_another() -> None:
    spent = timedelta(seconds=RESOLVE_TIMEOUT_SECONDS + CONNECT_TIMEOUT_SECONDS)

    assert spent < WEBHOOK_TIMEOUT


@pytest.mark.parametrize("wait", [RELEASED_CAP, RETRY_AFTER_TAKEN_MAX])
def test_a_wait_of_a_job_takes_one_receipt_of_its_message(wait: timedelta) -> None:
    assert wait <= VISIBILITY_MAX


def test_defaults_are_within_limits() -> None:
    assert ATTEMPTS_DEFAULT <= ATTEMPTS_MAX
    assert TIMEOUT_DEFAULT <= TIMEOUT_MAX
    assert DEADLINE_DEFAULT <= DEADLINE_MAX
