"""POST /v1/chat/completions."""

from tools.simulator.call import Answer, Call
from tools.simulator.conversing import converse
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.schema import ChatRequest


def complete_chat(call: Call) -> Answer:
    """Answer the messages, whole or streamed."""
    request = parse(ChatRequest, call.body)
    model = find_model(request.model, "chat")
    return converse(call, request, model, model_name=request.model).answer(stream=request.stream)
