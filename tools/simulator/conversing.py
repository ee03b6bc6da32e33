"""The answer to a list of messages, whoever asks: chat, agents and conversations.

Which tool is called is kept simple. A named choice calls that tool; ``any`` and ``required`` call
the tools whose names the question contains, or else the first; ``auto`` calls those the user's
last message names and writes text otherwise; ``none`` always writes text.
"""

import json
import random
from string import ascii_letters, digits

from tools.simulator.call import Call
from tools.simulator.completion import Choice, Completion, ToolCall
from tools.simulator.errors import invalid_arguments
from tools.simulator.models import Model
from tools.simulator.prompts import check_messages, mentions, prefix, prompt_tokens, question
from tools.simulator.samples import sample
from tools.simulator.schema import (
    ConversationFields,
    Function,
    FunctionTool,
    NamedToolChoice,
    UserMessage,
)
from tools.simulator.writing import compose, compose_json, count_tokens, cut, dice

TOOL_CALL_ID_LENGTH = 9
EFFORTS_OF_SMALL = (None, "none", "high")


def converse(
    call: Call, request: ConversationFields, model: Model, *, model_name: str
) -> Completion:
    """Return the model's answer, named as the caller named the model.

    Raises:
        RefusalError: the messages or the options are not ones that Mistral would serve.
    """
    check_messages(request.messages)
    _check_options(request, model)
    tokens = prompt_tokens(request)
    _check_context(tokens, request.max_tokens, model)
    functions = _called(request)
    # Stop texts, limits and the number of choices stay out of the seed: changing one of them
    # cuts or repeats the same answer instead of bringing up another.
    messages = [message.model_dump_json() for message in request.messages]
    choices = [
        _choice(request, functions, dice(model.id, messages, request.random_seed, index))
        for index in range(request.n or 1)
    ]
    return Completion(call.new_id(), int(call.at_unix_seconds), model_name, tuple(choices), tokens)


def _check_options(request: ConversationFields, model: Model) -> None:
    if request.logprobs or request.prompt_logprobs:
        raise invalid_arguments("logprobs is not enabled for this model")
    if model.id.startswith("mistral-small") and request.reasoning_effort not in EFFORTS_OF_SMALL:
        raise invalid_arguments(
            f"reasoning_effort {request.reasoning_effort} is not supported by this model, "
            "use none or high"
        )
    if request.prediction is not None and (request.n or 1) > 1:
        raise invalid_arguments("n must be 1 when prediction is set")
    if request.response_format.type == "json_schema" and not request.response_format.json_schema:
        raise invalid_arguments("json_schema must be set when response_format is json_schema")


def _check_context(tokens: int, max_tokens: int | None, model: Model) -> None:
    if tokens + (max_tokens or 0) > model.context_tokens:
        raise invalid_arguments(
            f"Prompt contains {tokens} tokens and max_tokens is {max_tokens or 0}, too large for "
            f"model with {model.context_tokens} maximum context length"
        )


def _called(request: ConversationFields) -> list[Function]:
    tools = request.tools or ()
    functions = [tool.function for tool in tools if isinstance(tool, FunctionTool)]
    wanted = request.tool_choice
    if isinstance(wanted, NamedToolChoice):
        return _only(wanted.function.name, functions)
    asked = question(request.messages)
    named = [each for each in functions if mentions(asked, each.name)]
    if wanted in ("any", "required"):
        if not functions:
            raise invalid_arguments(f"tools must be set when tool_choice is {wanted}")
        called = named or functions[:1]
    else:
        # After a tool's result auto answers in words, or a loop of tool calls would never end.
        from_user = isinstance(request.messages[-1], UserMessage)
        called = named if wanted == "auto" and from_user else []
    return called if request.parallel_tool_calls else called[:1]


def _only(name: str, functions: list[Function]) -> list[Function]:
    for function in functions:
        if function.name == name:
            return [function]
    raise invalid_arguments(f"tool_choice names {name}, which is not among the tools")


def _choice(request: ConversationFields, functions: list[Function], rolls: random.Random) -> Choice:
    if functions:
        return _calling(request, functions, rolls)
    budget = request.max_tokens
    thinking = _thinking(request, rolls)
    spent = 0
    if thinking is not None:
        thinking, finish_reason = cut(thinking, stop=None, tokens_max=budget)
        spent = count_tokens(thinking)
        if finish_reason == "length":
            return Choice("", finish_reason, spent, thinking)
    left = None if budget is None else budget - spent
    text, finish_reason = cut(_written(request, rolls), stop=request.stop, tokens_max=left)
    return Choice(text, finish_reason, spent + count_tokens(text), thinking)


def _thinking(request: ConversationFields, rolls: random.Random) -> str | None:
    asked_for = request.prompt_mode or request.reasoning_effort not in (None, "none")
    return f"Let me think. {compose('', rolls)}" if asked_for else None


def _written(request: ConversationFields, rolls: random.Random) -> str:
    asked = question(request.messages)
    wanted = request.response_format
    if wanted.json_schema is not None and wanted.type == "json_schema":
        return json.dumps(sample(wanted.json_schema.schema_definition, rolls), ensure_ascii=False)
    if wanted.type == "json_object":
        return json.dumps(compose_json(asked, rolls), ensure_ascii=False)
    return prefix(request.messages) + compose(asked, rolls)


def _calling(
    request: ConversationFields, functions: list[Function], rolls: random.Random
) -> Choice:
    calls = tuple(
        ToolCall(
            "".join(rolls.choices(ascii_letters + digits, k=TOOL_CALL_ID_LENGTH)),
            function.name,
            json.dumps(sample(function.parameters, rolls), ensure_ascii=False),
        )
        for function in functions
    )
    tokens = sum(count_tokens(each.name + each.arguments) for each in calls)
    if request.max_tokens is not None and tokens > request.max_tokens:
        # The real service hands out the call with its arguments missing, not half of them.
        cut_short = tuple(ToolCall(each.id, each.name, "") for each in calls)
        return Choice("", "length", request.max_tokens, tool_calls=cut_short)
    return Choice("", "tool_calls", tokens, tool_calls=calls)
