"""Conversations: turns, what is kept of them, tools, handoffs, and the events of a stream."""

import json
from typing import Any

import pytest

from tests.unit.simulator.driving import CHAT, TOOL, Wire, chat, message_of

CONVERSATIONS = "/v1/conversations"
MODEL = "mistral-small-latest"
QUESTION = "Why do bees build hexagons?"


def said(wire: Wire, path: str = "", **fields: Any) -> dict[str, Any]:
    answer = wire.post(f"{CONVERSATIONS}{path}", fields)
    assert answer.status_code == 200, answer.text
    response: dict[str, Any] = answer.json()
    return response


def started(wire: Wire, **fields: Any) -> dict[str, Any]:
    model = {} if "agent_id" in fields else {"model": MODEL}
    return said(wire, **{"inputs": QUESTION, **model, **fields})


def history(wire: Wire, response: dict[str, Any]) -> list[dict[str, Any]]:
    answer = wire.get(f"{CONVERSATIONS}/{response['conversation_id']}/history")
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def kinds(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["type"] for entry in entries]


def events(wire: Wire, path: str = "", **fields: Any) -> list[dict[str, Any]]:
    answer = wire.post(f"{CONVERSATIONS}{path}", {**fields, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block]
    found = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == kinds(found)
    return found


def agent(wire: Wire, **fields: Any) -> str:
    body = {"model": MODEL, "name": "guide", **fields}
    agent_id: str = wire.post("/v1/agents", body).json()["id"]
    return agent_id


def test_a_conversation_says_what_a_chat_says(wire: Wire) -> None:
    system = {"role": "system", "content": "Be brief."}
    user = {"role": "user", "content": QUESTION}
    whole = wire.post(CHAT, chat(messages=[system, user], max_tokens=9))

    response = started(wire, instructions="Be brief.", completion_args={"max_tokens": 9})

    assert response["outputs"][0]["content"] == message_of(whole)["content"]
    assert response["usage"]["total_tokens"] == whole.json()["usage"]["total_tokens"]


def test_each_turn_is_answered_after_those_before(wire: Wire) -> None:
    first = started(wire)
    path = f"/{first['conversation_id']}"

    second = said(wire, path, inputs=QUESTION)

    assert second["conversation_id"] == first["conversation_id"]
    assert second["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]
    entries = history(wire, first)
    assert kinds(entries) == ["message.input", "message.output"] * 2
    assert entries[1] == first["outputs"][0]
    assert len({entry["id"] for entry in entries}) == 4


def test_what_is_not_to_be_stored_is_not(wire: Wire) -> None:
    unkept = started(wire, store=False)
    kept = started(wire)
    said(wire, f"/{kept['conversation_id']}", inputs="More", store=False)

    assert wire.get(f"{CONVERSATIONS}/{unkept['conversation_id']}").status_code == 404
    assert len(history(wire, kept)) == 2


def test_a_refused_turn_leaves_nothing_behind(wire: Wire) -> None:
    kept = started(wire)
    wire.behave(tokens_per_minute=1)

    answer = wire.post(f"{CONVERSATIONS}/{kept['conversation_id']}", {"inputs": "More"})

    assert answer.status_code == 429
    assert len(history(wire, kept)) == 2


def test_a_restart_is_a_new_conversation_from_an_entry_on(wire: Wire) -> None:
    old = started(wire)
    said(wire, f"/{old['conversation_id']}", inputs="More")
    entries = history(wire, old)
    path = f"/{old['conversation_id']}/restart"

    new = said(wire, path, inputs="Again", from_entry_id=entries[1]["id"])

    assert new["conversation_id"] != old["conversation_id"]
    assert history(wire, new)[:2] == entries[:2]
    assert len(history(wire, new)) == 4
    assert history(wire, old) == entries
    absent = wire.post(f"{CONVERSATIONS}{path}", {"inputs": "Again", "from_entry_id": "absent"})
    assert absent.status_code == 404


def test_a_conversation_begun_with_entries_goes_on_and_restarts(wire: Wire) -> None:
    inputs = [
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
        {"type": "message.output", "content": [{"type": "text", "text": "For strength."}]},
        {"role": "user", "content": "Really?"},
    ]
    old = started(wire, inputs=inputs, completion_args={"reasoning_effort": "high"})
    path = f"/{old['conversation_id']}"

    said(wire, path, inputs="More")
    new = said(wire, f"{path}/restart", inputs="Again", from_entry_id=history(wire, old)[2]["id"])

    assert [chunk["type"] for chunk in old["outputs"][0]["content"]] == ["thinking", "text"]
    assert len(history(wire, old)) == 6
    assert len(history(wire, new)) == 5


def test_a_function_is_called_and_its_result_is_answered(wire: Wire) -> None:
    called = started(wire, tools=[TOOL], completion_args={"tool_choice": "any"})
    [call] = called["outputs"]
    result = {
        "type": "function.result",
        "tool_call_id": call["tool_call_id"],
        "result": "12 C",
    }

    answered = said(
        wire,
        f"/{called['conversation_id']}",
        inputs=[result],
        completion_args={"tool_choice": "auto"},
    )

    assert (call["type"], call["name"]) == ("function.call", "get_weather")
    assert json.loads(call["arguments"])
    assert kinds(answered["outputs"]) == ["message.output"]
    assert kinds(history(wire, called)) == [
        "message.input",
        "function.call",
        "function.result",
        "message.output",
    ]


def test_several_functions_are_called_at_once(wire: Wire) -> None:
    other = {"type": "function", "function": {"name": "get_time", "parameters": {}}}

    response = started(wire, tools=[TOOL, other], inputs="Use get_weather and get_time")

    assert [output["name"] for output in response["outputs"]] == ["get_weather", "get_time"]


def test_a_hosted_tool_is_used_when_it_is_named_and_billed(wire: Wire) -> None:
    response = started(wire, tools=[{"type": "web_search"}], inputs="Use web_search for bees")

    usage = response["usage"]
    assert kinds(response["outputs"]) == ["tool.execution", "message.output"]
    assert usage["connectors"] == {"web_search": 1}
    assert usage["total_tokens"] == (
        usage["prompt_tokens"] + usage["completion_tokens"] + usage["connector_tokens"]
    )


def test_a_hosted_tool_is_used_when_one_must_be(wire: Wire) -> None:
    tools = [{"type": "web_search"}]

    response = started(wire, tools=tools, completion_args={"tool_choice": "required"})

    assert kinds(response["outputs"]) == ["tool.execution", "message.output"]


@pytest.mark.parametrize(
    ("execution", "expected"),
    [
        ("server", ["message.output", "agent.handoff", "message.output"]),
        ("client", ["message.output", "agent.handoff"]),
    ],
)
def test_an_agent_hands_over_to_one_that_is_named(
    wire: Wire, execution: str, expected: list[str]
) -> None:
    second = agent(wire, name="beekeeper", model="mistral-large-latest")
    first = agent(wire, handoffs=["ag_absent", second])

    response = started(
        wire, agent_id=first, inputs="Ask the beekeeper", handoff_execution=execution
    )

    outputs = response["outputs"]
    assert kinds(outputs) == expected
    assert outputs[1]["previous_agent_id"] == first
    assert outputs[1]["next_agent_name"] == "beekeeper"
    assert outputs[-1].get("agent_id", second) == second


def test_a_version_of_an_agent_is_talked_to(wire: Wire) -> None:
    agent_id = agent(wire, completion_args={"max_tokens": 2})
    wire.ask("PATCH", f"/v1/agents/{agent_id}", json={"completion_args": {"max_tokens": 5}})

    old = started(wire, agent_id=agent_id, agent_version=0)
    new = started(wire, agent_id=agent_id)

    assert old["usage"]["completion_tokens"] == 2
    assert new["usage"]["completion_tokens"] == 5
    conversation = wire.get(f"{CONVERSATIONS}/{new['conversation_id']}").json()
    assert conversation["agent_id"] == agent_id


def test_a_stream_says_what_the_whole_answer_says(wire: Wire) -> None:
    whole = started(wire)

    begun, *deltas, done = events(wire, model=MODEL, inputs=QUESTION)

    assert begun["type"] == "conversation.response.started"
    assert "".join(each["content"] for each in deltas) == whole["outputs"][0]["content"]
    assert (done["type"], done["usage"]) == ("conversation.response.done", whole["usage"])
    assert len(deltas) > 5
    assert kinds(history(wire, begun)) == ["message.input", "message.output"]


def test_the_arguments_of_a_call_are_streamed_in_pieces(wire: Wire) -> None:
    arguments: dict[str, Any] = {"tools": [TOOL], "inputs": "Use get_weather"}
    whole = started(wire, **arguments)["outputs"][0]["arguments"]

    _, *deltas, _ = events(wire, model=MODEL, **arguments)

    assert set(kinds(deltas)) == {"function.call.delta"}
    assert "".join(each["arguments"] for each in deltas) == whole


def test_reasoning_is_streamed_before_the_text(wire: Wire) -> None:
    _, *deltas, _ = events(
        wire, model=MODEL, inputs=QUESTION, completion_args={"reasoning_effort": "high"}
    )

    places = [each["content_index"] for each in deltas]
    assert places == sorted(places)
    assert deltas[0]["content"]["type"] == "thinking"
    assert isinstance(deltas[-1]["content"], str)


def test_conversations_are_listed_and_deleted(wire: Wire) -> None:
    first = started(wire, metadata={"a": 1}, name="bees")
    second = started(wire)
    path = f"{CONVERSATIONS}/{first['conversation_id']}"

    listed = [each["id"] for each in wire.get(CONVERSATIONS).json()]
    described = wire.get(path).json()
    deleted = wire.ask("DELETE", path)

    assert listed == [second["conversation_id"], first["conversation_id"]]
    assert (described["name"], described["metadata"]) == ("bees", {"a": 1})
    assert deleted.status_code == 204
    assert wire.get(f"{path}/messages").status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": MODEL}, 422),
        ({"inputs": QUESTION}, 422),
        ({"inputs": QUESTION, "model": MODEL, "agent_id": "ag_1"}, 422),
        ({"inputs": QUESTION, "model": MODEL, "colour": 1}, 422),
        ({"inputs": [], "model": MODEL}, 422),
        ({"inputs": [{"type": "message.thought"}], "model": MODEL}, 422),
        ({"inputs": QUESTION, "model": "absent"}, 400),
        ({"inputs": QUESTION, "agent_id": "ag_absent"}, 404),
        ({"inputs": [{"role": "assistant", "content": "Hi"}], "model": MODEL}, 400),
        ({"inputs": [{"type": "tool.execution", "name": "web_search"}], "model": MODEL}, 400),
        (
            {
                "inputs": [{"type": "function.result", "tool_call_id": "call_1", "result": "x"}],
                "model": MODEL,
            },
            400,
        ),
    ],
)
def test_a_conversation_that_cannot_be_had_is_refused(
    wire: Wire, fields: dict[str, Any], status: int
) -> None:
    answer = wire.post(CONVERSATIONS, fields)

    assert answer.status_code == status
    assert wire.get(CONVERSATIONS).json() == []
