import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given

from relay.domain.circuit import Circuit
from relay.domain.event import (
    Event,
    envelope,
    event_of,
    event_of_circuit,
    job_as_of,
    submission_rejected,
)
from relay.domain.event_types import JOB_STARTED
from relay.domain.ids import is_id
from relay.domain.job import Job, JobStatus, StatusReason, Submission
from relay.domain.job_view import thin_view
from relay.domain.money import Money
from relay.domain.usage import Usage
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_job,
    completed,
)
from tests.fakes.strategies import jobs

queued = a_job()
told = a_job(notify_started=True)
held = queued.claimed(NOON, LEASE_MARGIN)
told_held = told.claimed(NOON, LEASE_MARGIN)


def released(job: Job) -> Job:
    return job.released(
        NOON, ready_at=NOON, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=1
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        pytest.param(None, queued, None, id="submitted"),
        pytest.param(queued, held, None, id="started untold"),
        pytest.param(told, told_held, "job.started", id="started"),
        pytest.param(
            released(told_held), released(told_held).claimed(NOON, LEASE_MARGIN), None, id="again"
        ),
        pytest.param(held, released(held), None, id="released"),
        pytest.param(held, completed(held), "job.completed", id="completed"),
        pytest.param(
            held, held.failed(NOON, error=SOME_ERROR, attempts=1), "job.failed", id="failed"
        ),
        pytest.param(held, held.expired(NOON), "job.expired", id="expired"),
        pytest.param(
            queued,
            replace(queued, status=JobStatus.CANCELLED, finished_at=NOON, version=2),
            "job.cancelled",
            id="cancelled",
        ),
        pytest.param(
            held,
            replace(held, status=JobStatus.REQUIRES_ACTION, lease_until=None, version=3),
            "job.requires_action",
            id="paused",
        ),
        pytest.param(completed(held), completed(held), None, id="a mark on the row"),
    ],
)
def test_a_change_makes_the_event_that_the_contract_names(
    before: Job | None, after: Job, kind: str | None
) -> None:
    event = event_of(before, after)

    assert (event.type if event else None) == kind


def the_event(before: Job | None, after: Job) -> Event:
    event = event_of(before, after)
    assert event is not None
    return event


@given(jobs())
def test_a_change_read_twice_is_one_event(job: Job) -> None:
    assert event_of(None, job) == event_of(None, job)


def test_two_ends_of_one_job_would_be_two_events() -> None:
    one = the_event(held, completed(held))
    other = the_event(held, held.failed(NOON, error=SOME_ERROR, attempts=1))

    assert one.id != other.id
    assert is_id(one.id, "evt")


def test_an_event_is_a_snapshot_of_its_change() -> None:
    job = a_completed_job()

    event = the_event(None, job)

    assert (event.resource_id, event.tenant_id) == (job.id, job.tenant_id)
    assert (event.occurred_at, event.sequence) == (job.changed_at, job.version)
    assert event.data == thin_view(job)
    assert (event.model, event.usage, event.cost) == (job.model_used, job.usage, job.cost)
    assert event.purge_at == job.purge_at


def test_an_event_of_an_unanswered_job_is_of_the_model_that_was_asked_for() -> None:
    assert the_event(None, held.expired(NOON)).model == "mistral-small-latest"


def test_the_envelope_is_the_contracts() -> None:
    event = the_event(held, completed(held))

    told = envelope(
        event.id,
        event.type,
        occurred_at=event.occurred_at,
        sequence=event.sequence,
        data={"id": event.resource_id},
    )

    assert json.loads(json.dumps(told)) == {
        "id": event.id,
        "type": "job.completed",
        "timestamp": "2026-11-21T12:00:01.000Z",
        "api_version": "v1",
        "sequence": 3,
        "data": {"id": event.resource_id},
    }


def test_a_job_that_has_ended_is_wound_back_to_its_start() -> None:
    started = told.claimed(NOON + timedelta(seconds=2), LEASE_MARGIN)

    wound_back = job_as_of(completed(started), JOB_STARTED, started.version)

    assert wound_back == replace(
        started, lease_until=started.started_at, changed_at=started.changed_at
    )


def test_a_job_needs_no_winding_back_to_its_end() -> None:
    job = a_completed_job()

    assert job_as_of(job, "job.completed", job.version) is job


