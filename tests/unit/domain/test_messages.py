import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.delivery import Delivery
from relay.domain.job import Job
from relay.domain.messages import (
    DeliveryMessage,
    JobMessage,
    RecoveryMessage,
    UnreadableMessageError,
    delivery_message,
    job_message,
    read_delivery_message,
    read_job_message,
    read_recovery_message,
    recovery_message,
)
from relay.domain.recovery import Recovery
from tests.fakes.events import as_told
from tests.fakes.examples import a_delivery, a_job, a_recovery, an_event
from tests.fakes.strategies import deliveries, jobs, recoveries


@given(jobs())
def test_a_jobs_message_survives_the_queue(job: Job) -> None:
    body = json.dumps(job_message(job))

    assert read_job_message(body) == JobMessage(job.tenant_id, job.id, comes_back=False)


@given(job=jobs(), comes_back=st.booleans())
def test_a_jobs_message_says_whether_the_job_has_waited_before(
    *, job: Job, comes_back: bool
) -> None:
    body = json.dumps(job_message(job, comes_back=comes_back))

    assert read_job_message(body) == JobMessage(job.tenant_id, job.id, comes_back=comes_back)


@given(deliveries())
def test_a_deliverys_message_survives_the_queue(delivery: Delivery) -> None:
    body = json.dumps(delivery_message(delivery))

    assert read_delivery_message(body) == DeliveryMessage(delivery.target_id, delivery.id)


@given(recoveries)
def test_a_recoverys_message_survives_the_queue(recovery: Recovery) -> None:
    body = json.dumps(recovery_message(recovery))

    assert read_recovery_message(body) == RecoveryMessage(recovery.endpoint_id, recovery.id)


def test_a_message_names_its_row_and_nothing_else() -> None:
    assert job_message(a_job()).keys() == {"schema", "tenant_id", "job_id"}
    assert delivery_message(a_delivery()).keys() == {"schema", "target_id", "delivery_id"}
    assert recovery_message(a_recovery()).keys() == {"schema", "endpoint_id", "recovery_id"}


def test_only_a_message_of_the_wheel_says_more() -> None:
    told = job_message(a_job(), comes_back=True)

    assert told.keys() == {"schema", "tenant_id", "job_id", "comes_back"}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"schema": "2", "tenant_id": "a", "job_id": "b"}',
        '{"schema": 1, "tenant_id": "a", "job_id": "b"}',
        '{"schema": "1", "tenant_id": "a"}',
        '{"schema": "1", "tenant_id": "a", "job_id": 7}',
        '{"schema": "1", "tenant_id": null, "job_id": "b"}',
    ],
)
def test_a_message_that_we_did_not_write_is_refused(body: str) -> None:
    with pytest.raises(UnreadableMessageError):
        read_job_message(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps(job_message(a_job())), id="of a job"),
        pytest.param(json.dumps(delivery_message(a_delivery())), id="of a delivery"),
        pytest.param(json.dumps(as_told(an_event())), id="an event"),
        pytest.param('{"schema": "2", "endpoint_id": "a", "recovery_id": "b"}', id="newer code's"),
        pytest.param("canary", id="not JSON"),
    ],
)
def test_what_is_no_recoverys_message_is_known_as_something_else(body: str) -> None:
    assert read_recovery_message(body) is None


@given(st.text())
def test_any_text_is_read_or_refused(body: str) -> None:
    with pytest.raises(UnreadableMessageError):
        read_delivery_message(body)
