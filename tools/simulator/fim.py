"""POST /v1/fim/completions: the code between a prefix and a suffix."""

from tools.simulator.call import Answer, Call
from tools.simulator.completion import Choice, Completion
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.schema import FimRequest
from tools.simulator.writing import compose_code, count_tokens, cut, dice


def complete_middle(call: Call) -> Answer:
    """Fill in the middle, whole or streamed."""
    request = parse(FimRequest, call.body)
    model = find_model(request.model, "fim")
    suffix = request.suffix or ""
    rolls = dice(model.id, request.prompt, suffix, request.random_seed)
    code = compose_code(f"{request.prompt}\n{suffix}", rolls)
    text, finish_reason = cut(code, stop=request.stop, tokens_max=request.max_tokens)
    completion = Completion(
        call.new_id(),
        int(call.at_unix_seconds),
        request.model,
        (Choice(text, finish_reason, count_tokens(text)),),
        count_tokens(request.prompt) + count_tokens(suffix),
    )
    return completion.answer(stream=request.stream)