@given(jobs())
def test_any_job_that_is_not_deleted_can_be_wound_back_to_its_start(job: Job) -> None:
    kept = replace(job, deleted_at=None)

    assert job_as_of(kept, JOB_STARTED, 2).status is JobStatus.IN_PROGRESS


def test_a_deleted_job_tells_nothing_any_more() -> None:
    deleted = a_completed_job().deleted(NOON)

    assert event_of(None, deleted) is None
    assert event_of(a_completed_job(), deleted) is None
    assert event_of(deleted, deleted.asked_to_tell_again()) is None


def test_an_end_that_is_asked_for_anew_is_the_same_event() -> None:
    ended = a_completed_job()

    again = event_of(ended, ended.asked_to_tell_again())

    assert again == the_event(None, ended)


def test_what_a_cancelled_call_used_is_noted_and_not_told() -> None:
    cancelled = held.cancelled(NOON)

    noted = cancelled.spent_on(Usage(total_tokens=14), Money(Decimal("0.1")))

    assert event_of(cancelled, noted) is None
    assert the_event(None, noted).id == the_event(held, cancelled).id


blocked = Circuit().opened(NOON, StatusReason.INVALID_API_KEY)


def test_the_opening_of_the_circuit_is_told_to_the_operator() -> None:
    event = event_of_circuit(Circuit(), blocked)

    assert event is not None
    assert is_id(event.id, "evt")
    assert (event.type, event.tenant_id, event.resource_id) == (
        "upstream.blocked",
        "operator",
        "mistral",
    )
    assert (event.occurred_at, event.sequence) == (NOON, 1)
    assert event.purge_at == NOON + timedelta(days=30)
    assert event.data == {
        "id": "mistral",
        "object": "upstream",
        "tenant_id": "operator",
        "status": "blocked",
        "status_reason": "invalid_api_key",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, Circuit(), id="never opened"),
        pytest.param(blocked, blocked.probed(NOON), id="probed"),
        pytest.param(blocked, blocked.opened(NOON, StatusReason.INVALID_API_KEY), id="in vain"),
        pytest.param(blocked, blocked.closed(NOON), id="closed"),
        pytest.param(None, blocked.closed(NOON), id="closed, and nothing known of before"),
    ],
)
def test_no_other_change_of_the_circuit_is_told(before: Circuit | None, after: Circuit) -> None:
    assert event_of_circuit(before, after) is None


def test_a_circuit_that_opens_again_or_for_another_reason_is_another_event() -> None:
    opened_again = blocked.closed(NOON).opened(NOON, StatusReason.INVALID_API_KEY)
    other_reason = blocked.opened(NOON, StatusReason.INSUFFICIENT_CREDITS)

    events = [
        event_of_circuit(before, after)
        for before, after in [
            (Circuit(), blocked),
            (blocked.closed(NOON), opened_again),
            (blocked, other_reason),
        ]
    ]

    assert [event.sequence for event in events if event] == [1, 3, 2]
    assert len({event.id for event in events if event}) == 3


def test_the_opening_is_one_event_however_often_and_with_whatever_it_is_read() -> None:
    assert event_of_circuit(None, blocked) == event_of_circuit(Circuit(), blocked)


def rejected(reason: str = "it is not JSON", sent_at: datetime = NOON) -> Event:
    return submission_rejected(
        TENANT,
        Submission(source="sqs", message_id="message-1", idempotency_key="order-4711"),
        reason=reason,
        at=sent_at,
        purge_at=NOON + timedelta(days=30),
    )


def test_a_refused_message_is_told_by_the_id_that_its_producer_knows() -> None:
    event = rejected()

    assert is_id(event.id, "evt")
    assert (event.type, event.tenant_id, event.resource_id) == (
        "submission.rejected",
        TENANT,
        "message-1",
    )
    assert event.data == {
        "id": "message-1",
        "object": "submission",
        "tenant_id": TENANT,
        "status": "rejected",
        "reason": "it is not JSON",
        "submission": {
            "source": "sqs",
            "message_id": "message-1",
            "idempotency_key": "order-4711",
        },
    }
    assert not event.is_of_job


def test_a_message_that_is_refused_twice_is_one_event_and_its_redrive_another() -> None:
    redriven_at = NOON + timedelta(hours=1)

    assert rejected(reason="one").id == rejected(reason="another").id
    assert rejected().id != rejected(sent_at=redriven_at).id
