import json
from typing import Any

import pytest
from hypothesis import given

from relay.aws import circuit_row, delivery_row, endpoint_row, event_row, job_row, recovery_row
from relay.aws.values import from_item, to_item
from relay.domain.circuit import Circuit
from relay.domain.delivery import Delivery
from relay.domain.event import Event
from relay.domain.job import Job, StatusReason
from relay.domain.recovery import Recovery
from relay.domain.secret_versions import NEVER_ROTATED, SecretVersions
from relay.domain.webhook_endpoint import WebhookEndpoint
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    TENANT,
    a_completed_job,
    a_delivery,
    a_delivery_to,
    a_job,
    a_job_id,
    a_recovery,
    an_endpoint,
    an_event,
)
from tests.fakes.strategies import (
    circuits,
    deliveries,
    endpoints,
    events,
    jobs,
    recoveries,
    secret_versions,
)


@given(jobs())
def test_a_job_survives_its_row(job: Job) -> None:
    assert job_row.from_row(job_row.to_row(job)) == job


@given(deliveries())
def test_a_delivery_survives_its_row(delivery: Delivery) -> None:
    assert delivery_row.from_row(delivery_row.to_row(delivery)) == delivery


@given(deliveries())
def test_a_new_delivery_survives_its_row(delivery: Delivery) -> None:
    assert delivery_row.from_row(delivery_row.to_new_row(delivery)) == delivery


@given(endpoints())
def test_an_endpoint_survives_its_row(endpoint: WebhookEndpoint) -> None:
    assert endpoint_row.from_row(endpoint_row.to_row(endpoint)) == endpoint


@given(secret_versions)
def test_the_versions_of_a_secret_survive_their_row(versions: SecretVersions) -> None:
    row = endpoint_row.callback_secret_row(TENANT, versions)

    assert endpoint_row.callback_secret_from_row(row) == versions


@given(recoveries)
def test_a_recovery_survives_its_row(recovery: Recovery) -> None:
    assert recovery_row.from_row(recovery_row.to_row(recovery)) == recovery


@given(events)
def test_an_event_survives_its_row(event: Event) -> None:
    assert event_row.from_row(event_row.to_row(event)) == event


@given(events)
def test_an_event_survives_the_row_in_which_it_waits_for_the_bus(event: Event) -> None:
    assert event_row.from_row(event_row.to_outbox_row(event)) == event


@given(circuits())
def test_a_circuit_survives_its_row(circuit: Circuit) -> None:
    assert circuit_row.from_row(circuit_row.to_row(circuit)) == circuit


def test_a_circuit_has_one_row_whatever_it_is() -> None:
    opened = Circuit().opened(NOON, StatusReason.INVALID_API_KEY)

    row, later = circuit_row.to_row(opened), circuit_row.to_row(opened.closed(NOON))

    assert from_item(circuit_row.KEY) == {"pk": "U#mistral", "sk": "circuit"}
    assert circuit_row.KEY.items() <= row.items()
    assert circuit_row.KEY.items() <= later.items()
    assert from_item(row)["reason"] == "invalid_api_key"
    assert not {"reason", "probe_at"} & later.keys()


@pytest.mark.parametrize(
    "row",
    [
        job_row.to_row(a_job()),
        job_row.to_row(a_completed_job()),
        delivery_row.to_row(a_delivery()),
        recovery_row.to_row(a_recovery()),
        event_row.to_row(an_event()),
        event_row.to_outbox_row(an_event()),
    ],
)
def test_every_row_names_its_schema_and_when_it_expires(row: dict[str, dict[str, str]]) -> None:
    assert row["schema"] == {"N": "1"}
    assert row["ttl"]["N"].isdecimal()


@pytest.mark.parametrize(
    "row",
    [
        endpoint_row.to_row(an_endpoint()),
        endpoint_row.callback_secret_row(TENANT, NEVER_ROTATED),
    ],
)
def test_what_stays_until_it_is_removed_names_its_schema_and_does_not_expire(
    row: dict[str, dict[str, str]],
) -> None:
    assert row["schema"] == {"N": "1"}
    assert "ttl" not in row


def test_an_endpoint_keeps_nothing_that_is_as_ever() -> None:
    row = endpoint_row.to_row(an_endpoint())

    assert not {"legacy", "description", "metadata", "disabled_reason", "secrets"} & row.keys()
    assert not {"failing_since", "slow_since", "turn_at"} & row.keys()


def test_a_delivery_lies_with_its_target_and_in_its_tenants_index() -> None:
    delivery = a_delivery_to(an_endpoint())

    row = from_item(delivery_row.to_new_row(delivery))

    assert (row["pk"], row["sk"]) == (f"D#{an_endpoint().id}", delivery.id)
    assert row["deliveries_of"] == TENANT


def test_a_row_keeps_nothing_that_is_absent() -> None:
    row = job_row.to_row(a_job())

    assert not {"result", "fallback_models", "rerun_of", "told_again", "deleted_at"} & row.keys()
    assert all("NULL" not in value for value in row.values())


def test_only_an_event_that_waits_for_the_bus_is_marked() -> None:
    waiting, told = event_row.to_outbox_row(an_event()), event_row.to_row(an_event())

    assert waiting == told | {"unpublished": {"BOOL": True}}


def test_an_event_that_was_told_again_is_the_same_event() -> None:
    row = event_row.to_outbox_row(an_event()) | to_item({"told_again": 3})

    assert event_row.from_row(row) == an_event()


