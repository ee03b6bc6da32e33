import json
from datetime import timedelta

import pytest

from relay.domain.delivery import DeliveryStatus, delivery_id
from relay.domain.event import event_of
from relay.domain.ids import is_id
from relay.domain.job import Callback
from relay.domain.messages import delivery_message
from relay.domain.wheel import HintKind, Purpose
from tests.fakes.clock import NOON
from tests.fakes.events import as_told
from tests.fakes.examples import (
    LEASE_MARGIN,
    OTHER_TENANT,
    TENANT,
    a_completed_job,
    a_job,
    a_job_id,
    an_event,
)
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.fanout_on_fakes import Fanout
from tests.unit.functions.sample_events import failures, sample

CALLBACK = Callback(url="https://example.com/hooks", payload="thin", legacy_signature=True)


def test_a_job_with_a_callback_makes_one_delivery_and_one_message() -> None:
    fanout = Fanout()
    job, event = fanout.ended(callback=CALLBACK)

    assert fanout.tell(event) == []

    (delivery,) = fanout.made
    assert fanout.messages == [delivery_message(delivery)]
    assert fanout.queue.messages[0].group == TENANT
    assert is_id(delivery.id, "dlv")
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.tenant_id == TENANT
    assert delivery.target_id == delivery.job_id == job.id
    assert delivery.event_id == event.id
    assert delivery.event_type == "job.completed"
    assert delivery.sequence == event.sequence
    assert delivery.occurred_at == event.occurred_at
    assert delivery.url == CALLBACK.url
    assert delivery.payload == "thin"
    assert delivery.legacy_signature
    assert delivery.next_attempt_at == NOON
    assert delivery.purge_at == job.purge_at


def test_an_event_that_is_told_twice_makes_one_delivery() -> None:
    fanout = Fanout()
    _, event = fanout.ended(callback=CALLBACK)

    fanout.tell(event, event)
    fanout.tell(event)

    assert len(fanout.made) == 1


def test_a_delivery_that_was_kept_before_its_message_was_lost_gets_one_after_all() -> None:
    outage = Trouble("deliveries.send_all", times=1)
    fanout = Fanout(outage)
    _, event = fanout.ended(callback=CALLBACK)

    assert fanout.tell(event) == ["m1"]
    assert fanout.messages == []
    assert fanout.tell(event) == []

    assert len(fanout.made) == 1
    assert fanout.messages == [delivery_message(fanout.made[0])]


def test_a_delivery_that_is_under_way_is_not_set_back_by_its_event_coming_again() -> None:
    fanout = Fanout()
    _, event = fanout.ended(callback=CALLBACK)
    fanout.tell(event)
    (delivery,) = fanout.made
    given_up = delivery.cancelled(NOON)
    fanout.deliveries.save(
        fanout.deliveries.claim(delivery.target_id, delivery.id, at=NOON, lease=LEASE_MARGIN),
        given_up,
    )

    fanout.tell(event)

    assert fanout.made == [given_up]


def test_two_events_of_one_job_make_two_deliveries() -> None:
    fanout = Fanout()
    queued = a_job(callback=CALLBACK, notify_started=True)
    started = event_of(queued, queued.claimed(NOON, LEASE_MARGIN))
    assert started is not None
    _, completed = fanout.ended(callback=CALLBACK, notify_started=True)

    fanout.tell(started, completed)

    assert [delivery.event_type for delivery in fanout.made] == ["job.started", "job.completed"]
    assert len(fanout.messages) == 2


def test_a_job_without_a_callback_makes_nothing() -> None:
    fanout = Fanout()
    _, event = fanout.ended()

    assert fanout.tell(event) == []

    assert fanout.made == []
    assert fanout.messages == []


def test_a_job_that_is_gone_makes_nothing() -> None:
    fanout = Fanout()

    assert fanout.tell(an_event()) == []

    assert fanout.made == []


