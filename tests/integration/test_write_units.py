import json
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from relay.adapters.content_store import AwsContentStore
from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.adapters.dynamodb_jobs import ROW_GROWTH_BYTES, DynamoDBJobStore
from relay.aws.job_row import to_row
from relay.aws.values import size_of
from relay.domain.content import REQUEST_KEY, Content, Place, inline, result_key
from relay.domain.event import event_of
from relay.domain.ids import TenantId, ulid
from relay.domain.job import Job, JobStatus, StatusReason
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.cloud import BUCKET, TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import BODY, LEASE_MARGIN, SOME_ERROR, a_job, completed
from tests.fakes.mistral import chat_answer
from tests.fakes.strategies import jobs as any_jobs
from tests.integration.write_meter import UNIT_BYTES, WriteMeter, row_bytes

DICE = FakeDice()  # one for all: two claims must never draw the same


SECOND = timedelta(seconds=1)
TENANT_OF_30_CHARACTERS = TenantId("ten_" + ulid(NOON, bytes(range(10))))
SMALL = replace(a_job(), tenant_id=TENANT_OF_30_CHARACTERS, metadata={"order": "4711"})


def prompt_of_2_kilobytes() -> bytes:
    """Return a chat whose words repeat about as much as words do."""
    chance = random.Random(1)  # noqa: S311 - an example
    words = ["".join(chance.choices("etaoinshrdlu", k=6)) for _ in range(80)]
    prompt = " ".join(chance.choices(words, k=300))
    return json.dumps({"messages": [{"role": "user", "content": prompt}]}).encode()


def live(cloud: Cloud, job: Job, request: bytes) -> WriteMeter:
    """Lead a job through its life as the functions do, and return what that cost."""
    client = cloud.dynamodb()
    meter = WriteMeter(client, cloud.dynamodb())
    jobs = DynamoDBJobStore(client, TABLE, DICE)
    contents = AwsContentStore(client, TABLE, cloud.s3, BUCKET)

    job = replace(job, request=inline(REQUEST_KEY, request))
    if not jobs.has_room_for(job):
        job = replace(job, request=contents.put(job, REQUEST_KEY, request))
    jobs.submit(job)
    claimed = jobs.claim(job.tenant_id, job.id, at=NOON, lease_margin=LEASE_MARGIN)
    result = contents.put(job, result_key(claimed.fence), chat_answer("Hello! " * 40).body)
    after = completed(claimed, result=result)
    jobs.save(claimed, after)
    event = event_of(claimed, after)
    assert event is not None
    DynamoDBEventStore(client, TABLE).put([event])
    return meter


def test_a_small_job_costs_six_write_units(cloud: Cloud) -> None:
    meter = live(cloud, SMALL, BODY)

    wheel, submitted, claimed, result, committed, event = meter.units
    assert [wheel, submitted, claimed] == [("W", 1), ("J", 1), ("J", 1)]
    assert [result, committed, event] == [("B", 1), ("J", 1), ("E", 1)]


def test_a_prompt_of_two_kilobytes_costs_a_row_of_its_own(cloud: Cloud) -> None:
    meter = live(cloud, SMALL, prompt_of_2_kilobytes())

    assert [kind for kind, _ in meter.units] == ["B", "W", "J", "J", "B", "J", "E"]
    assert meter.total == 7


@given(any_jobs())
def test_our_count_of_a_rows_bytes_agrees_with_dynamodbs_rule(job: Job) -> None:
    """But for the pairs that digits stand in, which may cost a number one byte more."""
    row = to_row(job)
    numbers = len(json.dumps(row, default=str).split('"N"'))

    assert 0 <= row_bytes(row) - size_of(row) <= numbers


_LATER_FIELDS = (
    *("status_reason", "ready_at", "started_at", "finished_at", "lease_until", "result"),
    *("model_used", "error", "last_error", "usage", "cost"),
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
    assert row_bytes(to_row(claimed)) <= UNIT_BYTES
    assert row_bytes(to_row(ended)) <= UNIT_BYTES


def test_the_room_that_is_kept_free_is_what_a_row_gains_and_little_more() -> None:
    claimed = replace(SMALL, fence=99).claimed(NOON + timedelta(milliseconds=1234), LEASE_MARGIN)

    gain = row_bytes(to_row(largest_end_of(claimed))) - size_of(to_row(SMALL))

    assert ROW_GROWTH_BYTES - 16 <= gain <= ROW_GROWTH_BYTES, gain


def test_a_released_job_may_outgrow_its_unit_by_its_error_but_ends_within_it() -> None:
    claimed = SMALL.claimed(NOON, LEASE_MARGIN)
    error = replace(SOME_ERROR, message="e" * 500)
    released = claimed.released(
        NOON, ready_at=NOON, reason=StatusReason.RETRYING, error=error, attempts=1
    )
    again = released.claimed(NOON, LEASE_MARGIN)

    assert row_bytes(to_row(released)) > UNIT_BYTES
    assert row_bytes(to_row(largest_end_of(again))) <= UNIT_BYTES
