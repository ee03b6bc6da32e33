import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.errors import UnavailableError
from relay.domain.event import Event
from relay.domain.job import Job, StatusReason
from tests.fakes.changes import JobChange
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_job,
    a_job_id,
    completed,
)
from tests.fakes.table_stream import stream_event
from tests.fakes.trouble import Trouble
from tests.unit.functions.publisher_on_fakes import Publisher
from tests.unit.functions.sample_events import failures, sample

CLAIMED = a_job().claimed(NOON, LEASE_MARGIN)
LATER = NOON + timedelta(seconds=1)


def ending(number: int = 1) -> JobChange:
    """Return the change that completes one of several jobs."""
    claimed = a_job(id=a_job_id(number)).claimed(NOON, LEASE_MARGIN)
    return JobChange(claimed, completed(claimed))


def released(job: Job) -> Job:
    return job.released(
        LATER, ready_at=LATER, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=0
    )


def sequence_number(position: int) -> str:
    number: str = stream_event([ending()] * position)["Records"][-1]["dynamodb"]["SequenceNumber"]
    return number


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (completed(CLAIMED), "job.completed"),
        (CLAIMED.failed(LATER, error=SOME_ERROR, attempts=1), "job.failed"),
        (CLAIMED.expired(LATER), "job.expired"),
    ],
)
def test_every_end_of_a_job_is_told_once(after: Job, kind: str) -> None:
    publisher = Publisher()

    assert publisher.publish(JobChange(CLAIMED, after)) == []

    (event,) = publisher.bus.taken
    assert event.type == kind
    assert event.resource_id == after.id
    assert event.tenant_id == TENANT
    assert event.sequence == after.version
    assert event.occurred_at == after.changed_at
    assert event.data["status"] == after.status
    assert publisher.events.all() == [event]


def test_what_a_job_used_is_kept_with_its_event_and_not_told() -> None:
    publisher = Publisher()
    job = completed(CLAIMED)

    publisher.publish(JobChange(CLAIMED, job))

    (kept,) = publisher.events.all()
    assert kept.usage == job.usage
    assert kept.cost == job.cost
    assert kept.model == job.model_used
    assert kept.purge_at == job.purge_at
    assert "usage" not in publisher.bus.taken[0].data


def test_what_is_told_is_thin() -> None:
    publisher = Publisher()
    claimed = a_job(metadata={"order": "4711"}).claimed(NOON, LEASE_MARGIN)

    publisher.publish(JobChange(claimed, completed(claimed)))

    assert publisher.bus.taken[0].data == {
        "id": a_job_id(),
        "object": "job",
        "tenant_id": TENANT,
        "status": "completed",
        "status_reason": None,
        "rerun_of": None,
        "batch_id": None,
        "submission": {"source": "http", "message_id": None, "idempotency_key": None},
        "metadata": {"order": "4711"},
    }


def test_a_change_that_comes_again_is_told_again_under_the_same_id() -> None:
    publisher = Publisher()

    publisher.publish(ending())
    publisher.publish(ending())

    first, second = publisher.bus.taken
    assert first == second
    assert len(publisher.events.all()) == 1


def test_two_jobs_that_end_have_two_ids() -> None:
    publisher = Publisher()

    publisher.publish(ending(1), ending(2))

    first, second = publisher.bus.taken
    assert first.id != second.id


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(JobChange(None, a_job()), id="submitted"),
        pytest.param(JobChange(a_job(), CLAIMED), id="claimed"),
        pytest.param(JobChange(CLAIMED, released(CLAIMED)), id="released"),
        pytest.param(
            JobChange(a_completed_job(), a_completed_job(metadata={"a": "b"})),
            id="a mark on a row that had ended",
        ),
    ],
)
def test_what_is_no_end_is_not_told(change: JobChange) -> None:
    publisher = Publisher()

    assert publisher.publish(change) == []

    assert publisher.told == []
    assert publisher.unpublished.messages == []


def test_a_start_is_told_only_of_a_job_that_asks_for_it() -> None:
    asking = a_job(notify_started=True)
    publisher = Publisher()

    publisher.publish(JobChange(asking, asking.claimed(NOON, LEASE_MARGIN)))
    publisher.publish(JobChange(a_job(), CLAIMED))

    assert publisher.told == ["job.started"]


def test_only_the_first_start_is_told() -> None:
    job = a_job(notify_started=True)
    first = job.claimed(NOON, LEASE_MARGIN)
    waiting = released(first)
    second = waiting.claimed(LATER, LEASE_MARGIN)
    publisher = Publisher()

    publisher.publish(
        JobChange(job, first),
        JobChange(first, waiting),
        JobChange(waiting, second),
        JobChange(second, completed(second)),
    )

    assert publisher.told == ["job.started", "job.completed"]
    assert publisher.bus.taken[0].sequence < publisher.bus.taken[1].sequence


def test_a_row_that_is_removed_is_no_event() -> None:
    publisher = Publisher()
    (record,) = stream_event([ending()])["Records"]
    change = record["dynamodb"]
    change["OldImage"] = change.pop("NewImage")
    record |= {
        "eventName": "REMOVE",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
    }

    assert publisher.publish_records([record]) == []

    assert publisher.told == []
    assert publisher.unpublished.messages == []