def test_a_job_of_another_tenant_is_not_there() -> None:
    fanout = Fanout()
    fanout.ended(callback=CALLBACK, tenant_id=OTHER_TENANT)

    assert fanout.tell(an_event()) == []

    assert fanout.made == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("canary", id="not JSON"),
        pytest.param("{}", id="no detail"),
        pytest.param('{"detail":{"id":"evt_1","type":"job.completed"}}', id="half an event"),
        pytest.param('{"detail":"canary"}', id="a text for a detail"),
    ],
)
def test_a_message_that_cannot_be_read_is_reported_and_the_others_are_done(body: str) -> None:
    fanout = Fanout()
    _, event = fanout.ended(callback=CALLBACK)

    answer = fanout.handle_records(body, json.dumps(as_told(event)))

    assert failures(answer) == ["m1"]
    assert len(fanout.made) == 1
    (line,) = fanout.log.named("event.not_fanned_out")
    assert line["error_type"]
    assert "canary" not in fanout.log.text


def test_a_delivery_is_watched_over_before_it_is_there() -> None:
    fanout = Fanout(Trouble("deliveries.create", Crash()))
    job, event = fanout.ended(callback=CALLBACK)

    with pytest.raises(Crash):
        fanout.tell(event)

    (hint,) = fanout.wheel.all()
    assert fanout.made == []
    assert (hint.purpose, hint.kind, hint.owner) == (Purpose.WATCH, HintKind.DELIVERY, job.id)
    assert hint.id == delivery_id(event.id, job.id, event.occurred_at)
    assert timedelta(minutes=2) <= hint.at - NOON <= timedelta(minutes=5)


@pytest.mark.parametrize("call", ["wheel.put", "deliveries.create", "deliveries.send_all"])
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_point_makes_one_delivery_in_the_end(call: str, is_after: bool) -> None:  # noqa: FBT001 - pytest passes it
    fanout = Fanout(Trouble(call, Crash(), is_after=is_after, times=1))
    _, event = fanout.ended(callback=CALLBACK)

    with pytest.raises(Crash):
        fanout.tell(event)
    assert fanout.tell(event) == []

    (delivery,) = fanout.made
    assert delivery_message(delivery) in fanout.messages
    assert {hint.id for hint in fanout.wheel.all()} == {delivery.id}


def test_a_job_that_makes_nothing_is_not_watched_over() -> None:
    fanout = Fanout()
    _, event = fanout.ended()

    fanout.tell(event, an_event(a_completed_job(id=a_job_id(2))))

    assert fanout.wheel.all() == []


@pytest.mark.parametrize(
    "call", ["jobs.get", "endpoints.of_tenant", "wheel.put", "deliveries.create"]
)
def test_an_outage_brings_the_message_back_and_nothing_is_lost(call: str) -> None:
    fanout = Fanout(Trouble(call, times=1))
    _, event = fanout.ended(callback=CALLBACK)

    assert fanout.tell(event) == ["m1"]
    assert fanout.tell(event) == []

    assert len(fanout.made) == len(fanout.messages) == 1


def test_one_event_s_outage_does_not_touch_the_others() -> None:
    fanout = Fanout(Trouble("jobs.get", times=1))
    _, first = fanout.ended(callback=CALLBACK)
    _, second = fanout.ended(callback=CALLBACK, id=a_job_id(2))

    assert fanout.tell(first, second) == ["m1"]

    assert [delivery.job_id for delivery in fanout.made] == [a_job_id(2)]


def test_the_sample_event_makes_a_delivery() -> None:
    fanout = Fanout()
    fanout.ended(callback=CALLBACK)

    assert failures(fanout.handle(sample("fanout_events"), FakeLambdaContext())) == []

    assert len(fanout.made) == 1


def test_the_log_names_the_event_and_never_where_it_goes() -> None:
    fanout = Fanout()
    _, event = fanout.ended(callback=Callback(url="https://example.com/canary"))

    fanout.tell(event)

    (line,) = fanout.log.named("event.fanned_out")
    assert line["event_id"] == event.id
    assert line["records"] == 1
    assert "canary" not in fanout.log.text
    assert "canary" not in json.dumps(fanout.messages)
