"""POST /v1/agents/completions, Mistral's older way to an agent."""

from tools.simulator.call import Answer, Call
from tools.simulator.conversing import converse
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.schema import AgentsRequest

# Agents made in Mistral's console are not known here: any id stands for one of this model.
MODEL_OF_AGENTS = "mistral-small-latest"


def complete_agent(call: Call) -> Answer:
    """Answer the messages as the agent would, whole or streamed."""
    request = parse(AgentsRequest, call.body)
    model = find_model(MODEL_OF_AGENTS, "chat")
    completion = converse(call, request, model, model_name=MODEL_OF_AGENTS)
    return completion.answer(stream=request.stream)
