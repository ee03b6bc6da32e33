"""Mistral's own SDK, on a port of this machine."""

import asyncio

import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError
from mistralai.client.models import AssistantMessage, FunctionCall, ToolCall
from pydantic import BaseModel

from tests.unit.simulator.driving import KEY, TOOL

MODEL = "mistral-small-latest"
QUESTION = [{"role": "user", "content": "Why do bees build hexagons?"}]


class Person(BaseModel):
    name: str
    age: int


def test_a_chat_is_completed(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        answer = client.chat.complete(model=MODEL, messages=QUESTION, max_tokens=5)

    assert answer.model == MODEL
    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


def test_a_chat_is_streamed(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        whole = client.chat.complete(model=MODEL, messages=QUESTION)
        with client.chat.stream(model=MODEL, messages=QUESTION) as stream:
            chunks = [event.data for event in stream]

    message = whole.choices[0].message
    assert message is not None
    pieces = [chunk.choices[0].delta.content for chunk in chunks]
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == message.content
    assert chunks[-1].usage == whole.usage


def test_a_chat_is_completed_and_streamed_without_blocking(url: str) -> None:
    async def both() -> tuple[object, str]:
        async with Mistral(api_key=KEY, server_url=url) as client:
            whole = await client.chat.complete_async(model=MODEL, messages=QUESTION)
            stream = await client.chat.stream_async(model=MODEL, messages=QUESTION)
            async with stream:
                pieces = [event.data.choices[0].delta.content async for event in stream]
        message = whole.choices[0].message
        assert message is not None
        return message.content, "".join(piece for piece in pieces if isinstance(piece, str))

    whole, streamed = asyncio.run(both())

    assert whole == streamed


def test_a_tool_is_called_and_its_result_is_answered(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        called = client.chat.complete(
            model=MODEL, messages=QUESTION, tools=[TOOL], tool_choice="any"
        )
        message = called.choices[0].message
        assert message is not None
        assert message.tool_calls
        [call] = message.tool_calls
        result = {"role": "tool", "content": "12 C", "tool_call_id": call.id, "name": "get_weather"}
        answer = client.chat.complete(model=MODEL, messages=[*QUESTION, message, result])

    assert isinstance(message, AssistantMessage)
    assert isinstance(call, ToolCall)
    assert isinstance(call.function, FunctionCall)
    assert answer.choices[0].finish_reason == "stop"


def test_a_structured_answer_is_parsed(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        answer = client.chat.parse(model=MODEL, messages=QUESTION, response_format=Person)

    assert answer.choices is not None
    assert answer.choices[0].message is not None
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_reasoning_is_understood(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        answer = client.chat.complete(model=MODEL, messages=QUESTION, reasoning_effort="high")
        with client.chat.stream(model=MODEL, messages=QUESTION, reasoning_effort="high") as stream:
            events = list(stream)

    message = answer.choices[0].message
    assert message is not None
    assert isinstance(message.content, list)
    assert [chunk.type for chunk in message.content] == ["thinking", "text"]
    assert events[-1].data.choices[0].finish_reason == "stop"


def test_texts_are_embedded(url: str) -> None:
    async def embed() -> int:
        async with Mistral(api_key=KEY, server_url=url) as client:
            answer = await client.embeddings.create_async(model="mistral-embed", inputs=["a"])
            return len(answer.data[0].embedding or [])

    with Mistral(api_key=KEY, server_url=url) as client:
        answer = client.embeddings.create(model="mistral-embed", inputs=["a", "b"])

    assert [len(each.embedding or []) for each in answer.data] == [1024, 1024]
    assert asyncio.run(embed()) == 1024


def test_models_are_listed_and_retrieved(url: str) -> None:
    async def names() -> list[str]:
        async with Mistral(api_key=KEY, server_url=url) as client:
            cards = await client.models.list_async()
            one = await client.models.retrieve_async(model_id=MODEL)
            return [one.id, *(card.id for card in cards.data or [])]

    with Mistral(api_key=KEY, server_url=url) as client:
        cards = client.models.list().data or []
        one = client.models.retrieve(model_id=MODEL)

    assert one.id == MODEL
    assert asyncio.run(names()) == [MODEL, *(card.id for card in cards)]


def test_the_other_endpoints_are_understood(url: str) -> None:
    document = {"type": "document_url", "document_url": "https://files.invalid/b.pdf"}
    with Mistral(api_key=KEY, server_url=url) as client:
        middle = client.fim.complete(model="codestral-latest", prompt="def f(", suffix="return 1")
        agent = client.agents.complete(messages=QUESTION, agent_id="ag:1")
        moderation = client.classifiers.moderate(model="mistral-moderation-2603", inputs=["x"])
        chats = client.classifiers.moderate_chat(model="mistral-moderation-2603", inputs=QUESTION)
        classes = client.classifiers.classify(model="ft:classifier:1", inputs=["x"])
        chat_classes = client.classifiers.classify_chat(
            model="ft:classifier:1", input=[{"messages": QUESTION}]
        )
        pages = client.ocr.process(
            model="mistral-ocr-latest", document=document, include_blocks=True
        )

    assert middle.choices[0].finish_reason == agent.choices[0].finish_reason == "stop"
    assert len(moderation.results) == len(chats.results) == 1
    assert len(classes.results) == len(chat_classes.results) == 1
    assert len(pages.pages) == pages.usage_info.pages_processed


def test_errors_arrive_as_the_sdks_own(url: str) -> None:
    with Mistral(api_key="wrong", server_url=url) as stranger, pytest.raises(SDKError) as refused:
        stranger.models.list()
    with Mistral(api_key=KEY, server_url=url) as client:
        with pytest.raises(SDKError) as unknown:
            client.chat.complete(model="absent", messages=QUESTION)
        with pytest.raises(HTTPValidationError) as malformed:
            client.chat.complete(model=MODEL, messages=QUESTION, temperature=9)

    assert refused.value.status_code == 401
    assert unknown.value.status_code == 400
    assert malformed.value.status_code == 422


# The warning is of a library that the SDK brings along for these paths.
@pytest.mark.filterwarnings(r"ignore:ast\.:DeprecationWarning")
def test_what_is_not_there_is_the_sdks_own_error(url: str) -> None:
    with Mistral(api_key=KEY, server_url=url) as client:
        with pytest.raises(SDKError) as file:
            client.files.retrieve(file_id="00000000-0000-4000-8000-000000000000")
        with pytest.raises(SDKError) as job:
            client.batch.jobs.get(job_id="00000000-0000-4000-8000-000000000000")
        with pytest.raises(SDKError) as conversation:
            client.beta.conversations.get(conversation_id="conv_absent")
        with pytest.raises(SDKError) as malformed:
            client.batch.jobs.create(endpoint="/v1/chat/completions", model=MODEL)

    statuses = [each.value.status_code for each in (file, job, conversation, malformed)]
    assert statuses == [404, 404, 404, 422]
