"""Which endpoints an event goes to, besides a job's own callback."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.circuit import Circuit
from relay.domain.delivering import delivery_of
from relay.domain.event import (
    OPERATOR,
    Event,
    endpoint_disabled,
    event_of,
    event_of_circuit,
    submission_rejected,
)
from relay.domain.job import Callback, StatusReason, Submission
from relay.domain.messages import delivery_message
from relay.domain.webhook_endpoint import ENDPOINTS_MAX, DisabledReason, WebhookEndpoint
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    OTHER_TENANT,
    TENANT,
    a_job,
    a_job_id,
    an_endpoint,
    an_endpoint_id,
)
from tests.fakes.trouble import Crash
from tests.flows.seam_points import Cut, Point
from tests.unit.functions.fanout_on_fakes import RETENTION, Fanout

CALLBACK = Callback(url="https://example.com/callback")


def register(fanout: Fanout, *patterns: str, number: int = 1, **changes: Any) -> WebhookEndpoint:
    types = {"event_types": patterns} if patterns else {}
    endpoint = an_endpoint(id=an_endpoint_id(number), **types, **changes)
    fanout.endpoints.create(endpoint)
    return endpoint


def targets(fanout: Fanout) -> set[str]:
    return {delivery.target_id for delivery in fanout.made}


def a_rejection() -> Event:
    return submission_rejected(
        TENANT,
        Submission(source="sqs", message_id="message-1"),
        reason="it is not JSON",
        at=NOON,
        purge_at=NOON + RETENTION,
    )


def test_an_event_makes_one_delivery_to_an_endpoint_and_one_message() -> None:
    fanout = Fanout()
    endpoint = register(fanout, payload="thin", legacy_signature=True)
    job, event = fanout.ended(purge_at=NOON + timedelta(days=7))

    assert fanout.tell(event) == []

    (delivery,) = fanout.made
    assert fanout.messages == [delivery_message(delivery)]
    assert fanout.queue.messages[0].group == TENANT
    assert (delivery.endpoint_id, delivery.job_id) == (endpoint.id, job.id)
    assert (delivery.payload, delivery.legacy_signature) == ("thin", True)
    assert delivery.data is None
    assert delivery.purge_at == job.purge_at


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (["*"], ["job.started", "job.completed", "submission.rejected"]),
        (["job.*"], ["job.started", "job.completed"]),
        (["job.completed"], ["job.completed"]),
        (["job.completed", "submission.*"], ["job.completed", "submission.rejected"]),
        (["job.failed"], []),
        ([], []),
    ],
)
def test_an_endpoint_gets_the_events_that_it_has_chosen(
    patterns: Sequence[str], told: list[str]
) -> None:
    fanout = Fanout()
    fanout.endpoints.create(an_endpoint(event_types=tuple(patterns)))
    started = event_of(None, a_job(notify_started=True).claimed(NOON, LEASE_MARGIN))
    assert started is not None
    _, completed = fanout.ended(notify_started=True)

    assert fanout.tell(started, completed, a_rejection()) == []

    assert [delivery.event_type for delivery in fanout.made] == told
    assert len(fanout.messages) == len(told)


def test_each_endpoint_and_the_callback_get_a_delivery_of_their_own() -> None:
    fanout = Fanout()
    first, second = register(fanout), register(fanout, "*", number=2)
    register(fanout, "job.failed", number=3)
    job, event = fanout.ended(callback=CALLBACK)

    fanout.tell(event)

    assert targets(fanout) == {first.id, second.id, job.id}
    assert len({delivery.id for delivery in fanout.made}) == 3
    assert fanout.messages == [delivery_message(it) for it in fanout.made]
    assert fanout.log.named("event.fanned_out")[0]["records"] == 3


def test_all_endpoints_that_a_tenant_may_have_are_told() -> None:
    fanout = Fanout()
    for number in range(ENDPOINTS_MAX):
        register(fanout, number=number)
    _, event = fanout.ended()

    fanout.tell(event)

    assert len(targets(fanout)) == len(fanout.messages) == ENDPOINTS_MAX


def test_two_endpoints_of_one_address_are_told_each() -> None:
    """What is deleted and registered anew is another endpoint, whatever its address."""
    fanout = Fanout()
    first, second = register(fanout), register(fanout, number=2)
    _, event = fanout.ended()

    fanout.tell(event)

    assert first.url == second.url
    assert targets(fanout) == {first.id, second.id}


@pytest.mark.parametrize("reason", list(DisabledReason))
def test_a_disabled_endpoint_gets_nothing(reason: DisabledReason) -> None:
    fanout = Fanout()
    fanout.endpoints.create(an_endpoint(event_types=("*",)).disabled(reason))
    _, event = fanout.ended()

    assert fanout.tell(event) == []

    assert fanout.made == []
    assert fanout.messages == []
    assert fanout.wheel.all() == []


def test_an_event_never_goes_to_another_tenant_s_endpoint() -> None:
    fanout = Fanout()
    register(fanout, "*", tenant_id=OTHER_TENANT)
    register(fanout, "*", number=2, tenant_id=OPERATOR)
    _, event = fanout.ended()

    fanout.tell(event, a_rejection())

    assert fanout.made == []


def test_an_event_of_no_job_carries_its_data_and_is_kept_as_long_as_jobs_are() -> None:
    fanout = Fanout()
    endpoint = register(fanout, "*")
    event = a_rejection()

    fanout.tell(event)

    (delivery,) = fanout.made
    assert (delivery.target_id, delivery.job_id) == (endpoint.id, None)
    assert delivery.data == event.data
    assert delivery.purge_at == NOON + RETENTION


def test_what_concerns_the_deployment_goes_to_the_operator_s_endpoints() -> None:
    fanout = Fanout()
    register(fanout, "*")
    operators = register(fanout, "upstream.*", number=2, tenant_id=OPERATOR)
    event = event_of_circuit(None, Circuit().opened(NOON, StatusReason.INVALID_API_KEY))
    assert event is not None

    assert fanout.tell(event) == []

    (delivery,) = fanout.made
    assert (delivery.target_id, delivery.tenant_id) == (operators.id, OPERATOR)
    assert fanout.queue.messages[0].group == OPERATOR


def test_that_an_endpoint_is_disabled_is_told_to_the_others() -> None:
    fanout = Fanout()
    disabled = an_endpoint(event_types=("*",)).disabled(DisabledReason.GONE)
    fanout.endpoints.create(disabled)
    other = register(fanout, "webhook_endpoint.*", number=2)

    fanout.tell(endpoint_disabled(disabled, NOON))

    assert targets(fanout) == {other.id}


def test_an_event_that_is_told_twice_makes_one_delivery_each() -> None:
    fanout = Fanout()
    register(fanout)
    register(fanout, number=2)
    _, event = fanout.ended(callback=CALLBACK)

    fanout.tell(event, event)
    fanout.tell(event)

    assert len(fanout.made) == 3


def test_an_endpoint_that_comes_between_two_tellings_is_told_as_well() -> None:
    fanout = Fanout()
    first = register(fanout)
    _, event = fanout.ended()
    fanout.tell(event)
    second = register(fanout, number=2)

    fanout.tell(event)

    assert targets(fanout) == {first.id, second.id}


def test_an_endpoint_that_nobody_can_read_keeps_no_other_from_its_events() -> None:
    fanout = Fanout()
    poison, healthy = register(fanout), register(fanout, number=2)
    fanout.endpoints.unreadable = {poison.id}
    _, event = fanout.ended()

    assert fanout.tell(event) == []

    assert targets(fanout) == {healthy.id}


def test_a_job_that_is_deleted_since_is_told_to_nobody() -> None:
    fanout = Fanout()
    register(fanout)
    job, event = fanout.ended(callback=CALLBACK)
    fanout.jobs.save(job, job.deleted(NOON))

    assert fanout.tell(event) == []

    assert fanout.made == []
    assert fanout.messages == []


def a_fan_out(cut: Cut) -> tuple[Fanout, Event]:
    """Return a fan-out that has two endpoints and a callback to tell, and is cut once if at all."""
    fanout = Fanout(cut)
    register(fanout)
    register(fanout, number=2)
    _, event = fanout.ended(callback=CALLBACK)
    cut.is_armed = True
    return fanout, event


def points() -> list[Point]:
    cut = Cut()
    fanout, event = a_fan_out(cut)
    fanout.tell(event)
    return cut.met


@pytest.mark.parametrize("point", points(), ids=str)
def test_a_crash_at_any_point_makes_each_delivery_once_and_all_get_their_message(
    point: Point,
) -> None:
    cut = Cut(point, Crash())
    fanout, event = a_fan_out(cut)

    with pytest.raises(Crash):
        fanout.tell(event)
    watched = {hint.id for hint in fanout.wheel.all()}
    made_by_then = {delivery.id for delivery in fanout.made}
    assert fanout.tell(event) == []

    assert made_by_then <= watched
    assert targets(fanout) == {an_endpoint_id(), an_endpoint_id(2), a_job_id()}
    assert all(delivery_message(it) in fanout.messages for it in fanout.made)
    assert len(fanout.made) == 3


def test_each_delivery_to_an_endpoint_is_watched_over() -> None:
    fanout = Fanout()
    endpoint = register(fanout)
    _, event = fanout.ended()

    fanout.tell(event)

    (hint,) = fanout.wheel.all()
    assert (hint.purpose, hint.kind) == (Purpose.WATCH, HintKind.DELIVERY)
    assert (hint.owner, hint.id) == (endpoint.id, delivery_of(event, endpoint, NOON).id)


def test_the_log_never_names_where_it_goes() -> None:
    fanout = Fanout()
    register(fanout, "*", url="https://example.com/canary", metadata={"canary": "canary"})
    _, event = fanout.ended()

    fanout.tell(event)

    assert "canary" not in fanout.log.text
    assert "canary" not in json.dumps(fanout.messages)
