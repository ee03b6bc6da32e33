"""Constants that live apart and belong together."""

from datetime import timedelta
from typing import Any

import pytest

from functions.intake.handler import WAIT_CAP, WAIT_MIN
from functions.intake.take_submission import RECEIVES_MAX
from functions.sweeper.sweep import BACK_MINUTES
from functions.worker.outcome import LOOK_AGAIN_AFTER
from functions.worker.run_job import RECORDING_TIME
from relay.adapters.pinned_network import CONNECT_TIMEOUT_SECONDS, RESOLVE_TIMEOUT_SECONDS
from relay.adapters.sqs_queue import DELAY_MAX, VISIBILITY_MAX
from relay.adapters.webhook_http import WEBHOOK_TIMEOUT
from relay.aws import clients
from relay.aws.wheel_row import KEPT_AFTER
from relay.domain.backoff import IN_PLACE_BUDGET, MESSAGE_WAIT_MAX, full_jitter
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
from relay.domain.wheel import FIRST_LOOK, PUBLISHING_TIME, WRITTEN_AHEAD

A_MINUTE = timedelta(minutes=1)
CLOCKS_DIFFER = timedelta(seconds=10)
OUTAGE = timedelta(hours=1)


@pytest.fixture
def write_takes_at_most(monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """Return how long a write to the table takes that succeeds at its last try."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-west-1")
    config: Any = clients.dynamodb.__wrapped__().meta.config
    tries = config.retries["total_max_attempts"]
    return timedelta(seconds=tries * (config.connect_timeout + config.read_timeout))


def test_a_lease_outlives_an_attempt_the_waits_before_it_and_the_recording_after_it() -> None:
    assert LEASE_MARGIN >= IN_PLACE_BUDGET + RECORDING_TIME


def test_recording_has_time_for_every_try_of_a_write(write_takes_at_most: timedelta) -> None:
    assert write_takes_at_most <= RECORDING_TIME


def test_a_hint_stands_before_its_minute_is_swept(write_takes_at_most: timedelta) -> None:
    assert write_takes_at_most + CLOCKS_DIFFER < WRITTEN_AHEAD < FIRST_LOOK


def test_sqs_delays_a_message_for_as_long_as_the_sweeper_may_ask() -> None:
    """A hint is looked at in the minute in which it is due."""
    assert A_MINUTE <= DELAY_MAX


def test_a_hint_is_kept_for_longer_than_a_sweep_may_have_to_go_back() -> None:
    assert BACK_MINUTES * A_MINUTE + A_MINUTE < KEPT_AFTER


def test_an_end_that_the_publisher_is_just_telling_is_not_told_again() -> None:
    assert A_MINUTE <= PUBLISHING_TIME


def test_a_delivery_lease_outlives_two_attempts() -> None:
    assert DELIVERY_LEASE >= 2 * WEBHOOK_TIMEOUT


def test_a_dead_address_leaves_time_for_another() -> None:
    spent = timedelta(seconds=RESOLVE_TIMEOUT_SECONDS + CONNECT_TIMEOUT_SECONDS)

    assert spent < WEBHOOK_TIMEOUT


@pytest.mark.parametrize("wait", [MESSAGE_WAIT_MAX, LOOK_AGAIN_AFTER, WAIT_CAP])
def test_a_wait_that_a_message_carries_takes_one_receipt_of_it(wait: timedelta) -> None:
    assert wait <= VISIBILITY_MAX


def test_a_submission_outlives_an_outage_before_it_is_given_up() -> None:
    """Jitter makes waits half their bounds on average."""
    waits = (
        max(WAIT_MIN, full_jitter(receives + 3, cap=WAIT_CAP, chance=0.5))
        for receives in range(1, RECEIVES_MAX)
    )

    assert sum(waits, timedelta()) > 4 * OUTAGE


def test_defaults_are_within_limits() -> None:
    assert ATTEMPTS_DEFAULT <= ATTEMPTS_MAX
    assert TIMEOUT_DEFAULT <= TIMEOUT_MAX
    assert DEADLINE_DEFAULT <= DEADLINE_MAX