@pytest.mark.parametrize("pk", ["E#ten_1#0", "D#job_1", "B#job_1", "K#0123", "W#202611211200"])
def test_rows_that_are_no_jobs_are_none_of_its_business(pk: str) -> None:
    """The stream's filter leaves them out on AWS, but not everywhere that this runs."""
    row = {"pk": {"S": pk}, "sk": {"S": "x"}, "status": {"S": "completed"}}
    change = {"Keys": {"pk": row["pk"], "sk": row["sk"]}, "NewImage": row, "SequenceNumber": "7"}
    publisher = Publisher()

    assert publisher.publish_records([{"eventName": "INSERT", "dynamodb": change}]) == []

    assert publisher.told == []
    assert publisher.unpublished.messages == []


def test_what_the_bus_refuses_is_tried_again_after_a_pause() -> None:
    refusals = 2

    def refuses(_: Event) -> bool:
        nonlocal refusals
        refusals -= 1
        return refusals >= 0

    publisher = Publisher(refuses=refuses)

    assert publisher.publish(ending()) == []

    assert publisher.told == ["job.completed"]
    assert timedelta(0) < publisher.clock.at - NOON <= timedelta(seconds=4)


def test_the_stream_goes_on_from_the_first_event_that_the_bus_would_not_take() -> None:
    publisher = Publisher(refuses=lambda event: event.resource_id in (a_job_id(2), a_job_id(4)))

    retry_from = publisher.publish(ending(1), ending(2), ending(3), ending(4))

    assert retry_from == [sequence_number(2)]
    assert [event.resource_id for event in publisher.bus.taken] == [a_job_id(1), a_job_id(3)]


def test_only_events_that_the_bus_took_are_kept() -> None:
    publisher = Publisher(refuses=lambda event: event.resource_id == a_job_id(2))

    publisher.publish(ending(1), ending(2))

    assert [event.resource_id for event in publisher.events.all()] == [a_job_id(1)]


def test_a_change_that_is_none_of_its_business_is_not_where_the_stream_goes_on() -> None:
    publisher = Publisher(refuses=lambda _: True)

    assert publisher.publish(JobChange(None, a_job()), ending()) == [sequence_number(2)]


@pytest.mark.parametrize("call", ["bus.put", "events.put"])
def test_an_outage_brings_the_whole_batch_again(call: str) -> None:
    outage = Trouble(call)
    publisher = Publisher(seam=outage)

    with pytest.raises(UnavailableError):
        publisher.publish(ending())
    outage.end()
    publisher.publish(ending())

    assert set(publisher.told) == {"job.completed"}
    assert len({event.id for event in publisher.bus.taken}) == 1
    assert len(publisher.events.all()) == 1


def poisoned(number: int) -> dict[str, Any]:
    """Return a record whose row no code of ours could have written."""
    (record,) = stream_event([ending(number)])["Records"]
    record["dynamodb"]["NewImage"]["status"] = {"S": "canary-status"}
    poisoned_record: dict[str, Any] = record
    return poisoned_record


def test_a_record_that_cannot_be_read_is_parked_with_its_key_and_holds_up_nobody() -> None:
    publisher = Publisher()
    (before,) = stream_event([ending(1)])["Records"]
    (behind,) = stream_event([ending(3)])["Records"]

    assert publisher.publish_records([before, poisoned(2), behind]) == []

    assert [event.resource_id for event in publisher.bus.taken] == [a_job_id(1), a_job_id(3)]
    (parked,) = publisher.unpublished.messages
    assert json.loads(parked.body) == {
        "pk": f"J#{TENANT}#2",
        "sk": a_job_id(2),
        "reason": "ValueError",
        "sequence_number": "000000000000000000001",
    }


def test_neither_the_dead_letter_nor_the_log_tells_what_a_parked_row_holds() -> None:
    publisher = Publisher()

    publisher.publish_records([poisoned(1)])

    (line,) = publisher.log.named("change.parked")
    assert line["error_type"] == "ValueError"
    assert line["job_id"] == a_job_id(1)
    assert "canary" not in publisher.log.text
    assert "canary" not in publisher.unpublished.messages[0].body


def test_a_record_that_cannot_be_parked_brings_the_batch_again() -> None:
    publisher = Publisher(seam=Trouble("unpublished.send"))

    with pytest.raises(UnavailableError):
        publisher.publish_records([poisoned(1)])


def test_an_empty_batch_is_no_error() -> None:
    assert Publisher().publish() == []


def test_the_sample_event_tells_an_end_and_a_start() -> None:
    publisher = Publisher()

    assert failures(publisher.handle(sample("publisher_changes"), None)) == []

    assert publisher.told == ["job.completed", "job.started"]


def test_each_event_has_a_line_that_names_it() -> None:
    publisher = Publisher()

    publisher.publish(ending(1), ending(2))

    first, _ = publisher.log.named("event.published")
    assert first["event_id"] == publisher.bus.taken[0].id
    assert first["event_type"] == "job.completed"
    assert first["job_id"] == a_job_id(1)
    assert first["tenant_id"] == TENANT
    assert publisher.log.named("changes.published")[0]["records"] == 2


def test_a_job_of_newer_code_with_a_field_more_is_told_all_the_same() -> None:
    publisher = Publisher()
    (record,) = stream_event([ending()])["Records"]
    record["dynamodb"]["NewImage"]["of_tomorrow"] = {"L": [{"B": "AA=="}, {"NULL": True}]}

    publisher.publish_records([record])

    assert publisher.told == ["job.completed"]


def test_the_id_of_an_event_does_not_depend_on_when_it_is_told() -> None:
    claimed = replace(CLAIMED)
    one, other = Publisher(), Publisher()

    one.publish(JobChange(claimed, completed(claimed)))
    other.publish(JobChange(None, completed(claimed)))

    assert one.bus.taken[0].id == other.bus.taken[0].id
