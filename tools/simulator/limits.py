"""The rates a plan allows: requests a second and tokens a minute, refused with 429 beyond.

Both are buckets that fill evenly and hold one period's worth. The tokens counted are those of the
prompt and of the answer, known here before the answer is sent.
"""

import math

from tools.simulator.behaviour import Behaviour
from tools.simulator.call import Usage
from tools.simulator.errors import TOO_MANY_REQUESTS, Json, RefusalError, error_object

SECONDS_PER_MINUTE = 60


class Bucket:
    """Fills at a steady rate up to its capacity."""

    def __init__(self, *, capacity: float, per_second: float) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._level = capacity
        self._filled_at: float | None = None

    def take(self, amount: float, *, at: float) -> bool:
        """Take the amount if all of it is there, and say whether it was."""
        self._fill(at)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def level(self) -> float:
        """Return what is left, as of the last time something was asked of it."""
        return self._level

    def seconds_until(self, amount: float) -> float:
        """Return how long it takes until this much is there; infinite if it never will be."""
        if amount > self._capacity or self._per_second == 0:
            return math.inf
        return max(0.0, amount - self._level) / self._per_second

    def _fill(self, at: float) -> None:
        # A clock that was set back fills nothing, and must not drain anything either.
        passed = max(0.0, at - (at if self._filled_at is None else self._filled_at))
        self._level = min(self._capacity, self._level + passed * self._per_second)
        self._filled_at = at


class Limits:
    """The limits of one behaviour; without any, nothing is counted and no header is added."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._per_second = behaviour.requests_per_second
        self._per_minute = behaviour.tokens_per_minute
        per_second = self._per_second or 0
        self._requests = Bucket(
            # A rate below one a second still lets a single call through now and then.
            capacity=max(1.0, per_second) if per_second else 0.0,
            per_second=per_second,
        )
        per_minute = self._per_minute or 0
        self._tokens = Bucket(capacity=per_minute, per_second=per_minute / SECONDS_PER_MINUTE)
        self._minute = 0
        self._used_this_minute = 0
        self._refusals = 0

    def admit(self, at: float) -> None:
        """Count one request, or raise the 429."""
        if self._per_second is None:
            return
        if int(at // SECONDS_PER_MINUTE) != self._minute:
            self._minute, self._used_this_minute = int(at // SECONDS_PER_MINUTE), 0
        if not self._requests.take(1, at=at):
            raise self._refusal("Requests rate limit exceeded", self._requests.seconds_until(1))
        self._used_this_minute += 1

    def charge(self, usage: Usage, at: float) -> None:
        """Count the tokens of an answer, or raise the 429 that is sent instead of it."""
        if self._per_minute is None:
            return
        cost = usage.total_tokens
        if not self._tokens.take(cost, at=at):
            raise self._refusal("Tokens rate limit exceeded", self._tokens.seconds_until(cost))

    def headers(self, usage: Usage) -> dict[str, str]:
        """Return the x-ratelimit headers of an answer."""
        headers: dict[str, str] = {}
        if self._per_second is not None:
            limit = int(self._per_second * SECONDS_PER_MINUTE)
            left = max(0, limit - self._used_this_minute)
            headers["x-ratelimit-limit-req-minute"] = str(limit)
            headers["x-ratelimit-remaining-req-minute"] = str(left)
        if self._per_minute is not None:
            headers["x-ratelimit-limit-tokens-minute"] = str(self._per_minute)
            headers["x-ratelimit-remaining-tokens-minute"] = str(int(self._tokens.level()))
            headers["x-ratelimit-tokens-query-cost"] = str(usage.total_tokens)
        return headers

    def _refusal(self, old_message: str, seconds: float) -> RefusalError:
        # The newer and the older body take turns, and with the older there is no Retry-After:
        # a client has to live without it.
        self._refusals += 1
        if self._refusals % 2 == 0:
            return RefusalError(TOO_MANY_REQUESTS, {"message": old_message})
        body: Json = error_object(TOO_MANY_REQUESTS, "Rate limit exceeded", "rate_limited", "1300")
        hint = {"retry-after": str(max(1, math.ceil(seconds)))} if math.isfinite(seconds) else {}
        return RefusalError(TOO_MANY_REQUESTS, body, hint)
