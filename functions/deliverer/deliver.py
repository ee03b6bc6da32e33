"""One attempt at one delivery: claim it, sign, post, record what came."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from relay import __version__
from relay.domain.backoff import is_for_the_message
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.errors import DeliveryNotClaimableError, LostLeaseError, NotFoundError
from relay.domain.event import envelope, job_as_of
from relay.domain.job import Job
from relay.domain.job_view import RESULT_BYTES_MAX, event_view, thin_view
from relay.domain.messages import DeliveryMessage
from relay.domain.signing import WebhookSecret, callback_secret, legacy_headers, signature_headers
from relay.domain.webhook_exchange import WebhookRequest
from relay.domain.wheel import HintKind, wake
from relay.ports import (
    Clock,
    ContentStore,
    DeliveryStore,
    Dice,
    JobStore,
    Offload,
    Secret,
    WebhookSender,
    Wheel,
)
from relay.use_cases.insisting import Insist

LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""For a delivery whose row could not be read or written, or is in other hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message. ``result`` is a word for the log."""

    result: str
    message: DeliveryMessage
    delivery: Delivery | None = None
    look_again_at: datetime | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Delivers webhooks. ``api_url`` is where links start."""

    deliveries: DeliveryStore
    jobs: JobStore
    contents: ContentStore
    wheel: Wheel
    sender: WebhookSender
    master_secret: Secret
    clock: Clock
    dice: Dice
    offload: Offload
    api_url: str

    async def __call__(self, message: DeliveryMessage, *, receives: int) -> Outcome:
        """Attempt the delivery that a message names, if it is due.

        ``receives`` counts how often this message has been received.
        """
        at = self.clock.now()
        try:
            claimed: Delivery = await self.offload(
                self.deliveries.claim,
                message.target_id,
                message.delivery_id,
                at=at,
                lease=DELIVERY_LEASE,
            )
        except NotFoundError:
            return Outcome(result="gone", message=message)
        except DeliveryNotClaimableError as refused:
            return await self._not_now(message, refused.delivery, at, receives)
        after = await self._attempt(claimed)
        until = claimed.lease_until or claimed.next_attempt_at
        look_at = None
        if after.finished_at is None:  # the hint first, so that no crash leaves it without one
            due = after.next_attempt_at
            look_at = await self._brought_back(after, due, receives=receives, until=until)
        try:
            await self._insist(until, self.deliveries.save, claimed, after)
        except LostLeaseError:
            later = self.clock.now() + LOOK_AGAIN_AFTER
            return Outcome(result="lost", message=message, delivery=claimed, look_again_at=later)
        return Outcome(
            result="retried" if after.finished_at is None else after.status,
            message=message,
            delivery=after,
            look_again_at=look_at,
        )

    async def _not_now(
        self, message: DeliveryMessage, delivery: Delivery, at: datetime, receives: int
    ) -> Outcome:
        if delivery.finished_at is not None:
            return Outcome(result="final_already", message=message, delivery=delivery)
        due = delivery.next_look(at)
        look_at = await self._brought_back(delivery, due, receives=receives, until=at)
        return Outcome(result="not_due", message=message, delivery=delivery, look_again_at=look_at)

    async def _brought_back(
        self, delivery: Delivery, due: datetime, *, receives: int, until: datetime
    ) -> datetime | None:
        """Return when the message must look again, ``None`` where the wheel sends another.

        ``receives`` counts how often the message has been received; what has to be written for
        the wheel is insisted on ``until`` then.
        """
        now = self.clock.now()
        if is_for_the_message(due - now, receives=receives):
            return due
        hint = wake(HintKind.DELIVERY, delivery.target_id, delivery.id, due=due, now=now)
        await self._insist(until, self.wheel.put, [hint])
        return None

    @property
    def _insist(self) -> Insist:
        return Insist(clock=self.clock, dice=self.dice, offload=self.offload)

    async def _attempt(self, delivery: Delivery) -> Delivery:
        try:
            body = await self.offload(self._body, delivery)
        except NotFoundError:
            return delivery.cancelled(self.clock.now())  # the job is deleted: nothing to tell
        secret = callback_secret(await self.offload(self.master_secret.text), delivery.tenant_id)
        headers = self._headers(delivery, secret, body)
        answer = await self.sender.post(WebhookRequest(delivery.url, headers, body))
        return delivery.attempted(answer, at=self.clock.now(), chance=self.dice.chance())

    def _body(self, delivery: Delivery) -> bytes:
        """Return the exact bytes to sign and send: the same at every attempt."""
        job = self.jobs.get(delivery.tenant_id, delivery.job_id, at=self.clock.now())
        as_of = job_as_of(job, delivery.event_type, delivery.sequence)
        told = envelope(
            delivery.event_id,
            delivery.event_type,
            occurred_at=delivery.occurred_at,
            sequence=delivery.sequence,
            data=self._data(delivery, as_of),
        )
        if delivery.legacy_signature:
            told["event"] = delivery.event_type
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _data(self, delivery: Delivery, job: Job) -> dict[str, Any]:
        if delivery.payload == "thin":
            return thin_view(job)
        result = None
        if job.result is not None and job.result.size_bytes <= RESULT_BYTES_MAX:
            result = self.contents.get(job, job.result)
        return event_view(job, api_url=self.api_url, result=result)

    def _headers(self, delivery: Delivery, secret: WebhookSecret, body: bytes) -> dict[str, str]:
        sent_at = self.clock.now()
        headers = {
            "content-type": "application/json",
            "user-agent": f"mistral-relay/{__version__}",
        } | signature_headers([secret], message_id=delivery.event_id, sent_at=sent_at, body=body)
        if delivery.legacy_signature:
            headers |= legacy_headers(secret, sent_at=sent_at, body=body)
        return headers
