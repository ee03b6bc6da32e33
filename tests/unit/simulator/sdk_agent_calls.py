"""The captured calls of agents and conversations; see sdk_calls."""

from typing import Any

from tests.unit.simulator.driving import TOOL
from tests.unit.simulator.sdk import Sdk, Stage
from tests.unit.simulator.sdk_calls import CALLS, MODEL, captured


def agent(sdk: Sdk, **fields: Any) -> Any:
    return sdk("beta.agents.create", **{"model": "mistral-medium-latest", "name": "a", **fields})


@captured("beta.agents.create")
def create_agent(sdk: Sdk, _stage: Stage) -> Any:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": "get_weather", "parameters": city, "description": "w"}
    return agent(
        sdk,
        name="helper",
        instructions="Help.",
        tools=[{"type": "web_search"}, {"type": "function", "function": function}],
        completion_args={"temperature": 0.3},
        description="d",
        handoffs=["ag_2"],
    )


@captured("beta.agents.get")
def get_agent(sdk: Sdk, _stage: Stage) -> Any:
    made = agent(sdk)
    sdk("beta.agents.update", agent_id=made.id, name="b")
    return sdk("beta.agents.get", agent_id=made.id)


@captured("beta.agents.list")
def list_agents(sdk: Sdk, _stage: Stage) -> Any:
    agent(sdk)
    return sdk("beta.agents.list", page=0, page_size=5)


@captured("beta.agents.update")
def update_agent(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.agents.update", agent_id=agent(sdk).id, instructions="New.")


@captured("beta.agents.delete")
def delete_agent(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.agents.delete", agent_id=agent(sdk).id)


def started(sdk: Sdk, **fields: Any) -> Any:
    return sdk("beta.conversations.start", **{"model": MODEL, "inputs": "Hi", **fields})


@captured("beta.conversations.start")
def start(sdk: Sdk, _stage: Stage) -> Any:
    return started(sdk, store=False, instructions="Be brief.", completion_args={"temperature": 0.1})


@captured("beta.conversations.start.tools")
def start_with_tools(sdk: Sdk, _stage: Stage) -> Any:
    return started(
        sdk,
        inputs=[{"role": "user", "content": "Hi", "type": "message.input"}],
        tools=[TOOL],
        completion_args={"tool_choice": "any"},
    )


@captured("beta.conversations.start_stream")
def start_stream(sdk: Sdk, _stage: Stage) -> Any:
    second = agent(sdk, name="second", tools=[{"type": "web_search"}, TOOL])
    first = agent(sdk, handoffs=[second.id])
    return sdk(
        "beta.conversations.start_stream",
        agent_id=first.id,
        inputs="Let second use web_search and get_weather",
    )


@captured("beta.conversations.start_stream_async")
def start_stream_of_model(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.conversations.start_stream", model=MODEL, inputs="Hi")


@captured("beta.conversations.append")
def append(sdk: Sdk, _stage: Stage) -> Any:
    begun = started(sdk, tools=[TOOL], inputs="Ask get_weather")
    call = begun.outputs[0].tool_call_id
    result = {"tool_call_id": call, "result": "12C", "type": "function.result"}
    conversation_id = begun.conversation_id
    return sdk("beta.conversations.append", conversation_id=conversation_id, inputs=[result])


@captured("beta.conversations.append_stream")
def append_stream(sdk: Sdk, _stage: Stage) -> Any:
    conversation_id = started(sdk).conversation_id
    return sdk("beta.conversations.append_stream", conversation_id=conversation_id, inputs="more")


@captured("beta.conversations.restart")
def restart(sdk: Sdk, _stage: Stage) -> Any:
    conversation_id = started(sdk).conversation_id
    history = sdk("beta.conversations.get_history", conversation_id=conversation_id)
    return sdk(
        "beta.conversations.restart",
        conversation_id=conversation_id,
        from_entry_id=history.entries[0].id,
        inputs="again",
    )


@captured("beta.conversations.get")
def get(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.conversations.get", conversation_id=started(sdk).conversation_id)


@captured("beta.conversations.get_history")
def get_history(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.conversations.get_history", conversation_id=started(sdk).conversation_id)


@captured("beta.conversations.get_messages")
def get_messages(sdk: Sdk, _stage: Stage) -> Any:
    return sdk("beta.conversations.get_messages", conversation_id=started(sdk).conversation_id)


@captured("beta.conversations.list")
def list_conversations(sdk: Sdk, _stage: Stage) -> Any:
    started(sdk, model=None, agent_id=agent(sdk).id)
    return sdk("beta.conversations.list", page=0, page_size=1)


ALL_CALLS = CALLS  # with those of this module entered
