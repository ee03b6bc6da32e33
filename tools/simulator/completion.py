"""A finished completion, and its two forms on the wire: one JSON object, or many small events."""

from dataclasses import dataclass
from itertools import chain, zip_longest
from string import ascii_lowercase
from typing import Any

from tools.simulator.call import EVENTS_TYPE, Answer, Usage, json_answer, to_json
from tools.simulator.writing import CHARACTERS_PER_TOKEN

DONE = b"data: [DONE]\n\n"
# Coprime with the number of lengths, so that all of them turn up.
PADDING_STEP = 7

type Delta = dict[str, Any]
type Step = tuple[Delta, str | None]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for; ``arguments`` is JSON text, or empty if it was cut."""

    id: str
    name: str
    arguments: str

    def as_json(self, index: int) -> dict[str, Any]:
        """Return the call as an entry of ``tool_calls``."""
        return {
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
            "index": index,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers; ``thinking`` is None for a model that was not asked to reason."""

    text: str
    finish_reason: str
    tokens: int
    thinking: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()

    def message(self) -> dict[str, Any]:
        """Return the assistant's message."""
        content: str | list[dict[str, Any]] = self.text
        if self.thinking is not None:
            content = [thinking_chunk(self.thinking), {"type": "text", "text": self.text}]
        return {"role": "assistant", "content": content, "tool_calls": self._tool_calls() or None}

    def steps(self) -> list[Step]:
        """Return the deltas in order; the last has the finish reason."""
        steps: list[Step] = [({"role": "assistant", "content": ""}, None)]
        if self.thinking is not None:
            steps += [
                ({"content": [{**thinking_chunk(piece), "closed": True}]}, None)
                for piece in pieces_of(self.thinking)
            ]
            steps.append(({"content": [{"type": "thinking", "thinking": []}]}, None))
        if calls := self._tool_calls():
            return [*steps, ({"tool_calls": calls}, self.finish_reason)]
        pieces = pieces_of(self.text)
        # The closing delta is empty in some streams and carries text in others; readers must
        # cope with both, so both are made.
        last = pieces.pop() if len(pieces) % 2 else ""
        steps += [({"content": piece}, None) for piece in pieces]
        return [*steps, ({"content": last}, self.finish_reason)]

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [call.as_json(index) for index, call in enumerate(self.tool_calls)]


@dataclass(frozen=True, slots=True)
class Completion:
    """All the choices of one call; the prompt is billed once for all of them."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    @property
    def usage(self) -> Usage:
        """What the call costs."""
        return Usage(self.prompt_tokens, sum(choice.tokens for choice in self.choices))

    def answer(self, *, stream: bool) -> Answer:
        """Return the completion in the form that was asked for."""
        if stream:
            return Answer(200, tuple(self._events()), EVENTS_TYPE, usage=self.usage)
        choices = [
            {
                "index": index,
                "message": choice.message(),
                "finish_reason": choice.finish_reason,
            }
            for index, choice in enumerate(self.choices)
        ]
        return json_answer(
            {**self._head("chat.completion"), "choices": choices, "usage": self._usage()},
            self.usage,
        )

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "total_tokens": self.usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "service_tier": "standard",
        }

    def _events(self) -> list[bytes]:
        # The head is the same in each event and is written once; an event is a splice.
        head = b"data: " + to_json(self._head("chat.completion.chunk"))[:-1] + b',"choices":['
        steps = _interleaved([choice.steps() for choice in self.choices])
        events = [
            b"".join((head, _step(index, step), b"]", _padding(place), b"}\n\n"))
            for place, (index, step) in enumerate(steps)
        ]
        closing = events[-1].removesuffix(b"}\n\n")
        events[-1] = closing + b',"usage":' + to_json(self._usage()) + b"}\n\n"
        return [*events, DONE]


def _interleaved(columns: list[list[Step]]) -> list[tuple[int, Step]]:
    numbered = ([(index, step) for step in steps] for index, steps in enumerate(columns))
    return [entry for entry in chain.from_iterable(zip_longest(*numbered)) if entry is not None]


def _step(index: int, step: Step) -> bytes:
    delta, finish_reason = step
    return to_json({"index": index, "delta": delta, "finish_reason": finish_reason})


def _padding(place: int) -> bytes:
    """Return the field of varying length that hides how long a token is; the first has none."""
    if place == 0:
        return b""
    length = 1 + place * PADDING_STEP % len(ascii_lowercase)
    return b',"p":"' + ascii_lowercase[:length].encode() + b'"'


def thinking_chunk(text: str) -> dict[str, Any]:
    """Return a chunk of reasoning."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def pieces_of(text: str) -> list[str]:
    """Return the text a token at a time, so that an answer streams in as many events."""
    starts = range(0, len(text), CHARACTERS_PER_TOKEN)
    return [text[start : start + CHARACTERS_PER_TOKEN] for start in starts]
