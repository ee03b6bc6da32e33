"""The requests the simulator takes, closed as Mistral's are: an unknown field is a 422.

Source: https://docs.mistral.ai/api (v1.7.7), widened by the fields that mistralai 3.7.0 sends.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TOOLS_MAX = 128
TEMPERATURE_MAX = 1.5
PENALTY_MAX = 2
CHOICES_MAX = 64  # ours: Mistral names no ceiling, and an answer must have one

Penalty = Annotated[float, Field(ge=-PENALTY_MAX, le=PENALTY_MAX)]
Temperature = Annotated[float, Field(ge=0, le=TEMPERATURE_MAX)]
NaturalNumber = Annotated[int, Field(ge=0)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Closed(BaseModel):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Open(BaseModel):
    """Lets the fields pass that make no difference to the simulator."""

    model_config = ConfigDict(extra="allow", frozen=True)


class TextChunk(Closed):
    """Plain text."""

    type: Literal["text"]
    text: str


class ThinkingChunk(Closed):
    """Reasoning handed back from an earlier turn."""

    type: Literal["thinking"]
    thinking: list[Open]
    signature: str | None = None
    closed: bool = True


class ImageUrl(Closed):
    """An image's address with the detail to read it at."""

    url: str
    detail: Literal["low", "auto", "high"] | None = None


class ImageChunk(Closed):
    """An image by https or data URL."""

    type: Literal["image_url"]
    image_url: str | ImageUrl


class DocumentChunk(Closed):
    """A document by URL."""

    type: Literal["document_url"]
    document_url: str
    document_name: str | None = None


class FileChunk(Closed):
    """An uploaded file."""

    type: Literal["file"]
    file_id: str


class OtherChunk(Open):
    """The kinds whose inside the simulator never looks at."""

    type: Literal["input_audio", "reference", "resource", "resource_link"]


Chunk = Annotated[
    TextChunk | ThinkingChunk | ImageChunk | DocumentChunk | FileChunk | OtherChunk,
    Field(discriminator="type"),
]
Content = str | list[Chunk]


class FunctionCall(Closed):
    """What an earlier turn called."""

    name: str
    arguments: str | dict[str, Any]


class ToolCallPart(Closed):
    """A tool call as the assistant made it."""

    id: str | None = None
    type: Literal["function"] = "function"
    function: FunctionCall
    index: int = 0


class SystemMessage(Closed):
    """Instructions."""

    role: Literal["system"]
    content: str | list[Annotated[TextChunk | ThinkingChunk, Field(discriminator="type")]]


class UserMessage(Closed):
    """What the user says."""

    role: Literal["user"]
    content: Content | None


class AssistantMessage(Closed):
    """An earlier answer, or with ``prefix`` the beginning of this one."""

    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: list[ToolCallPart] | None = None
    prefix: bool = False


class ToolMessage(Closed):
    """What a tool returned."""

    role: Literal["tool"]
    content: Content | None
    tool_call_id: str | None = None
    name: str | None = None


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]
Messages = Annotated[list[Message], Field(min_length=1)]


class Function(Closed):
    """A function the model may call."""

    name: str
    parameters: dict[str, Any]
    description: str = ""
    strict: bool = False


class FunctionTool(Closed):
    """The one kind of tool the simulator calls."""

    type: Literal["function"]
    function: Function


class HostedTool(Open):
    """Tools that run at Mistral; accepted, and never used."""

    type: Literal[
        "web_search",
        "web_search_premium",
        "code_interpreter",
        "image_generation",
        "document_library",
        "connector",
    ]


class FunctionName(Closed):
    """A function by its name."""

    name: str


class NamedToolChoice(Closed):
    """This tool and no other."""

    type: Literal["function"] = "function"
    function: FunctionName


class JsonSchema(Closed):
    """The schema an answer has to follow."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str
    schema_definition: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool = False


class ResponseFormat(Closed):
    """Text, any JSON, or JSON by a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class Prediction(Closed):
    """What the caller expects to read."""

    type: Literal["content"] = "content"
    content: Content


class CompletionFields(Closed):
    """What chat, agents and fill-in-the-middle have in common."""

    max_tokens: NaturalNumber | None = None
    min_tokens: NaturalNumber | None = None
    stream: bool = False
    stop: str | list[str] | None = None
    random_seed: NaturalNumber | None = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None


class ConversationFields(CompletionFields):
    """What chat and agents have in common."""

    messages: Messages
    response_format: ResponseFormat = ResponseFormat()
    tools: (
        Annotated[
            list[Annotated[FunctionTool | HostedTool, Field(discriminator="type")]],
            Field(max_length=TOOLS_MAX),
        ]
        | None
    ) = None
    tool_choice: Literal["auto", "none", "any", "required"] | NamedToolChoice = "auto"
    parallel_tool_calls: bool = True
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    n: Annotated[int, Field(ge=1, le=CHOICES_MAX)] | None = None
    prediction: Prediction | None = None
    reasoning_effort: Effort | None = None
    prompt_mode: Literal["reasoning"] | None = None
    guardrails: list[Open] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    prompt_logprobs: bool | None = None
    top_prompt_logprobs: int | None = None


class SamplingFields(Closed):
    """Which model, and how freely it draws."""

    model: str
    temperature: Temperature | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None


class ChatRequest(ConversationFields, SamplingFields):
    """POST /v1/chat/completions."""

    safe_prompt: bool = False


class AgentsRequest(ConversationFields):
    """POST /v1/agents/completions."""

    agent_id: Annotated[str, Field(min_length=1)]


class FimRequest(CompletionFields, SamplingFields):
    """POST /v1/fim/completions."""

    prompt: str
    suffix: str | None = None
