import json

import pytest
from hypothesis import given

from relay.adapters.table_stream import TableStreamReader
from relay.aws import delivery_row, event_row, job_row
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.job import Job
from tests.fakes.examples import a_completed_job, a_delivery, a_job, an_event
from tests.fakes.strategies import deliveries, events, jobs
from tests.fakes.table_stream import image


@given(jobs())
def test_a_job_survives_its_row(job: Job) -> None:
    assert job_row.from_row(job_row.to_row(job)) == job


@given(jobs())
def test_a_job_survives_the_stream_of_the_table(job: Job) -> None:
    carried = json.loads(json.dumps(image(job_row.to_row(job))))

    assert TableStreamReader().job(carried) == job


def test_the_stream_has_no_job_before_the_first_write() -> None:
    assert TableStreamReader().job(None) is None


@given(deliveries())
def test_a_delivery_survives_its_row(delivery: Delivery) -> None:
    assert delivery_row.from_row(delivery_row.to_row(delivery)) == delivery


@given(events)
def test_an_event_survives_its_row(event: Event) -> None:
    assert event_row.from_row(event_row.to_row(event)) == event


@pytest.mark.parametrize(
    "row",
    [
        job_row.to_row(a_job()),
        job_row.to_row(a_completed_job()),
        delivery_row.to_row(a_delivery()),
        event_row.to_row(an_event()),
    ],
)
def test_every_row_names_its_schema_and_when_it_expires(row: dict[str, dict[str, str]]) -> None:
    assert row["schema"] == {"N": "1"}
    assert row["ttl"]["N"].isdecimal()


def test_a_row_keeps_nothing_that_is_absent() -> None:
    row = job_row.to_row(a_job())

    assert "result" not in row
    assert all("NULL" not in value for value in row.values())


def test_a_list_that_newer_code_put_into_a_row_does_not_stop_the_stream() -> None:
    row = job_row.to_row(a_job()) | {"of_the_future": {"L": [{"B": b"x"}, {"L": []}]}}

    assert TableStreamReader().job(image(row)) == a_job()
