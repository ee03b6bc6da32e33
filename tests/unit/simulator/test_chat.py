"""Chat completions, whole and streamed."""

import json
import re
from typing import Any

import pytest

from tests.unit.simulator.driving import CHAT, TOOL, Wire, chat, chunks_of, message_of, text_of

OTHER_TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {}}}


def test_an_answer_is_about_the_question_and_of_moderate_length(wire: Wire) -> None:
    answer = wire.post(CHAT, chat("Why do bees build hexagons?"))

    assert re.search("bees|build|hexagons", message_of(answer)["content"])
    assert 20 <= answer.json()["usage"]["completion_tokens"] <= 100


def test_an_id_is_32_hex_digits_and_the_model_is_the_alias_that_was_asked_for(wire: Wire) -> None:
    answer = wire.post(CHAT, chat()).json()

    assert re.fullmatch("[0-9a-f]{32}", answer["id"])
    assert answer["model"] == "mistral-small-latest"


def test_the_usage_counts_a_token_for_four_characters(wire: Wire) -> None:
    answer = wire.post(CHAT, chat("x" * 41)).json()

    text = answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 4 + 11
    assert usage["completion_tokens"] == (len(text) + 3) // 4
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("max_tokens", [0, 1, 7])
def test_max_tokens_cuts_the_same_answer_short(wire: Wire, max_tokens: int) -> None:
    whole = message_of(wire.post(CHAT, chat()))["content"]

    cut = wire.post(CHAT, chat(max_tokens=max_tokens)).json()

    assert cut["choices"][0]["message"]["content"] == whole[: 4 * max_tokens]
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == max_tokens


def test_an_answer_within_max_tokens_stops_by_itself(wire: Wire) -> None:
    answer = wire.post(CHAT, chat(max_tokens=500)).json()

    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("prompt", "tokens_least"),
    [("Write a long story about foxes.", 500), ("Foxes, in 2000 words please.", 2500)],
)
def test_a_long_answer_is_given_to_those_who_ask_for_one(
    wire: Wire, prompt: str, tokens_least: int
) -> None:
    answer = wire.post(CHAT, chat(prompt)).json()
    limited = wire.post(CHAT, chat(prompt, max_tokens=100)).json()

    assert answer["usage"]["completion_tokens"] >= tokens_least
    assert limited["usage"]["completion_tokens"] == 100


