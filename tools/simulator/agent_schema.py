"""What agents and conversations are configured with; both are closed."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tools.simulator.schema import (
    TOOLS_MAX,
    Closed,
    ConversationFields,
    Effort,
    FunctionTool,
    HostedTool,
    NaturalNumber,
    Open,
    Penalty,
    Prediction,
    ResponseFormat,
)

Share = Annotated[float, Field(ge=0, le=1)]
Tools = Annotated[
    list[Annotated[FunctionTool | HostedTool, Field(discriminator="type")]],
    Field(max_length=TOOLS_MAX),
]


class CompletionArgs(Closed):
    """How freely, how long and in what form an agent answers. Its temperature ends at 1."""

    stop: str | list[str] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    max_tokens: NaturalNumber | None = None
    random_seed: NaturalNumber | None = None
    prediction: Prediction | None = None
    response_format: ResponseFormat | None = None
    tool_choice: Literal["auto", "none", "any", "required"] | None = None
    reasoning_effort: Effort | None = None

    def for_chat(self) -> dict[str, Any]:
        """Return the fields that were set and that chat has as well."""
        names = self.model_fields_set & ConversationFields.model_fields.keys()
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class AgentFields(Closed):
    """What a version of an agent is made of."""

    model: str
    name: str
    description: str | None = None
    instructions: str | None = None
    tools: Tools = Field(default_factory=list)
    completion_args: CompletionArgs = CompletionArgs()
    guardrails: list[Open] | None = None
    handoffs: Annotated[list[str], Field(min_length=1)] | None = None
    metadata: dict[str, Any] | None = None
    version_message: Annotated[str, Field(max_length=500)] | None = None


class AgentChanges(Closed):
    """PATCH /v1/agents/{agent_id}: what is left out stays."""

    model: str | None = None
    name: str | None = None
    description: str | None = None
    instructions: str | None = None
    tools: Tools | None = None
    completion_args: CompletionArgs | None = None
    guardrails: list[Open] | None = None
    handoffs: Annotated[list[str], Field(min_length=1)] | None = None
    metadata: dict[str, Any] | None = None
    version_message: Annotated[str, Field(max_length=500)] | None = None
    deployment_chat: bool | None = None
