"""Mistral and the subscribers, as they behave in a simulated history."""

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, override

from standardwebhooks.webhooks import Webhook

from relay.domain.answer import Answer
from relay.domain.errors import MistralCallError
from relay.domain.job_error import ErrorCode
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from relay.ports import Clock, Mistral, WebhookSender
from tests.fakes.mistral import chat_answer, refusal
from tests.fakes.seam import Seam
from tests.fakes.webhook_sender import answered, unanswered
from tests.simulation.rates import Rates

_SLOW, _QUICK = timedelta(seconds=14), timedelta(milliseconds=12)
_BAD_GATEWAY = Answer(status=503, headers={}, body=b"upstream connect error")


@dataclass(frozen=True, slots=True)
class Called:
    """One call, and what came of it. ``prompt`` tells whose it was."""

    prompt: str
    text: str
    is_good: bool


class SimulatedMistral(Mistral):
    """Answers each call differently, so that it shows whose answer was kept."""

    def __init__(self, rates: Rates, lots: random.Random, seam: Seam) -> None:
        self.rates = rates
        self.clock: Clock
        self.called: list[Called] = []
        self.blocked_until: datetime | None = None
        self.blocked_status = 401
        self._lots = lots
        self._seam = seam

    @override
    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        prompt = json.loads(body)["messages"][0]["content"][:60]
        text = f"canary-answer {len(self.called)} to {prompt}"
        with self._seam.around("mistral.call"):
            hangs = self._lots.random() < self.rates.mistral_hanging
            takes = timedelta(seconds=self._lots.choice([0.2, 1, 3, 20, 90 if hangs else 5]))
            number = len(self.called)
            self.called.append(Called(prompt, text, is_good=False))
            await self.clock.sleep(min(takes, time_limit))
            if takes > time_limit:
                raise MistralCallError(ErrorCode.TIMEOUT, "no answer in time")
            answer = self._answer(text)
            self.called[number] = Called(prompt, text, is_good=answer.status == 200)
            return answer

    def _answer(self, text: str) -> Answer:
        if self.blocked_until is not None and self.clock.now() < self.blocked_until:
            return refusal(self.blocked_status)
        rates, lot = self.rates, self._lots.random()
        bad: list[tuple[float, Callable[[], Answer]]] = [
            (rates.mistral_limited / 2, lambda: refusal(429)),
            (rates.mistral_limited / 2, lambda: refusal(429, retry_after="7")),
            (rates.mistral_failing / 2, lambda: refusal(500)),
            (rates.mistral_failing / 2, lambda: _BAD_GATEWAY),
            (rates.mistral_unreadable, lambda: Answer(status=204, headers={}, body=b"{")),
            (rates.mistral_refusing, lambda: refusal(400)),
        ]
        for rate, answer in bad:
            if lot < rate:
                return answer()
            lot -= rate
        return chat_answer(text)


class Owners(Protocol):
    """Those of registered endpoints."""

    def take(self, request: WebhookRequest) -> None:
        """Check a request at its very moment."""
        ...


class SimulatedSubscribers(WebhookSender):
    """Check what they get as a receiver should, and answer as their address says."""

    def __init__(self, rates: Rates, lots: random.Random, seam: Seam) -> None:
        self.rates = rates
        self.clock: Clock
        self.secrets: dict[str, str] = {}
        """Each tenant's, by the host that its addresses are at."""
        self.posts: list[WebhookRequest] = []
        self.faults: list[str] = []
        self.look: Callable[[WebhookRequest], None] = lambda _: None
        self.owners: Owners | None = None
        self._lots = lots
        self._seam = seam

    @override
    async def post(self, request: WebhookRequest) -> WebhookAnswer:
        with self._seam.around("webhooks.post"):
            self.posts.append(request)
            if "/hook-" not in request.url:
                self._verify(request)
            elif self.owners is not None:
                self.owners.take(request)
            self.look(request)
            if "slow" in request.url:
                await self.clock.sleep(_SLOW)
            if "dead" in request.url:
                return unanswered(WebhookFailure.TIMEOUT)
            if "gone" in request.url:
                return answered(410)
            if self._lots.random() < self.rates.subscriber_failing:
                return self._lots.choice([answered(500), answered(302), unanswered()])
            return replace(answered(200), duration=_SLOW if "slow" in request.url else _QUICK)

    def _verify(self, request: WebhookRequest) -> None:
        host = request.url.split("/")[2]
        headers = dict(request.headers)
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=self.clock.now().tzinfo)
        signed = Webhook(self.secrets[host]).sign(headers["webhook-id"], at, request.body.decode())
        if signed != headers["webhook-signature"]:
            self.faults.append(f"I14: {headers['webhook-id']} is not signed as it should be")
        if abs(at - self.clock.now()) > timedelta(minutes=5):
            self.faults.append(f"I14: {headers['webhook-id']} carries an old time stamp")

    def bodies_by_id(self) -> dict[tuple[str, str], Counter[bytes]]:
        """Return what was posted under each id to each address."""
        found: dict[tuple[str, str], Counter[bytes]] = {}
        for post in self.posts:
            name = (post.headers["webhook-id"], post.url)
            found.setdefault(name, Counter())[post.body] += 1
        return found