@pytest.mark.parametrize("as_list", [True, False])
def test_a_stop_text_ends_the_answer_before_it(wire: Wire, as_list: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    whole = message_of(wire.post(CHAT, chat()))["content"]
    stop = whole.split()[3]

    answer = wire.post(CHAT, chat(stop=[stop] if as_list else stop)).json()

    assert answer["choices"][0]["message"]["content"] == whole[: whole.index(stop)]
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_n_gives_as_many_answers_and_bills_the_prompt_once(wire: Wire) -> None:
    one = wire.post(CHAT, chat()).json()

    three = wire.post(CHAT, chat(n=3)).json()

    texts = [choice["message"]["content"] for choice in three["choices"]]
    assert [choice["index"] for choice in three["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert three["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    assert three["usage"]["completion_tokens"] == sum(-(-len(text) // 4) for text in texts)


def test_another_seed_gives_another_answer(wire: Wire) -> None:
    first = message_of(wire.post(CHAT, chat(random_seed=1)))
    second = message_of(wire.post(CHAT, chat(random_seed=2)))

    assert first != second


def test_a_prefix_begins_the_answer(wire: Wire) -> None:
    body = chat()
    body["messages"].append({"role": "assistant", "content": "Well, ", "prefix": True})

    assert message_of(wire.post(CHAT, body))["content"].startswith("Well, ")


def test_json_object_gives_an_object(wire: Wire) -> None:
    answer = wire.post(CHAT, chat(response_format={"type": "json_object"}))

    assert isinstance(json.loads(message_of(answer)["content"]), dict)


def test_json_schema_gives_what_the_schema_says(wire: Wire) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "Person", "schema": schema}}

    person = json.loads(message_of(wire.post(CHAT, chat(response_format=wanted)))["content"])

    assert isinstance(person["name"], str)
    assert isinstance(person["age"], int)


@pytest.mark.parametrize(
    "tool_choice",
    ["any", "required", {"type": "function", "function": {"name": "get_weather"}}],
)
def test_a_tool_is_called_when_one_must_be(wire: Wire, tool_choice: object) -> None:
    answer = wire.post(CHAT, chat(tools=[TOOL, OTHER_TOOL], tool_choice=tool_choice)).json()

    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["choices"][0]["message"]["content"] == ""
    assert re.fullmatch("[a-zA-Z0-9]{9}", call["id"])
    assert call["function"]["name"] == "get_weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city", "days"}


@pytest.mark.parametrize(
    ("prompt", "fields", "called"),
    [
        ("Hello", {}, []),
        ("Use get_time", {}, ["get_time"]),
        ("Use get_time and get_weather", {}, ["get_weather", "get_time"]),
        ("Use get_time and get_weather", {"parallel_tool_calls": False}, ["get_weather"]),
        ("Use get_time", {"tool_choice": "none"}, []),
        ("Use get_time", {"tool_choice": "any"}, ["get_time"]),
    ],
)
def test_the_prompt_decides_which_tools_are_called(
    wire: Wire, prompt: str, fields: dict[str, Any], called: list[str]
) -> None:
    answer = wire.post(CHAT, chat(prompt, tools=[TOOL, OTHER_TOOL], **fields))

    calls = message_of(answer)["tool_calls"] or []
    assert [call["function"]["name"] for call in calls] == called


def test_a_tools_result_is_answered_in_words(wire: Wire) -> None:
    body = chat("Use get_weather", tools=[TOOL])
    [call] = message_of(wire.post(CHAT, body))["tool_calls"]
    body["messages"] += [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "12 C", "tool_call_id": call["id"], "name": "get_weather"},
    ]

    answer = message_of(wire.post(CHAT, body))

    assert answer["tool_calls"] is None
    assert answer["content"]


def test_a_tool_call_that_is_cut_has_no_arguments(wire: Wire) -> None:
    answer = wire.post(CHAT, chat(tools=[TOOL], tool_choice="any", max_tokens=2)).json()

    [choice] = answer["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == ""
    assert answer["usage"]["completion_tokens"] == 2


def test_reasoning_is_cut_before_the_text_begins(wire: Wire) -> None:
    answer = wire.post(CHAT, chat(reasoning_effort="high", max_tokens=3)).json()

    [choice] = answer["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"][0]["thinking"][0]["text"] == "Let me think"
    assert choice["message"]["content"][1]["text"] == ""


def test_a_stream_adds_up_to_the_whole_answer(wire: Wire) -> None:
    whole = wire.post(CHAT, chat(n=2)).json()

    answer = wire.post(CHAT, chat(n=2, stream=True))

    chunks = chunks_of(answer)
    texts = [choice["message"]["content"] for choice in whole["choices"]]
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert [text_of(chunks, 0), text_of(chunks, 1)] == texts
    assert chunks[-1]["usage"] == whole["usage"]


def test_a_stream_has_the_role_first_padding_later_and_usage_last(wire: Wire) -> None:
    first, *others = chunks_of(wire.post(CHAT, chat(stream=True)))

    assert first["object"] == "chat.completion.chunk"
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert "p" not in first
    assert all(chunk["p"].isalpha() for chunk in others)
    assert ["usage" in chunk for chunk in others] == [False] * (len(others) - 1) + [True]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in others]
    assert reasons == [None] * (len(others) - 1) + ["stop"]


def test_a_stream_comes_in_many_small_chunks(wire: Wire) -> None:
    chunks = chunks_of(wire.post(CHAT, chat(stream=True)))

    pieces = [chunk["choices"][0]["delta"]["content"] for chunk in chunks]
    assert len(pieces) > 20
    assert max(len(piece) for piece in pieces) <= 4


def test_the_last_chunk_of_a_stream_carries_text_in_some_and_none_in_others(wire: Wire) -> None:
    streams = [wire.post(CHAT, chat(stream=True, max_tokens=count)) for count in (3, 4)]

    last = [chunks_of(stream)[-1]["choices"][0]["delta"]["content"] for stream in streams]
    assert [bool(piece) for piece in last] == [True, False]


def test_a_streamed_tool_call_comes_whole_with_the_finish_reason(wire: Wire) -> None:
    body = chat(tools=[TOOL], tool_choice="any")
    whole = message_of(wire.post(CHAT, body))

    role, call = chunks_of(wire.post(CHAT, {**body, "stream": True}))

    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert call["choices"][0]["delta"] == {"tool_calls": whole["tool_calls"]}
    assert call["choices"][0]["finish_reason"] == "tool_calls"
    assert "usage" in call


def test_streamed_reasoning_is_lists_then_an_empty_list_then_text(wire: Wire) -> None:
    chunks = chunks_of(wire.post(CHAT, chat(reasoning_effort="high", stream=True)))

    contents = [chunk["choices"][0]["delta"]["content"] for chunk in chunks[1:]]
    kinds = "".join(
        "t" if isinstance(each, str) else str(len(each[0]["thinking"])) for each in contents
    )
    assert re.fullmatch("1+0t+", kinds)


def test_a_prompt_in_any_script_is_echoed_in_utf_8(wire: Wire) -> None:
    answer = wire.post(CHAT, chat("Расскажи лисицах"))

    assert re.search("Расскажи|лисицах", message_of(answer)["content"])
    assert "\\u" not in answer.text
