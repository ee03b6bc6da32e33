import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, override

from relay.domain.answer import Answer
from relay.domain.errors import MistralCallError
from relay.domain.job_error import ErrorCode
from relay.ports import Clock, Mistral
from tests.fakes.seam import QUIET, Seam


@dataclass(frozen=True, slots=True)
class MistralCall:
    path: str
    body: bytes
    time_limit: timedelta

    @property
    def json(self) -> Any:
        return json.loads(self.body)


type Script = Callable[[MistralCall], Answer]
"""Returns an answer or raises what the port may raise."""


def chat_answer(
    text: str = "Hello to you",
    *,
    model: str = "mistral-small-latest",
    prompt_tokens: int = 10,
    completion_tokens: int = 4,
) -> Answer:
    """Return what Mistral answers to a chat."""
    message = {"role": "assistant", "content": text, "tool_calls": None}
    body = {
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }
    return Answer(status=200, headers={}, body=json.dumps(body).encode())


def refusal(status: int, message: str = "no", **headers: str) -> Answer:
    """Return an error as Mistral words one. ``retry_after="3"`` becomes its header."""
    body = {"object": "error", "message": message, "type": "error", "param": None, "code": "1000"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=json.dumps(body).encode())


def always(answer: Answer) -> Script:
    return lambda _: answer


def in_turn(*answers: Answer | Exception) -> Script:
    """Return a script of one answer after the other, the last one for ever."""
    left = list(answers)

    def script(_: MistralCall) -> Answer:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return script


class FakeMistral(Mistral):
    """Follows a script. A call that ``takes`` longer than its limit ends with the limit."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        clock: Clock | None = None,
        takes: timedelta = timedelta(0),
        seam: Seam = QUIET,
    ) -> None:
        self.calls: list[MistralCall] = []
        self.script = script or always(chat_answer())
        self.takes = takes
        self._clock = clock
        self._seam = seam

    @override
    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        call = MistralCall(path, body, time_limit)
        with self._seam.around("mistral.call"):
            self.calls.append(call)
            if self._clock is not None:
                await self._clock.sleep(min(self.takes, time_limit))
            if self.takes > time_limit:
                raise MistralCallError(ErrorCode.TIMEOUT, "no answer in time")
            return self.script(call)
