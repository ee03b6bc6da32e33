"""One function for each captured call: it brings about the same situation and makes the call."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from pydantic import BaseModel

from tests.unit.simulator.sdk import Sdk, Stage
from tools.simulator.behaviour import Behaviour

type SdkCall = Callable[[Sdk, Stage], Any]

CALLS: dict[str, SdkCall] = {}
MODEL = "mistral-small-latest"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
LINE = b'{"custom_id":"0","body":{"messages":[{"role":"user","content":"a"}]}}\n'
BAD_LINE = b'{"custom_id":"1","body":{"messages":[]}}\n'
ONE_REQUEST = {"custom_id": "0", "body": {"messages": [{"role": "user", "content": "a"}]}}
CAPTURED_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "w",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
GUARDRAIL = {
    "block_on_error": True,
    "moderation_llm_v2": {"model_name": "mistral-moderation-2603", "action": "block"},
}
BAD_REQUEST = {"custom_id": "1", "body": {"messages": []}}


class Person(BaseModel):
    name: str
    age: int


def captured(name: str) -> Callable[[SdkCall], SdkCall]:
    def register(call: SdkCall) -> SdkCall:
        CALLS[name] = call
        return call

    return register


def plain(name: str, method: str, **arguments: Any) -> None:
    CALLS[name] = lambda sdk, _stage: sdk(method, **arguments)


def chat(name: str, method: str = "chat.complete", **fields: Any) -> None:
    plain(name, method, **{"model": MODEL, "messages": MESSAGES, **fields})


chat(
    "chat.complete",
    temperature=0.2,
    top_p=0.9,
    max_tokens=64,
    stop=["END"],
    random_seed=7,
    metadata={"k": "v"},
    response_format={"type": "json_object"},
    tools=[CAPTURED_TOOL],
    tool_choice="none",
    presence_penalty=0.1,
    frequency_penalty=0.1,
    n=1,
    prediction={"type": "content", "content": "x"},
    parallel_tool_calls=True,
    guardrails=[GUARDRAIL],
    prompt_cache_key="s1",
    service_tier="auto",
    safe_prompt=False,
)
chat("chat.complete.minimal")
chat("chat.complete.reasoning", reasoning_effort="high", prompt_mode="reasoning")
chat("chat.complete.tools", tools=[CAPTURED_TOOL], tool_choice="any")
chat("chat.parse", "chat.parse", response_format=Person)
chat("chat.stream", "chat.stream")
chat("chat.stream_async", "chat.stream")
chat("chat.stream.tools", "chat.stream", tools=[CAPTURED_TOOL], tool_choice="any")
chat(
    "chat.complete.vision",
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what"},
                {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
                {"type": "document_url", "document_url": "https://e.invalid/a.pdf"},
                {"type": "file", "file_id": "00000000-0000-4000-8000-000000000041"},
                {"type": "input_audio", "input_audio": "AAAA"},
            ],
        }
    ],
)
chat(
    "chat.complete.tool_choice_named_and_tool_turn",
    messages=[
        *MESSAGES,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "D681PevKs",
                    "type": "function",
                    "index": 0,
                    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                }
            ],
            "prefix": False,
        },
        {"role": "tool", "content": "12C", "tool_call_id": "D681PevKs", "name": "get_weather"},
    ],
    tools=[CAPTURED_TOOL],
    tool_choice={"type": "function", "function": {"name": "get_weather"}},
)
plain("agents.complete", "agents.complete", agent_id="ag:1:20240101:x:1", messages=MESSAGES)
plain("agents.stream", "agents.stream", agent_id="ag_1", messages=MESSAGES)
plain(
    "embeddings.create",
    "embeddings.create",
    model="mistral-embed",
    inputs=["a", "b"],
    output_dtype="float",
    encoding_format="float",
)
plain("models.list", "models.list")
plain("models.retrieve", "models.retrieve", model_id="mistral-small-2603")
plain("fim.complete", "fim.complete", model="codestral-latest", prompt="def f(", suffix="return 1")
plain(
    "classifiers.moderate",
    "classifiers.moderate",
    model="mistral-moderation-2603",
    inputs=["x"],
)
plain(
    "classifiers.moderate_chat",
    "classifiers.moderate_chat",
    model="mistral-moderation-2603",
    inputs=[{"role": "user", "content": "x"}],
)
plain("classifiers.classify", "classifiers.classify", model="ft:classifier:1", inputs=["x"])
plain(
    "ocr.process",
    "ocr.process",
    model="mistral-ocr-latest",
    document={"type": "document_url", "document_url": "https://e.invalid/a.pdf"},
    include_blocks=False,
)
plain(
    "audio.transcriptions.complete",
    "audio.transcriptions.complete",
    model="voxtral-mini-latest",
    file={"file_name": "a.mp3", "content": b"ID3", "content_type": "audio/mpeg"},
    language="en",
)


def uploaded(sdk: Sdk, content: bytes = LINE, **fields: Any) -> Any:
    file = {"file_name": "in.jsonl", "content": content}
    return sdk("files.upload", **{"file": file, "purpose": "batch", **fields})


@captured("files.upload")
def upload(sdk: Sdk, _stage: Stage) -> Any:
    return uploaded(sdk)


@captured("files.upload.fileobj")
def upload_open_file(sdk: Sdk, _stage: Stage) -> Any:
    file = {"file_name": "in.jsonl", "content": BytesIO(LINE), "content_type": "application/jsonl"}
    return uploaded(sdk, file=file, visibility="user")


@captured("files.list")
def list_files(sdk: Sdk, _stage: Stage) -> Any:
    uploaded(sdk)
    return sdk("files.list", page=0, page_size=10, include_total=True, purpose="batch")


@captured("files.retrieve")
def retrieve_file(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("files.retrieve", file_id=uploaded(sdk).id)


@captured("files.get_signed_url")
def sign(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("files.get_signed_url", file_id=uploaded(sdk).id, expiry=24)


@captured("files.delete")
def delete_file(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("files.delete", file_id=uploaded(sdk).id)


@captured("files.download")
def download(sdk: Sdk, stage: Stage) -> Any:
    output_file = finished(sdk, stage).output_file
    answer = sdk("files.download", file_id=output_file)
    sdk.received[-1].read()
    return answer


def batch(sdk: Sdk, **fields: Any) -> Any:
    job = {"endpoint": "/v1/chat/completions", "model": MODEL, "timeout_hours": 24}
    return sdk("batch.jobs.create", **{**job, **fields})


def finished(sdk: Sdk, stage: Stage, **query: Any) -> Any:
    job = batch(sdk, input_files=[uploaded(sdk, LINE + BAD_LINE).id])
    stage.clock.turn(1)
    return sdk("batch.jobs.get", job_id=job.id, **query)


@captured("batch.jobs.create.files")
def create_from_files(sdk: Sdk, _stage: Stage) -> Any:
    return batch(sdk, input_files=[uploaded(sdk).id], metadata={"job": "t"})


@captured("batch.jobs.create.inline")
def create_inline(sdk: Sdk, _stage: Stage) -> Any:
    return batch(sdk, requests=[ONE_REQUEST, ONE_REQUEST])


@captured("batch.jobs.get")
def get_job(sdk: Sdk, stage: Stage) -> Any:
    return finished(sdk, stage)


@captured("batch.jobs.get.inline")
def get_job_inline(sdk: Sdk, stage: Stage) -> Any:
    return finished(sdk, stage, inline=True)


@captured("batch.jobs.delete")
def delete_job(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("batch.jobs.delete", job_id=batch(sdk, requests=[ONE_REQUEST]).id)


@captured("batch.jobs.cancel")
def cancel_job(sdk: Sdk, stage: Stage) -> Any:
    stage.simulator.behave(Behaviour(batch_seconds=100))
    return sdk("batch.jobs.cancel", job_id=batch(sdk, requests=[ONE_REQUEST]).id)


@captured("batch.jobs.list")
def list_jobs(sdk: Sdk, stage: Stage) -> Any:
    stage.simulator.behave(Behaviour(batch_seconds=100))
    batch(sdk, requests=[ONE_REQUEST, ONE_REQUEST], metadata={"job": "t"})
    stage.clock.turn(60)
    return sdk(
        "batch.jobs.list",
        page=0,
        page_size=5,
        metadata={"job": "t"},
        created_by_me=True,
        status=["RUNNING", "QUEUED"],
        order_by="-created",
    )
