"""One turn of a conversation.

Besides what the completions do, a turn hands over to another agent and uses the tools that run at
Mistral, each when the user's last words name it: the agent by its id or name, the tool by its kind.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from tools.simulator.agent_schema import AgentFields, CompletionArgs, Tools
from tools.simulator.agent_store import AgentStore
from tools.simulator.call import Call, Usage
from tools.simulator.completion import Choice
from tools.simulator.conversation_entries import EntryWriter, Speaker, as_messages
from tools.simulator.conversation_schema import AnyEntry, Json, StartConversation, TurnFields
from tools.simulator.conversing import converse
from tools.simulator.errors import invalid_message_order
from tools.simulator.models import find_model
from tools.simulator.prompts import mentions, messages_tokens, question
from tools.simulator.schema import (
    ConversationFields,
    FunctionTool,
    HostedTool,
    Message,
    SystemMessage,
    UserMessage,
)
from tools.simulator.writing import count_tokens

_ENTRIES: TypeAdapter[list[AnyEntry]] = TypeAdapter(list[AnyEntry])


@dataclass(frozen=True, slots=True)
class Setting:
    """What the answer is made with."""

    speaker: Speaker
    instructions: str | None
    tools: Tools
    completion_args: CompletionArgs
    name: str = ""
    handoffs: tuple[str, ...] = ()

    @classmethod
    def of_agent(cls, agent_id: str, fields: AgentFields) -> Self:
        """Return what a version of an agent prescribes."""
        return cls(
            Speaker(fields.model, agent_id),
            fields.instructions,
            fields.tools,
            fields.completion_args,
            fields.name,
            tuple(fields.handoffs or ()),
        )


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """The new entries, and what they cost."""

    inputs: list[Json]
    outputs: list[Json]
    usage: Usage
    bill: Json


def take_turn(
    call: Call, start: StartConversation, turn: TurnFields, history: list[Json], agents: AgentStore
) -> TurnTaken:
    """Answer the new inputs after the entries there were."""
    setting = _setting(start, turn, agents)
    writer = EntryWriter(call)
    inputs = list(writer.inputs(turn.inputs))
    messages = as_messages(_ENTRIES.validate_python([*history, *inputs]))
    if not messages:
        raise invalid_message_order("Expected last role User or Tool but got no message")
    asked = question(messages) if isinstance(messages[-1], UserMessage) else ""
    outputs: list[Json] = []
    next_agent = agents.named(setting.handoffs, asked)
    if next_agent is not None:
        following = Setting.of_agent(next_agent.id, next_agent.in_use)
        outputs += _handing_over(writer, setting, following)
        if turn.handoff_execution == "client":
            usage = Usage(prompt_tokens=messages_tokens(messages))
            return TurnTaken(inputs, outputs, usage, _bill(usage, []))
        setting = following
    used = list(_used(writer, setting, asked))
    completion = converse(
        call,
        _request(setting, messages, hosted_only=bool(used)),
        find_model(setting.speaker.model, "chat"),
        model_name=setting.speaker.model,
    )
    outputs += [*used, *writer.outputs(completion.choices[0], setting.speaker)]
    return TurnTaken(inputs, outputs, completion.usage, _bill(completion.usage, used))


def _setting(start: StartConversation, turn: TurnFields, agents: AgentStore) -> Setting:
    if start.agent_id is not None:
        agent = agents.get(start.agent_id)
        setting = Setting.of_agent(agent.id, agent.versions[agent.number(start.agent_version)])
    else:
        setting = Setting(Speaker(start.model or ""), None, [], CompletionArgs())
    return Setting(
        setting.speaker,
        start.instructions or setting.instructions,
        start.tools or setting.tools,
        _merged(setting.completion_args, start.completion_args, turn.completion_args),
        setting.name,
        setting.handoffs,
    )


def _merged(*given: CompletionArgs | None) -> CompletionArgs:
    fields: dict[str, Any] = {}
    for args in given:
        if args is not None:
            fields |= args.model_dump(exclude_unset=True, by_alias=True)
    return CompletionArgs.model_validate(fields)


def _request(setting: Setting, messages: list[Message], *, hosted_only: bool) -> ConversationFields:
    if setting.instructions:
        messages = [SystemMessage(role="system", content=setting.instructions), *messages]
    fields = setting.completion_args.for_chat()
    functions = any(isinstance(tool, FunctionTool) for tool in setting.tools)
    if hosted_only and not functions:
        fields.pop("tool_choice", None)  # a tool was chosen, as was asked
    return ConversationFields(messages=messages, tools=setting.tools or None, **fields)


def _used(writer: EntryWriter, setting: Setting, asked: str) -> Iterator[Json]:
    """Yield the uses of hosted tools; one that must be chosen is the first there is."""
    hosted = [tool.type for tool in setting.tools if isinstance(tool, HostedTool)]
    choice = setting.completion_args.tool_choice
    used = [kind for kind in hosted if asked and choice != "none" and mentions(asked, kind)]
    if not used and asked and choice in ("any", "required") and len(hosted) == len(setting.tools):
        used = hosted[:1]
    for kind in used:
        arguments = json.dumps({"query": asked}, ensure_ascii=False)
        yield {
            **writer.hosted("tool.execution", name=kind, arguments=arguments, info={}),
            "agent_id": setting.speaker.agent_id,
            "model": setting.speaker.model,
        }


def _handing_over(writer: EntryWriter, setting: Setting, following: Setting) -> Iterator[Json]:
    words = Choice(f"Over to {following.name}.", "stop", 0)
    yield from writer.outputs(words, setting.speaker)
    yield writer.hosted(
        "agent.handoff",
        previous_agent_id=setting.speaker.agent_id,
        previous_agent_name=setting.name,
        next_agent_id=following.speaker.agent_id,
        next_agent_name=following.name,
    )


def _bill(usage: Usage, used: list[Json]) -> Json:
    names = [entry["name"] for entry in used]
    tokens = sum(count_tokens(entry["arguments"]) for entry in used)
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens + tokens,
        "connector_tokens": tokens if used else None,
        "connectors": {name: names.count(name) for name in names} or None,
    }
