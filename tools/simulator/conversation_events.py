"""A conversation's answer as named events, one to a token or less."""

from collections.abc import Iterator

from tools.simulator.call import EVENTS_TYPE, Answer, Usage, to_json
from tools.simulator.completion import pieces_of, thinking_chunk
from tools.simulator.conversation_schema import Json

_HEAD = ("id", "model", "agent_id")


def streamed(conversation_id: str, outputs: list[Json], bill: Json, usage: Usage) -> Answer:
    """Return the events of these entries, from the start of the response to its end."""
    created_at = outputs[0]["created_at"]
    events: list[Json] = [
        {"type": "conversation.response.started", "conversation_id": conversation_id}
    ]
    for index, entry in enumerate(outputs):
        events += (
            {"type": event.pop("type"), "output_index": index, **event} for event in _events(entry)
        )
    events.append({"type": "conversation.response.done", "usage": bill})
    return Answer(
        200,
        tuple(_written({"type": e.pop("type"), "created_at": created_at, **e}) for e in events),
        EVENTS_TYPE,
        usage=usage,
    )


def _written(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: ".encode() + to_json(event) + b"\n\n"


def _events(entry: Json) -> Iterator[Json]:
    kind = entry["type"]
    if kind == "message.output":
        yield from _message_events(entry)
    elif kind == "function.call":
        head = {name: entry[name] for name in (*_HEAD, "name", "tool_call_id")}
        for piece in pieces_of(entry["arguments"]) or [""]:
            yield {"type": "function.call.delta", **head, "arguments": piece}
    elif kind == "tool.execution":
        head = {"id": entry["id"], "name": entry["name"]}
        yield {"type": "tool.execution.started", **head, "arguments": entry["arguments"]}
        yield {"type": "tool.execution.done", **head, "info": entry["info"]}
    else:
        yield from _handoff_events(entry)


def _message_events(entry: Json) -> Iterator[Json]:
    head = {name: entry[name] for name in _HEAD}
    content = entry["content"]
    chunks: list[Json] = content
    if isinstance(content, str):
        chunks = [{"type": "text", "text": content}]
    for index, chunk in enumerate(chunks):
        is_text = chunk["type"] == "text"
        text = chunk["text"] if is_text else chunk["thinking"][0]["text"]
        for piece in pieces_of(text) or [""]:
            yield {
                "type": "message.output.delta",
                "content_index": index,
                **head,
                "role": "assistant",
                "content": piece if is_text else thinking_chunk(piece),
            }


def _handoff_events(entry: Json) -> Iterator[Json]:
    for ending, whose in (("started", "previous"), ("done", "next")):
        yield {
            "type": f"agent.handoff.{ending}",
            "id": entry["id"],
            f"{whose}_agent_id": entry[f"{whose}_agent_id"],
            f"{whose}_agent_name": entry[f"{whose}_agent_name"],
        }
