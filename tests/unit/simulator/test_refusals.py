"""What Mistral refuses, the simulator refuses in the same words."""

from typing import Any

import pytest

from tests.unit.simulator.driving import CHAT, TOOL, Wire, chat

USER = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", "Basic abc"])
@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
def test_a_missing_or_wrong_key_is_401(wire: Wire, authorization: str, path: str) -> None:
    answer = wire.post(path, chat(), headers={"authorization": authorization})

    assert answer.status_code == 401
    assert answer.json() == {"detail": "Invalid API Key"}
    assert "mistral-correlation-id" in answer.headers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, chat(model="open-mistral-7b")),
        (CHAT, chat(model="mistral-embed")),
        ("/v1/embeddings", {"model": "mistral-small-latest", "input": "a"}),
        ("/v1/fim/completions", {"model": "mistral-small-latest", "prompt": "a"}),
        ("/v1/moderations", {"model": "mistral-embed", "input": "a"}),
        ("/v1/classifications", {"model": "mistral-embed", "input": "a"}),
        (
            "/v1/ocr",
            {"model": "mistral-embed", "document": {"type": "file", "file_id": "f"}},
        ),
    ],
)
def test_a_model_that_cannot_serve_the_call_is_400(
    wire: Wire, path: str, body: dict[str, Any]
) -> None:
    answer = wire.post(path, body)

    assert answer.status_code == 400
    assert answer.json() == {
        "object": "error",
        "message": f"Invalid model: {body['model']}",
        "type": "invalid_model",
        "param": None,
        "code": "1500",
        "raw_status_code": 400,
    }


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"stream_options": {"include_usage": True}}, ["stream_options"]),
        ({"seed": 1}, ["seed"]),
        ({"temperature": 1.6}, ["temperature"]),
        ({"top_p": 0}, ["top_p"]),
        ({"max_tokens": -1}, ["max_tokens"]),
        ({"n": 0}, ["n"]),
        ({"reasoning_effort": "huge"}, ["reasoning_effort"]),
        ({"response_format": {"type": "xml"}}, ["response_format", "type"]),
        ({"messages": []}, ["messages"]),
        ({"messages": [{"role": "developer", "content": "x"}]}, ["messages", 0]),
        ({"messages": [{**USER, "name": "Ada"}]}, ["messages", 0, "user", "name"]),
        ({"messages": [{"role": "user"}]}, ["messages", 0, "user", "content"]),
        ({"tools": [TOOL] * 129}, ["tools"]),
        ({"tools": [{"type": "function"}]}, ["tools", 0, "function", "function"]),
    ],
)
def test_a_malformed_field_is_422_and_named(
    wire: Wire, fields: dict[str, Any], place: list[str | int]
) -> None:
    answer = wire.post(CHAT, {**chat(), **fields})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", *place]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_body_that_is_no_json_object_is_422(wire: Wire, content: bytes) -> None:
    answer = wire.send(CHAT, content)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body"]


@pytest.mark.parametrize("tool_call_id", ["call_123456789", "12345678", "123-56789"])
def test_a_tool_call_id_is_nine_letters_and_digits(wire: Wire, tool_call_id: str) -> None:
    result = {"role": "tool", "content": "12 C", "tool_call_id": tool_call_id}
    answer = wire.post(CHAT, {**chat(), "messages": [USER, result]})

    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid_function_call"
    assert answer.json()["code"] == "3280"


def test_the_ids_of_an_earlier_turn_are_checked_too(wire: Wire) -> None:
    call = {"id": "call_1", "function": {"name": "f", "arguments": {}}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    answer = wire.post(CHAT, {**chat(), "messages": [USER, turn, USER]})

    assert answer.json()["code"] == "3280"


@pytest.mark.parametrize(
    "messages",
    [
        [USER, {"role": "assistant", "content": "Hi"}],
        [{"role": "system", "content": "Be brief"}],
        [USER, {"role": "tool", "content": "12 C", "tool_call_id": "abcdefghi"}, USER],
    ],
)
def test_messages_out_of_order_are_400(wire: Wire, messages: list[dict[str, Any]]) -> None:
    answer = wire.post(CHAT, {**chat(), "messages": messages})

    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid_request_message_order"
    assert answer.json()["code"] == "3230"


@pytest.mark.parametrize(
    "fields",
    [
        {"logprobs": True},
        {"reasoning_effort": "low"},
        {"n": 2, "prediction": {"type": "content", "content": "x"}},
        {"response_format": {"type": "json_schema"}},
        {"tool_choice": "any"},
        {"tool_choice": {"type": "function", "function": {"name": "absent"}}, "tools": [TOOL]},
        {"max_tokens": 300_000},
    ],
)
def test_options_that_do_not_go_together_are_400(wire: Wire, fields: dict[str, Any]) -> None:
    answer = wire.post(CHAT, chat(**fields))

    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid_request_invalid_args"
    assert answer.json()["code"] == "3051"


def test_a_refused_stream_is_plain_json(wire: Wire) -> None:
    answer = wire.post(CHAT, chat(model="absent", stream=True))

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"


def test_half_a_surrogate_pair_is_no_reason_to_break_down(wire: Wire) -> None:
    answer = wire.send(CHAT, b'{"model": "\\ud800", "messages": []}')

    assert answer.status_code == 422
