"""Fill-in-the-middle, agents, classifiers and documents."""

import json
from typing import Any

import pytest

from tests.unit.simulator.driving import Wire, chat, chunks_of, message_of, text_of

FIM = {"model": "codestral-latest", "prompt": "def mean(values):", "suffix": "    return total"}
DOCUMENT = {"type": "document_url", "document_url": "https://files.invalid/b.pdf"}


def test_the_middle_is_streamed_as_a_chat_is(wire: Wire) -> None:
    whole = wire.post("/v1/fim/completions", FIM)
    streamed = wire.post("/v1/fim/completions", {**FIM, "stream": True})

    assert text_of(chunks_of(streamed)) == message_of(whole)["content"]


def test_the_middle_honours_max_tokens(wire: Wire) -> None:
    answer = wire.post("/v1/fim/completions", {**FIM, "max_tokens": 2}).json()

    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


def test_an_agent_needs_its_id_and_knows_no_model(wire: Wire) -> None:
    body = {"agent_id": "ag:1", "messages": chat()["messages"]}
    without = wire.post("/v1/agents/completions", {"messages": chat()["messages"]})
    with_model = wire.post("/v1/agents/completions", {**body, "model": "mistral-small-latest"})

    assert without.json()["detail"][0]["loc"] == ["body", "agent_id"]
    assert with_model.json()["detail"][0]["loc"] == ["body", "model"]


def test_an_agent_streams(wire: Wire) -> None:
    body = {"agent_id": "ag:1", "messages": chat()["messages"]}

    whole = wire.post("/v1/agents/completions", body)
    streamed = wire.post("/v1/agents/completions", {**body, "stream": True})

    assert text_of(chunks_of(streamed)) == message_of(whole)["content"]


@pytest.mark.parametrize(
    ("text", "flagged"),
    [("a calm river", set()), ("Threats of violence!", {"violence_and_threats"})],
)
def test_a_category_is_flagged_by_its_words(wire: Wire, text: str, flagged: set[str]) -> None:
    body = {"model": "mistral-moderation-latest", "input": text}

    [result] = wire.post("/v1/moderations", body).json()["results"]

    assert {name for name, flag in result["categories"].items() if flag} == flagged


CHAT_MESSAGES = [
    {"role": "user", "content": "How?"},
    {"role": "assistant", "content": "By violence"},
]


@pytest.mark.parametrize(
    ("given", "count"), [(CHAT_MESSAGES, 1), ([CHAT_MESSAGES, CHAT_MESSAGES], 2)]
)
def test_a_chat_is_moderated_by_its_last_message(wire: Wire, given: list[Any], count: int) -> None:
    body = {"model": "mistral-moderation-2603", "input": given}

    results = wire.post("/v1/chat/moderations", body).json()["results"]

    assert [each["categories"]["violence_and_threats"] for each in results] == [True] * count


def test_each_text_is_classified_and_its_scores_add_up_to_one(wire: Wire) -> None:
    body = {"model": "ft:classifier:1", "input": ["a", "b"]}

    results = wire.post("/v1/classifications", body).json()["results"]

    assert [sum(each["intent"]["scores"].values()) for each in results] == pytest.approx([1, 1])


def test_several_chats_are_classified_at_once(wire: Wire) -> None:
    body = {"model": "ft:classifier:1", "input": [{"messages": CHAT_MESSAGES}] * 2}

    results = wire.post("/v1/chat/classifications", body).json()["results"]

    assert len(results) == 2


@pytest.mark.parametrize(
    ("pages", "wanted"), [([0, 2, 900], {0, 2}), ("0,2-900", {0, 2, 3, 4}), ("1", {1})]
)
def test_only_the_pages_asked_for_are_read(wire: Wire, pages: Any, wanted: set[int]) -> None:
    body = {"model": "mistral-ocr-latest", "document": DOCUMENT}
    total = len(wire.post("/v1/ocr", body).json()["pages"])

    answer = wire.post("/v1/ocr", {**body, "pages": pages}).json()

    read = [page["index"] for page in answer["pages"]]
    assert read == sorted(wanted & set(range(total)))
    assert answer["usage_info"]["pages_processed"] == len(read)


def test_pages_that_are_no_range_are_400(wire: Wire) -> None:
    body = {"model": "mistral-ocr-latest", "document": DOCUMENT, "pages": "all"}

    assert wire.post("/v1/ocr", body).json()["code"] == "3051"


def test_an_image_has_one_page_with_blocks_and_an_annotation_on_request(wire: Wire) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    body = {
        "model": None,
        "document": {"type": "image_url", "image_url": {"url": "https://files.invalid/a.png"}},
        "include_blocks": True,
        "extract_header": True,
        "extract_footer": True,
        "document_annotation_format": {
            "type": "json_schema",
            "json_schema": {"name": "Sheet", "schema": schema},
        },
    }

    answer = wire.post("/v1/ocr", body).json()

    [page] = answer["pages"]
    assert page["blocks"][0]["content"] in page["markdown"]
    assert (page["header"], page["footer"]) == (None, None)
    assert set(json.loads(answer["document_annotation"])) == {"title"}
