import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from relay.domain.event import STARTED, Event, envelope, event_of, job_as_of
from relay.domain.ids import is_id
from relay.domain.job import Job, JobStatus, StatusReason
from relay.domain.job_view import thin_view
from tests.fakes.clock import NOON
from tests.fakes.examples import LEASE_MARGIN, SOME_ERROR, a_completed_job, a_job, completed
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

    assert json.loads(json.dumps(envelope(event, {"id": event.resource_id}))) == {
        "id": event.id,
        "type": "job.completed",
        "timestamp": "2026-11-21T12:00:01.000Z",
        "api_version": "v1",
        "sequence": 3,
        "data": {"id": event.resource_id},
    }


def test_a_job_that_has_ended_is_wound_back_to_its_start() -> None:
    started = told.claimed(NOON + timedelta(seconds=2), LEASE_MARGIN)

    wound_back = job_as_of(completed(started), STARTED, started.version)

    assert wound_back == replace(
        started, lease_until=started.started_at, changed_at=started.changed_at
    )


def test_a_job_needs_no_winding_back_to_its_end() -> None:
    job = a_completed_job()

    assert job_as_of(job, "job.completed", job.version) is job


@given(jobs())
def test_any_job_can_be_wound_back_to_its_start(job: Job) -> None:
    assert job_as_of(job, STARTED, 2).status is JobStatus.IN_PROGRESS
