"""Deliveries to endpoints, for the deliverer on fakes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery
from relay.domain.event import submission_rejected
from relay.domain.job import Submission
from relay.domain.webhook_endpoint import WebhookEndpoint
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT, an_endpoint
from tests.fakes.seam import QUIET, Seam
from tests.fakes.webhook_sender import answered
from tests.unit.functions.deliverer_on_fakes import Deliverer


class ToEndpoint(Deliverer):
    """One endpoint, of which as much can be told as a test wants. ``posted_at`` is when."""

    def __init__(
        self,
        *answers: WebhookAnswer,
        seam: Seam = QUIET,
        registered: WebhookEndpoint | None = None,
    ) -> None:
        super().__init__(*answers, seam=seam)
        self._numbers: Iterator[int] = count(1)
        self.posted_at: list[datetime] = []
        self.endpoints.create(registered or an_endpoint(event_types=("*",)))
        answer = self.sender.script

        def note(request: WebhookRequest) -> WebhookAnswer:
            self.posted_at.append(self.clock.at)
            return answer(request)

        self.sender.script = note

    @property
    def endpoint(self) -> WebhookEndpoint:
        """The endpoint as it is now."""
        (endpoint,) = self.endpoints.all()
        return endpoint

    def change(self, **changes: Any) -> WebhookEndpoint:
        """Change the endpoint, as its owner might at any time."""
        before = self.endpoint
        self.endpoints.save(before, before.changed(**changes))
        return self.endpoint

    def remove(self) -> None:
        self.endpoints.remove(self.endpoint.tenant_id, self.endpoint.id)

    def tell(self, endpoint: WebhookEndpoint | None = None, **changes: Any) -> Delivery:
        """Keep the delivery of another event, of no job, and send its message."""
        message_id = f"message-{next(self._numbers)}"
        event = submission_rejected(
            TENANT,
            Submission(source="sqs", message_id=message_id),
            reason="it is not JSON",
            at=NOON,
            purge_at=NOON + timedelta(days=30),
        )
        delivery = delivery_of(event, endpoint or self.endpoint, self.clock.at)
        return self.keep(delivery, **changes)

    def keep(self, delivery: Delivery, **changes: Any) -> Delivery:
        """Keep a delivery, and send its message."""
        kept = replace(delivery, **changes)
        self.deliveries.create(kept)
        self.send(kept)
        return kept

    def as_it_is(self, delivery: Delivery) -> Delivery:
        return self.deliveries.find([(delivery.target_id, delivery.id)]).rows[delivery.id]


def slowly(status_code: int, *, takes: timedelta = timedelta(seconds=5)) -> WebhookAnswer:
    return replace(answered(status_code), duration=takes)
