import json
from typing import Any

import pytest
from hypothesis import given

from relay.adapters.table_stream import TableStreamReader
from relay.aws import circuit_row, delivery_row, event_row, job_row
from relay.aws.values import Item, to_item
from relay.aws.wheel_row import POSITIONS_KEY, hint_row, positions_value
from relay.domain.circuit import Circuit
from relay.domain.event import Event
from relay.domain.job import Job
from relay.domain.wheel import HintKind, Position, watch
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, a_delivery, a_job, a_job_id, an_event
from tests.fakes.strategies import circuits, events, jobs
from tests.fakes.table_stream import image


def carried(row: Item) -> Any:
    """Return a row as Lambda's event brings it, which is JSON."""
    return json.loads(json.dumps(image(row)))


@given(jobs())
def test_a_job_survives_the_stream_of_the_table(job: Job) -> None:
    assert TableStreamReader().read(carried(job_row.to_row(job))) == job


@given(circuits())
def test_a_circuit_survives_the_stream_of_the_table(circuit: Circuit) -> None:
    assert TableStreamReader().read(carried(circuit_row.to_row(circuit))) == circuit


@given(events)
def test_an_event_that_waits_for_the_bus_survives_the_stream(event: Event) -> None:
    assert TableStreamReader().read(carried(event_row.to_outbox_row(event))) == event


def test_an_event_that_is_told_again_is_read_once_more() -> None:
    row = event_row.to_outbox_row(an_event()) | to_item({"told_again": 1})

    assert TableStreamReader().read(carried(row)) == an_event()


def test_there_is_nothing_before_the_first_write() -> None:
    assert TableStreamReader().read(None) is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(event_row.to_row(an_event()), id="an event that was published"),
        pytest.param(delivery_row.to_row(a_delivery()), id="a delivery"),
        pytest.param(
            to_item({"pk": "U#mistral", "sk": "bucket#calls", "next_at": 1}), id="a rate bucket"
        ),
        pytest.param(to_item({"pk": "U#another", "sk": "circuit"}), id="another circuit"),
        pytest.param(hint_row(watch(HintKind.JOB, TENANT, a_job_id(), NOON)), id="a hint"),
        pytest.param(POSITIONS_KEY | positions_value([Position(1)]), id="the sweep's positions"),
        pytest.param(to_item({"pk": "B#job_1", "sk": "req", "body": b"x"}), id="content"),
        pytest.param(to_item({"pk": f"I#{TENANT}", "sk": "4711"}), id="an idempotency key"),
        pytest.param(to_item({"pk": "S#AROAEXAMPLE", "sk": "sender"}), id="a sender"),
        pytest.param(to_item({"pk": "K#4711", "sk": "key"}), id="a key"),
        pytest.param(to_item({"pk": "Z#1", "sk": "1"}), id="what newer code wrote"),
    ],
)
def test_a_row_that_makes_no_events_is_nothing_to_the_publisher(row: Item) -> None:
    assert TableStreamReader().read(carried(row)) is None


def test_a_list_that_newer_code_put_into_a_row_does_not_stop_the_stream() -> None:
    row = job_row.to_row(a_job()) | {"of_the_future": {"L": [{"B": b"x"}, {"L": []}]}}

    assert TableStreamReader().read(image(row)) == a_job()
