from dataclasses import replace

from hypothesis import given

from relay.domain.delivering import delivery_of
from relay.domain.delivery import DeliveryStatus, delivery_id
from relay.domain.event import Event, endpoint_disabled
from relay.domain.ids import is_id
from relay.domain.webhook_endpoint import DisabledReason, WebhookEndpoint
from tests.fakes.clock import NOON
from tests.fakes.examples import an_endpoint, an_endpoint_id, an_event
from tests.fakes.strategies import endpoints, events

ENDPOINT = an_endpoint(payload="thin", legacy_signature=True)


def test_an_event_of_a_job_goes_out_as_the_endpoint_has_chosen_and_its_data_is_read_then() -> None:
    event = an_event()

    delivery = delivery_of(event, ENDPOINT, NOON)

    assert delivery.id == delivery_id(event.id, ENDPOINT.id, event.occurred_at)
    assert is_id(delivery.id, "dlv")
    assert (delivery.target_id, delivery.endpoint_id) == (ENDPOINT.id, ENDPOINT.id)
    assert (delivery.url, delivery.payload, delivery.legacy_signature) == (
        ENDPOINT.url,
        "thin",
        True,
    )
    assert (delivery.event_id, delivery.event_type) == (event.id, event.type)
    assert (delivery.occurred_at, delivery.sequence) == (event.occurred_at, event.sequence)
    assert (delivery.job_id, delivery.data) == (event.resource_id, None)
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.created_at == delivery.next_attempt_at == NOON
    assert delivery.purge_at == event.purge_at


def test_an_event_of_no_job_carries_its_data_along() -> None:
    event = endpoint_disabled(ENDPOINT.disabled(DisabledReason.GONE), NOON)

    delivery = delivery_of(event, ENDPOINT, NOON)

    assert (delivery.job_id, delivery.data) == (None, event.data)


@given(event=events, endpoint=endpoints())
def test_an_event_has_one_delivery_to_one_endpoint_however_that_has_changed(
    event: Event, endpoint: WebhookEndpoint
) -> None:
    first = delivery_of(event, endpoint, NOON)
    changed = endpoint.changed(url="https://example.com/other")

    assert delivery_of(event, changed, NOON).id == first.id
    assert delivery_of(event, replace(endpoint, id=an_endpoint_id(9)), NOON).id != first.id
    assert first.tenant_id == endpoint.tenant_id
