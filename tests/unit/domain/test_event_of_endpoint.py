import json
from dataclasses import replace
from datetime import timedelta

from relay.domain.event import EVENTS_KEPT, endpoint_disabled, endpoint_test, thin_envelope
from relay.domain.ids import EventId, is_id
from relay.domain.webhook_endpoint import DISABLED_AFTER, DisabledReason
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_endpoint, an_endpoint_id

SECOND = timedelta(seconds=1)
FAILING = an_endpoint(failing_since=NOON - DISABLED_AFTER, metadata={"team": "billing"})
DISABLED = FAILING.disabled(DisabledReason.FAILING)


def test_its_owner_is_told_that_an_endpoint_is_disabled_and_why() -> None:
    event = endpoint_disabled(DISABLED, NOON)

    assert is_id(event.id, "evt")
    assert (event.type, event.tenant_id) == ("webhook_endpoint.disabled", TENANT)
    assert (event.resource_id, event.sequence) == (DISABLED.id, DISABLED.version)
    assert (event.occurred_at, event.purge_at) == (NOON, NOON + EVENTS_KEPT)
    assert not event.is_of_job
    assert json.loads(json.dumps(thin_envelope(event)))["data"] == {
        "id": DISABLED.id,
        "object": "webhook_endpoint",
        "tenant_id": TENANT,
        "status": "disabled",
        "disabled_reason": "failing",
        "failing_since": "2026-11-16T12:00:00.000Z",
        "metadata": {"team": "billing"},
    }


def test_one_that_is_gone_need_not_have_failed_before() -> None:
    event = endpoint_disabled(an_endpoint().disabled(DisabledReason.GONE), NOON)

    assert (event.data["disabled_reason"], event.data["failing_since"]) == ("gone", None)


def test_an_address_that_may_hold_a_token_is_not_told() -> None:
    disabled = replace(DISABLED, url="https://example.com/canary")

    assert "canary" not in json.dumps(thin_envelope(endpoint_disabled(disabled, NOON)))


def test_one_change_is_one_event_and_another_is_another() -> None:
    again = DISABLED.enabled().disabled(DisabledReason.FAILING)
    other = replace(DISABLED, id=an_endpoint_id(2))

    assert endpoint_disabled(DISABLED, NOON) == endpoint_disabled(DISABLED, NOON)
    assert len({endpoint_disabled(it, NOON).id for it in (DISABLED, again, other)}) == 3


def test_a_test_tells_the_endpoint_of_itself_by_the_id_that_it_is_given() -> None:
    event = endpoint_test(DISABLED, EventId("evt_1"), NOON + SECOND)

    assert (event.id, event.type, event.tenant_id) == ("evt_1", "endpoint.test", TENANT)
    assert event.resource_id == DISABLED.id
    assert event.purge_at == NOON + SECOND + EVENTS_KEPT
    assert event.data == {
        "id": DISABLED.id,
        "object": "webhook_endpoint",
        "tenant_id": TENANT,
        "status": "disabled",
        "metadata": {"team": "billing"},
    }


def test_each_test_comes_after_the_one_before() -> None:
    first = endpoint_test(DISABLED, EventId("evt_1"), NOON)
    second = endpoint_test(DISABLED, EventId("evt_2"), NOON + SECOND)

    assert first.sequence < second.sequence
