"""The requests of conversations, and the entries that go in and out of them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from tools.simulator.agent_schema import CompletionArgs, Tools
from tools.simulator.schema import Closed, Content, Open

type Json = dict[str, Any]


class Entry(Closed):
    """What every entry may carry; an entry that comes in is given an id and a moment anew."""

    object: Literal["entry"] = "entry"
    id: str | None = None
    created_at: str | None = None
    completed_at: str | None = None


class MessageInput(Entry):
    """What is said to the model."""

    type: Literal["message.input"] = "message.input"
    role: Literal["user", "assistant"]
    content: Content
    prefix: bool = False


class MessageOutput(Entry):
    """What the model said."""

    type: Literal["message.output"] = "message.output"
    role: Literal["assistant"] = "assistant"
    content: str | list[Json]
    agent_id: str | None = None
    model: str | None = None


class FunctionCallEntry(Entry):
    """What the model called, and waits for."""

    type: Literal["function.call"] = "function.call"
    tool_call_id: str
    name: str
    arguments: str | Json
    confirmation_status: Literal["pending", "allowed", "denied"] | None = None
    agent_id: str | None = None
    model: str | None = None


class FunctionResult(Entry):
    """What the function returned."""

    type: Literal["function.result"] = "function.result"
    tool_call_id: str
    result: str


class HostedEntry(Open):
    """What was done at Mistral; it says nothing to the model here."""

    type: Literal["tool.execution", "agent.handoff"]


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("type", "message.input"))
    return str(getattr(value, "type", ""))


AnyEntry = Annotated[
    Annotated[MessageInput, Tag("message.input")]
    | Annotated[MessageOutput, Tag("message.output")]
    | Annotated[FunctionCallEntry, Tag("function.call")]
    | Annotated[FunctionResult, Tag("function.result")]
    | Annotated[HostedEntry, Tag("tool.execution")]
    | Annotated[HostedEntry, Tag("agent.handoff")],
    Discriminator(_kind),
]
Inputs = str | Annotated[list[AnyEntry], Field(min_length=1)]


class ToolConfirmation(Closed):
    """The user's word on a call that needs one."""

    tool_call_id: str
    confirmation: Literal["allow", "deny"]


class TurnFields(Closed):
    """What each turn may say."""

    inputs: Inputs | None = None
    stream: bool = False
    store: bool = True
    handoff_execution: Literal["client", "server"] | None = None
    completion_args: CompletionArgs | None = None


class StartConversation(TurnFields):
    """POST /v1/conversations."""

    model: str | None = None
    agent_id: str | None = None
    agent_version: str | int | None = None
    instructions: str | None = None
    tools: Tools | None = None
    guardrails: list[Open] | None = None
    name: str | None = None
    description: str | None = None
    metadata: Json | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.inputs is None:
            raise PydanticCustomError("missing", "inputs is required")
        if (self.model is None) == (self.agent_id is None):
            raise PydanticCustomError("value_error", "Exactly one of model and agent_id is needed")
        return self


class AppendToConversation(TurnFields):
    """POST /v1/conversations/{conversation_id}."""

    tool_confirmations: list[ToolConfirmation] | None = None


class RestartConversation(TurnFields):
    """POST /v1/conversations/{conversation_id}/restart."""

    from_entry_id: str
    agent_version: str | int | None = None
    guardrails: list[Open] | None = None
    metadata: Json | None = None
