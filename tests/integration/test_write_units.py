import asyncio
import json
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.worker.gate import Hold, Pass
from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore
from relay.adapters.dynamodb_jobs import HOLDER_BYTES, ROW_GROWTH_BYTES, DynamoDBJobStore
from relay.adapters.dynamodb_wheel import DynamoDBWheel
from relay.aws.job_row import to_row
from relay.aws.values import size_of, to_item
from relay.domain.backoff import UNWRITTEN_HOLD_MAX
from relay.domain.content import REQUEST_KEY, Content, Place, inline, result_key
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.ids import TenantId, ulid
from relay.domain.job import Job, JobStatus, StatusReason
from relay.domain.money import Money
from relay.domain.usage import Usage
from relay.domain.wheel import HintKind, watch
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import (
    LEASE_MARGIN,
    SOME_ERROR,
    a_delivery_to,
    a_job,
    a_job_id,
    an_endpoint,
    completed,
)
from tests.fakes.strategies import jobs as any_jobs
from tests.fakes.webhook_sender import answered
from tests.integration.metered_relay import CALLBACK, INTERVAL, KEY, MeteredRelay
from tests.integration.write_meter import UNIT_BYTES, WriteMeter, row_bytes

DICE = FakeDice()  # one for all: two claims must never draw the same


SECOND = timedelta(seconds=1)
TENANT_OF_30_CHARACTERS = TenantId("ten_" + ulid(NOON, bytes(range(10))))
HOLDER = to_item({"holder": bytes(HOLDER_BYTES)})
"""What a claim adds to a row besides: see the store."""
SMALL = replace(a_job(), tenant_id=TENANT_OF_30_CHARACTERS, metadata={"order": "4711"})


def prompt_of_2_kilobytes() -> bytes:
    """Return a chat whose words repeat about as much as words do."""
    chance = random.Random(1)  # noqa: S311 - an example
    words = ["".join(chance.choices("etaoinshrdlu", k=6)) for _ in range(80)]
    prompt = " ".join(chance.choices(words, k=300))
    return json.dumps({"messages": [{"role": "user", "content": prompt}]}).encode()


def test_a_small_job_costs_six_write_units(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)

    before, after = relay.run(relay.submit())
    relay.publish(before, after)

    wheel, submitted, claimed, result, committed, event = relay.meter.units
    assert [wheel, submitted, claimed] == [("W", 1), ("J", 1), ("J", 1)]
    assert [result, committed, event] == [("B", 1), ("J", 1), ("E", 1)]


def test_an_idempotency_key_costs_a_seventh(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)

    before, after = relay.run(relay.submit(KEY))
    relay.publish(before, after)

    assert relay.meter.kinds == "IWJJBJE"
    assert relay.meter.total == 7


def test_a_request_that_comes_again_under_its_key_costs_a_unit_and_makes_nothing(
    cloud: Cloud,
) -> None:
    """DynamoDB charges for a condition that does not hold, too."""
    relay = MeteredRelay(cloud)
    job = relay.submit(KEY)

    assert relay.submit(KEY) == job

    assert relay.meter.units[3:] == [("I", 1)]


def test_a_prompt_of_two_kilobytes_costs_a_row_of_its_own(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)

    before, after = relay.run(relay.submit(body=prompt_of_2_kilobytes()))
    relay.publish(before, after)

    assert relay.meter.kinds == "BWJJBJE"
    assert relay.meter.total == 7


