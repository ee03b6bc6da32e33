"""Between entries and messages: what the model is asked, and what its answer becomes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.simulator.call import Call
from tools.simulator.completion import Choice
from tools.simulator.conversation_schema import (
    AnyEntry,
    FunctionCallEntry,
    FunctionResult,
    Inputs,
    Json,
    MessageInput,
    MessageOutput,
)
from tools.simulator.moments import written
from tools.simulator.schema import (
    AssistantMessage,
    FunctionCall,
    Message,
    ToolCallPart,
    ToolMessage,
    UserMessage,
)

_ID_PREFIXES = {
    "message.input": "msg",
    "message.output": "msg",
    "function.call": "fc",
    "function.result": "fr",
    "tool.execution": "tool_exec",
    "agent.handoff": "handoff",
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who answers: a model, or an agent on one."""

    model: str
    agent_id: str | None = None


class EntryWriter:
    """Gives the entries of one call their ids and moments."""

    def __init__(self, call: Call) -> None:
        self._at = written(call.at_unix_seconds)
        self._ids = call.new_ids("entry")

    def inputs(self, inputs: Inputs | None) -> Iterator[Json]:
        """Yield what came in as it is kept."""
        inputs = inputs or []
        entries = [MessageInput(role="user", content=inputs)] if isinstance(inputs, str) else inputs
        for entry in entries:
            sent = entry.model_dump(mode="json", exclude_none=True)
            own = sent.pop("type")
            given = {"object", "id", "created_at", "completed_at"}
            yield {
                **self._head(own),
                **{name: part for name, part in sent.items() if name not in given},
            }

    def outputs(self, choice: Choice, speaker: Speaker) -> Iterator[Json]:
        """Yield the answer: its function calls, or else its text."""
        for call in choice.tool_calls:
            yield {
                **self._head("function.call"),
                "completed_at": None,
                "agent_id": speaker.agent_id,
                "model": speaker.model,
                "tool_call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
        if not choice.tool_calls:
            yield {
                **self.hosted("message.output"),
                "agent_id": speaker.agent_id,
                "model": speaker.model,
                "role": "assistant",
                "content": choice.message()["content"],
            }

    def hosted(self, kind: str, **fields: Any) -> Json:
        """Return an entry that was complete as soon as it began."""
        return {**self._head(kind), "completed_at": self._at, **fields}

    def _head(self, kind: str) -> Json:
        return {
            "object": "entry",
            "type": kind,
            "created_at": self._at,
            "id": f"{_ID_PREFIXES[kind]}_{next(self._ids)}",
        }


def as_messages(entries: Iterable[AnyEntry]) -> list[Message]:
    """Return what the model is given; calls that follow each other are of one turn."""
    messages: list[Message] = []
    pending: list[ToolCallPart] = []
    for entry in entries:
        if isinstance(entry, FunctionCallEntry):
            function = FunctionCall(name=entry.name, arguments=entry.arguments)
            pending.append(ToolCallPart(id=entry.tool_call_id, function=function))
            continue
        messages += _turn(pending)
        pending = []
        if isinstance(entry, MessageInput) and entry.role == "user":
            messages.append(UserMessage(role="user", content=entry.content))
        elif isinstance(entry, MessageInput):
            begun = AssistantMessage(role="assistant", content=entry.content, prefix=entry.prefix)
            messages.append(begun)
        elif isinstance(entry, MessageOutput):
            messages.append(AssistantMessage(role="assistant", content=_text(entry.content)))
        elif isinstance(entry, FunctionResult):
            messages.append(
                ToolMessage(role="tool", content=entry.result, tool_call_id=entry.tool_call_id)
            )
    return messages + _turn(pending)


def _turn(calls: Sequence[ToolCallPart]) -> list[Message]:
    return [AssistantMessage(role="assistant", content="", tool_calls=[*calls])] if calls else []


def _text(content: str | list[Json]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(chunk["text"] for chunk in content if isinstance(chunk.get("text"), str))