def test_a_job_keeps_what_it_may_fall_back_to_and_where_it_comes_from() -> None:
    job = a_job(fallback_models=("open-mistral-nemo", "ministral-3b"), rerun_of=a_job_id(2))

    row = from_item(job_row.to_row(job.claimed(NOON, NOON - NOON)))

    assert row["fallback_models"] == ["open-mistral-nemo", "ministral-3b"]
    assert row["rerun_of"] == a_job_id(2)


def test_a_tombstone_says_when_and_how_often_its_end_was_told_anew() -> None:
    tombstone = a_completed_job().asked_to_tell_again().deleted(NOON)

    row = from_item(job_row.to_row(tombstone))

    assert row["deleted_at"] == int(NOON.timestamp() * 1000)
    assert row["told_again"] == 1


FIRST_VERSION_ROW = json.loads(
    """
    {
      "pk": {"S": "J#ten_01KAK3SZ400000000000000000#1"},
      "sk": {"S": "job_01KAK3SZ400000000000000001"},
      "schema": {"N": "1"},
      "status": {"S": "failed"},
      "version": {"N": "3"},
      "fence": {"N": "1"},
      "endpoint": {"S": "/v1/chat/completions"},
      "model": {"S": "mistral-small-latest"},
      "created_at": {"N": "1795262400000"},
      "changed_at": {"N": "1795262401500"},
      "started_at": {"N": "1795262400500"},
      "finished_at": {"N": "1795262401500"},
      "deadline": {"N": "1795348800000"},
      "ttl": {"N": "1797854400"},
      "attempts": {"N": "1"},
      "attempts_max": {"N": "5"},
      "timeout_ms": {"N": "60000"},
      "request": {"M": {"place": {"S": "row"}, "key": {"S": "req"}, "bytes": {"N": "80"}}},
      "error": {"M": {
        "code": {"S": "forbidden"}, "message": {"S": "No."}, "hint": {"S": "Ask."},
        "retryable": {"BOOL": false}, "attempts": {"N": "1"},
        "upstream": {"M": {"status": {"N": "403"}}}
      }},
      "submission": {"M": {"source": {"S": "http"}}}
    }
    """
)
"""A job as the first version of this code wrote it."""


def test_a_job_of_the_first_version_is_read_as_one_of_ours() -> None:
    job = job_row.from_row(FIRST_VERSION_ROW)

    assert job.status == "failed"
    assert (job.fallback_models, job.rerun_of, job.told_again, job.deleted_at) == (
        (),
        None,
        0,
        None,
    )
    assert job.error is not None
    assert job.error.upstream.status == 403


def test_a_job_of_the_first_version_is_written_as_it_was() -> None:
    assert job_row.to_row(job_row.from_row(FIRST_VERSION_ROW)) == FIRST_VERSION_ROW


FIRST_VERSION_DELIVERY = json.loads(
    """
    {
      "pk": {"S": "D#job_01KAK3SZ400000000000000001"},
      "sk": {"S": "dlv_01KAK3SZ400000000000000001"},
      "schema": {"N": "1"},
      "tenant": {"S": "ten_01KAK3SZ400000000000000000"},
      "event": {"S": "evt_01KAK3SZ400000000000000001"},
      "type": {"S": "job.completed"},
      "at": {"N": "1795262401500"},
      "sequence": {"N": "3"},
      "job": {"S": "job_01KAK3SZ400000000000000001"},
      "url": {"S": "https://example.com/hooks"},
      "payload": {"S": "full"},
      "status": {"S": "pending"},
      "fence": {"N": "1"},
      "created_at": {"N": "1795262402000"},
      "next_attempt_at": {"N": "1795262407000"},
      "ttl": {"N": "1797854400"},
      "attempts": {"L": [{"M": {
        "number": {"N": "1"}, "at": {"N": "1795262402000"}, "ms": {"N": "12"},
        "status_code": {"N": "503"}, "outcome": {"S": "retry"},
        "reason": {"S": "server answered 503"}, "head": {"S": "Busy."}
      }}]}
    }
    """
)
"""A delivery as the first version of this code wrote it."""


def test_a_delivery_of_the_first_version_is_read_as_one_of_ours() -> None:
    delivery = delivery_row.from_row(FIRST_VERSION_DELIVERY)

    assert delivery.endpoint_id is None
    assert (delivery.data, delivery.round_id) == (None, None)
    assert (delivery.opened_at, delivery.attempts_before, delivery.turn_at) == (None, 0, None)
    assert [attempt.status_code for attempt in delivery.attempts] == [503]


def test_a_delivery_of_the_first_version_is_written_as_it_was() -> None:
    delivery = delivery_row.from_row(FIRST_VERSION_DELIVERY)

    assert delivery_row.to_row(delivery) == FIRST_VERSION_DELIVERY


def test_what_newer_code_wrote_does_not_stop_this_code() -> None:
    unknown: dict[str, Any] = {"of_the_future": {"L": [{"NULL": True}]}}

    assert job_row.from_row(job_row.to_row(a_job()) | unknown) == a_job()
    assert delivery_row.from_row(delivery_row.to_row(a_delivery()) | unknown) == a_delivery()
    assert event_row.from_row(event_row.to_row(an_event()) | unknown) == an_event()
    assert endpoint_row.from_row(endpoint_row.to_row(an_endpoint()) | unknown) == an_endpoint()
    assert recovery_row.from_row(recovery_row.to_row(a_recovery()) | unknown) == a_recovery()
    assert circuit_row.from_row(circuit_row.to_row(Circuit(version=1)) | unknown) == Circuit(
        version=1
    )
