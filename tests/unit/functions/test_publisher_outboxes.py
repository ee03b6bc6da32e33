"""What the publisher tells beyond the ends of jobs: each row that is, or makes, an event."""

from datetime import timedelta

import pytest

from relay.aws import circuit_row
from relay.domain.circuit import Circuit
from relay.domain.errors import UnavailableError
from relay.domain.event import Event, submission_rejected
from relay.domain.job import StatusReason, Submission
from tests.fakes.changes import Changes, JobChange, RowChange
from tests.fakes.clock import NOON
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import LEASE_MARGIN, TENANT, a_completed_job, a_job, an_event
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.publisher_on_fakes import Publisher

CLOSED = Circuit()
OPEN = CLOSED.opened(NOON, StatusReason.INVALID_API_KEY)


def circuit_change(before: Circuit | None, after: Circuit) -> RowChange:
    return RowChange(
        None if before is None else circuit_row.to_row(before), circuit_row.to_row(after)
    )


def a_rejection() -> Event:
    return submission_rejected(
        TENANT,
        Submission(source="sqs", message_id="message-1"),
        reason="it is not JSON",
        at=NOON,
        purge_at=NOON + timedelta(days=30),
    )


def inserted(event: Event) -> tuple[InMemoryEventStore, Changes]:
    """Return a store into which an event was inserted, and what its stream tells."""
    stream = Changes()
    events = InMemoryEventStore(stream=stream)
    events.insert(event)
    return events, stream


def test_the_opening_of_the_circuit_is_told_once_and_again_under_the_same_id() -> None:
    publisher = Publisher()

    publisher.publish(circuit_change(None, OPEN))
    publisher.publish(circuit_change(CLOSED, OPEN))

    first, second = publisher.bus.taken
    assert first == second
    assert first.type == "upstream.blocked"
    assert first.data["status_reason"] == "invalid_api_key"
    assert publisher.events.all() == [first]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(OPEN, OPEN.probed(NOON), id="probing"),
        pytest.param(OPEN, OPEN.closed(NOON), id="closing"),
        pytest.param(None, OPEN.closed(NOON), id="closing, and nothing known of before"),
    ],
)
def test_no_other_change_of_the_circuit_is_told(before: Circuit | None, after: Circuit) -> None:
    publisher = Publisher()

    assert publisher.publish(circuit_change(before, after)) == []

    assert publisher.told == []
    assert publisher.unpublished.messages == []


def test_an_event_that_was_inserted_goes_out_and_loses_its_mark() -> None:
    event = a_rejection()
    events, stream = inserted(event)
    publisher = Publisher(events=events)
    assert events.unpublished([(TENANT, event.id)]) == {event.id}

    assert publisher.publish(*stream.made) == []

    assert publisher.bus.taken == [event]
    assert events.published([(TENANT, event.id)]) == {event.id}
    assert events.unpublished([(TENANT, event.id)]) == set()


def test_an_event_that_the_bus_does_not_take_keeps_its_mark() -> None:
    event = a_rejection()
    events, stream = inserted(event)
    publisher = Publisher(events=events, refuses=lambda _: True)

    assert len(publisher.publish(*stream.made)) == 1

    assert events.unpublished([(TENANT, event.id)]) == {event.id}


@pytest.mark.parametrize("error", [Crash(), UnavailableError("events.put")])
def test_an_event_whose_mark_was_not_taken_off_is_told_again_under_its_id(
    error: BaseException,
) -> None:
    event = a_rejection()
    events, stream = inserted(event)
    publisher = Publisher(events=events, seam=Trouble("bus.put", error, is_after=True, times=1))

    with pytest.raises(type(error)):
        publisher.publish(*stream.made)
    events.tell_again(TENANT, event.id)
    publisher.publish(stream.made[-1])

    assert publisher.bus.taken == [event, event]
    assert events.published([(TENANT, event.id)]) == {event.id}


def test_what_the_publisher_itself_keeps_is_no_event_anew() -> None:
    """Taking off the mark changes the row, which the stream shows as well."""
    stream = Changes()
    events = InMemoryEventStore(stream=stream)
    publisher = Publisher(events=events)

    publisher.publish(JobChange(None, a_completed_job()))

    assert stream.made == []
    assert publisher.told == ["job.completed"]


def test_an_end_that_the_sweeper_asks_for_is_told_under_the_same_id() -> None:
    ended = a_completed_job()
    publisher = Publisher()

    publisher.publish(JobChange(None, ended))
    publisher.publish(JobChange(ended, ended.asked_to_tell_again()))

    assert publisher.bus.taken == [an_event(ended)] * 2
    assert len(publisher.events.all()) == 1


def test_a_tombstone_is_not_told_not_even_when_it_is_asked_for() -> None:
    ended = a_completed_job()
    deleted = ended.deleted(NOON)
    publisher = Publisher()

    publisher.publish(JobChange(ended, deleted))
    publisher.publish(JobChange(deleted, deleted.asked_to_tell_again()))
    publisher.publish(JobChange(None, deleted))

    assert publisher.told == []


def test_what_a_cancelled_call_used_is_not_told() -> None:
    cancelled = a_job().claimed(NOON, LEASE_MARGIN).cancelled(NOON)
    used = a_completed_job()
    publisher = Publisher()

    publisher.publish(JobChange(cancelled, cancelled.spent_on(used.usage, used.cost)))

    assert publisher.told == []


def test_what_is_no_event_of_a_job_is_logged_without_one() -> None:
    event = a_rejection()
    publisher = Publisher()

    publisher.publish(circuit_change(CLOSED, OPEN), *inserted(event)[1].made)

    lines = publisher.log.named("event.published")
    assert [line["event_type"] for line in lines] == ["upstream.blocked", "submission.rejected"]
    assert not [line for line in lines if "job_id" in line]


def test_a_row_of_the_circuit_that_cannot_be_read_is_parked_and_holds_up_nobody() -> None:
    poisoned = circuit_change(CLOSED, OPEN)
    row = poisoned.new | {"reason": {"S": "canary"}}
    publisher = Publisher()

    assert publisher.publish(RowChange(None, row), JobChange(None, a_completed_job())) == []

    assert publisher.told == ["job.completed"]
    assert len(publisher.unpublished.messages) == 1
    assert "canary" not in publisher.log.text