def test_a_job_with_models_to_fall_back_to_costs_no_more(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    models = ("mistral-medium-latest", "open-mistral-nemo", "ministral-8b-latest")

    before, after = relay.run(relay.submit(fallback_models=models, rerun_of=a_job_id(2)))
    relay.publish(before, after)

    assert relay.meter.kinds == "WJJBJE"
    assert relay.meter.total == 6


def test_a_batch_of_ten_costs_one_unit_for_its_leave_to_call(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)

    admission = asyncio.run(relay.gate.admit([False] * 10))

    assert [leave.at for leave in admission.leaves if isinstance(leave, Pass)] == [
        NOON + number * INTERVAL for number in range(10)
    ]
    assert relay.meter.units == [("U", 1)]


def test_a_batch_of_which_some_come_back_costs_two_units_for_its_leave_to_call(
    cloud: Cloud,
) -> None:
    """Those that come back are given more patience, by a reservation of their own."""
    relay = MeteredRelay(cloud)
    asyncio.run(relay.gate.admit([False, True]))  # finds out that the bucket is busy
    found_out = len(relay.meter.units)

    admission = asyncio.run(relay.gate.admit([False, True]))

    assert all(isinstance(leave, Pass) for leave in admission.leaves)
    assert relay.meter.units[found_out:] == [("U", 1)] * 2


def test_parking_a_job_costs_a_hint_and_its_row(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    job = relay.submit()
    submitted = len(relay.meter.units)
    hold = Hold(NOON + timedelta(hours=1), StatusReason.RATE_LIMITED)

    outcome = relay.hold_back(job, hold, receives=1)

    assert outcome.look_again_at is None
    assert relay.meter.units[submitted:] == [("W", 1), ("J", 1)]


def test_a_short_wait_costs_nothing(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    job = relay.submit()
    submitted = len(relay.meter.units)
    hold = Hold(NOON + UNWRITTEN_HOLD_MAX, StatusReason.RATE_LIMITED)

    outcome = relay.hold_back(job, hold, receives=1)

    assert outcome.look_again_at == hold.until
    assert relay.meter.units[submitted:] == []


def test_a_delivery_to_an_endpoint_costs_a_hint_its_row_and_its_place_in_the_index(
    cloud: Cloud,
) -> None:
    client = cloud.dynamodb()
    meter, deliveries = WriteMeter(client, cloud.dynamodb()), DynamoDBDeliveryStore(client, TABLE)
    delivery = a_delivery_to(an_endpoint(), data={"id": "we_1", "metadata": {"order": "4711"}})
    hint = watch(HintKind.DELIVERY, delivery.target_id, delivery.id, NOON)

    DynamoDBWheel(client, TABLE).put([hint])
    deliveries.create(delivery)
    held = deliveries.claim(delivery.target_id, delivery.id, at=NOON, lease=DELIVERY_LEASE)
    deliveries.save(held, held.attempted(answered(200), at=NOON + SECOND, chance=0.5))

    assert meter.units == [("W", 1), ("D", 1), ("d", 1), ("D", 1), ("D", 1)]


def test_a_redelivery_costs_one_unit(cloud: Cloud) -> None:
    client = cloud.dynamodb()
    meter, deliveries = WriteMeter(client, cloud.dynamodb()), DynamoDBDeliveryStore(client, TABLE)
    before = a_delivery_to(an_endpoint()).cancelled(NOON)
    deliveries.create(before)
    made = len(meter.units)

    again = before.reopened(NOON, round_id="1", payload="full", legacy=False)
    deliveries.reopen(before, again, at=NOON)

    assert meter.units[made:] == [("D", 1)]


def test_a_webhook_costs_five_units(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    event = relay.publish(*relay.run(relay.submit(callback=CALLBACK)))
    told = len(relay.meter.units)

    relay.tell(event, 200)

    assert len(relay.sender.posts) == 1
    assert relay.meter.units[told:] == [("W", 1), ("D", 1), ("d", 1), ("D", 1), ("D", 1)]


def test_a_webhook_that_is_tried_again_costs_two_more_and_from_the_third_time_a_hint(
    cloud: Cloud,
) -> None:
    relay = MeteredRelay(cloud)
    event = relay.publish(*relay.run(relay.submit(callback=CALLBACK)))
    told = len(relay.meter.units)

    relay.tell(event, 500, 500, 500, 200)

    assert len(relay.sender.posts) == 4
    assert relay.meter.kinds[told:] == "WDd" + "DD" + "DD" + "DWD" + "DD"
    assert {cost for _, cost in relay.meter.units[told:]} == {1}


def test_deleting_a_job_costs_its_tombstone_and_each_row_of_its_content(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    _, ended = relay.run(relay.submit(body=prompt_of_2_kilobytes()))
    run = len(relay.meter.units)

    relay.jobs.save(ended, ended.deleted(NOON))
    relay.contents.purge(ended)

    assert relay.meter.units[run:] == [("J", 1), ("B", 1), ("B", 1)]


def test_discarding_a_result_costs_a_unit(cloud: Cloud) -> None:
    relay = MeteredRelay(cloud)
    _, ended = relay.run(relay.submit())
    run = len(relay.meter.units)
    assert ended.result is not None

    relay.contents.discard(ended, ended.result)

    assert relay.meter.units[run:] == [("B", 1)]


@given(any_jobs())
def test_our_count_of_a_rows_bytes_agrees_with_dynamodbs_rule(job: Job) -> None:
    """But for the pairs that digits stand in, which may cost a number one byte more."""
    row = to_row(job)
    numbers = len(json.dumps(row, default=str).split('"N"'))

    assert 0 <= row_bytes(row) - size_of(row) <= numbers


_LATER_FIELDS = (
    *("status_reason", "ready_at", "started_at", "finished_at", "lease_until", "result"),
    *("model_used", "error", "last_error", "usage", "cost", "deleted_at"),
)


@st.composite
def fresh_jobs(draw: st.DrawFn) -> Job:
    """Return a job as it is submitted, its request inline and as large as has room."""
    job = draw(any_jobs())
    nothing_yet: dict[str, Any] = dict.fromkeys(_LATER_FIELDS)
    fresh = replace(
        job,
        **nothing_yet,
        created_at=NOON,
        changed_at=NOON,
        deadline=NOON + timedelta(hours=24),
        purge_at=NOON + timedelta(days=30),
        request=inline(REQUEST_KEY, b""),
        status=JobStatus.QUEUED,
        version=1,
        fence=0,
        attempts=0,
        told_again=0,
    )
    room = UNIT_BYTES - ROW_GROWTH_BYTES - size_of(to_row(fresh))
    packed = draw(st.binary(min_size=max(room - 20, 0), max_size=max(room, 0)))
    return replace(fresh, request=replace(fresh.request, inline=packed))


def largest_end_of(claimed: Job) -> Job:
    """Return the completion that makes a row grow most, names and counts being what they are."""
    count = 999_999_999
    return completed(
        claimed,
        result=Content(place=Place.OBJECT, key=result_key(claimed.fence), size_bytes=33_554_431),
        model_used="m" * 64,
        usage=Usage(
            prompt_tokens=count,
            completion_tokens=count,
            total_tokens=count,
            cached_tokens=count,
            pages_processed=count,
        ),
        cost=Money(Decimal("1234.567891")),
    )


@given(job=fresh_jobs())
def test_a_job_with_room_stays_within_one_write_unit_until_it_is_completed(job: Job) -> None:
    store = DynamoDBJobStore(Cloud().dynamodb(), TABLE, DICE)
    if not store.has_room_for(job):
        return
    claimed = job.claimed(NOON + SECOND, LEASE_MARGIN)
    ended = largest_end_of(claimed)

    assert row_bytes(to_row(job)) <= UNIT_BYTES
    assert row_bytes(to_row(claimed) | HOLDER) <= UNIT_BYTES
    assert row_bytes(to_row(ended) | HOLDER) <= UNIT_BYTES


def test_the_room_that_is_kept_free_is_what_a_row_gains_and_little_more() -> None:
    claimed = replace(SMALL, fence=99).claimed(NOON + timedelta(milliseconds=1234), LEASE_MARGIN)

    gain = row_bytes(to_row(largest_end_of(claimed)) | HOLDER) - size_of(to_row(SMALL))

    assert ROW_GROWTH_BYTES - 16 <= gain <= ROW_GROWTH_BYTES, gain


def test_a_job_that_just_has_room_costs_one_unit_with_each_write(cloud: Cloud) -> None:
    """The holder that a claim puts into a row was left out of the reckoning once."""
    client = cloud.dynamodb()
    meter, store = WriteMeter(client, cloud.dynamodb()), DynamoDBJobStore(client, TABLE, DICE)
    job = fullest(replace(SMALL, fence=98, version=98), store)
    at = NOON + timedelta(milliseconds=1234)

    store.submit(job)
    claimed = store.claim(job.tenant_id, job.id, at=at, lease_margin=LEASE_MARGIN)
    store.save(claimed, largest_end_of(claimed))

    assert meter.units == [("J", 1)] * 3


def fullest(job: Job, store: DynamoDBJobStore) -> Job:
    """Return the job with the largest request that has room."""
    sizes = range(1, UNIT_BYTES)
    requests = (replace(job.request, inline=bytes(size)) for size in sizes)
    return max(
        (it for request in requests if store.has_room_for(it := replace(job, request=request))),
        key=lambda it: len(it.request.inline or b""),
    )


def test_a_released_job_may_outgrow_its_unit_by_its_error_but_ends_within_it() -> None:
    claimed = SMALL.claimed(NOON, LEASE_MARGIN)
    error = replace(SOME_ERROR, message="e" * 500)
    released = claimed.released(
        NOON, ready_at=NOON, reason=StatusReason.RETRYING, error=error, attempts=1
    )
    again = released.claimed(NOON, LEASE_MARGIN)

    assert row_bytes(to_row(released)) > UNIT_BYTES
    assert row_bytes(to_row(largest_end_of(again))) <= UNIT_BYTES
