"""One attempt at one delivery: claim it, sign, post, record what came."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.deliverer.addressees import Addressee, Addressees
from relay import __version__
from relay.domain.backoff import is_for_the_message
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.errors import (
    DeliveryNotClaimableError,
    LostLeaseError,
    NotFoundError,
    UnavailableError,
)
from relay.domain.event import envelope
from relay.domain.messages import DeliveryMessage
from relay.domain.signing import legacy_headers, signature_headers
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from relay.domain.wheel import HintKind, wake
from relay.ports import (
    Clock,
    DeliveryStore,
    Dice,
    Offload,
    WebhookSender,
    Wheel,
)
from relay.use_cases.insisting import Insist
from relay.use_cases.tell_event import EventData, Told

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
    """Delivers webhooks."""

    deliveries: DeliveryStore
    addressees: Addressees
    event_data: EventData
    wheel: Wheel
    sender: WebhookSender
    clock: Clock
    dice: Dice
    offload: Offload

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
        attempt = await self._attempt(claimed)
        after = attempt.delivery
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
        trouble = await self._note(attempt)
        return Outcome(
            result=attempt.result,
            message=message,
            delivery=after,
            look_again_at=look_at,
            error=trouble,
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

    async def _attempt(self, delivery: Delivery) -> "_Attempt":
        """Post, if there is something to tell and somebody who is to be told it now.

        Whom to tell is read last of all, so that what was deleted or rotated is so for this post.
        """
        try:
            body = await self.offload(self._body, delivery)
            at = self.clock.now()
            to: Addressee = await self.offload(self.addressees.of, delivery, at)
        except NotFoundError:
            return _Attempt(delivery.cancelled(self.clock.now()))
        if not to.takes(delivery.event_type):
            return _Attempt(delivery.cancelled(at))
        if to.endpoint is not None:
            held: Delivery = await self.offload(self.addressees.in_turn, delivery, to.endpoint, at)
            if held is not delivery:
                return _Attempt(held)
        headers = self._headers(delivery, to, body)
        answer = await self.sender.post(WebhookRequest(to.url, headers, body))
        after = replace(delivery, url=to.url).attempted(
            answer, at=self.clock.now(), chance=self.dice.chance()
        )
        return _Attempt(after, to, answer)

    async def _note(self, attempt: "_Attempt") -> UnavailableError | None:
        """Note how the endpoint fares. Where AWS does not take it, the next attempt will."""
        endpoint = attempt.to.endpoint if attempt.to else None
        if endpoint is None or attempt.answer is None:
            return None
        try:
            await self.offload(self.addressees.note, endpoint, attempt.answer, self.clock.now())
        except UnavailableError as error:
            return error
        return None

    def _body(self, delivery: Delivery) -> bytes:
        """Return the exact bytes to sign and send: the same at every attempt of a round."""
        of = Told(
            delivery.tenant_id,
            delivery.event_type,
            delivery.sequence,
            delivery.job_id,
            delivery.data,
        )
        told = envelope(
            delivery.event_id,
            delivery.event_type,
            occurred_at=delivery.occurred_at,
            sequence=delivery.sequence,
            data=self.event_data(of, payload=delivery.payload, at=self.clock.now()),
        )
        if delivery.legacy_signature:
            told["event"] = delivery.event_type
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _headers(self, delivery: Delivery, to: Addressee, body: bytes) -> dict[str, str]:
        sent_at = self.clock.now()
        headers = {
            "content-type": "application/json",
            "user-agent": f"mistral-relay/{__version__}",
        } | signature_headers(to.secrets, message_id=delivery.event_id, sent_at=sent_at, body=body)
        if delivery.legacy_signature:
            headers |= legacy_headers(to.secrets[0], sent_at=sent_at, body=body)
        return headers


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What an attempt came to: the delivery after it, and what was heard, if it was made."""

    delivery: Delivery
    to: Addressee | None = None
    answer: WebhookAnswer | None = None

    @property
    def result(self) -> str:
        if self.delivery.finished_at is not None:
            return self.delivery.status
        return "held" if self.answer is None else "retried"
