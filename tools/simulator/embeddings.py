"""POST /v1/embeddings: a unit vector for each text, decided by the text alone.

Similar texts get unrelated vectors; only equal texts are near one another.
"""

import math
import struct
from base64 import b64encode
from hashlib import shake_256
from typing import Annotated, Any, Literal

from pydantic import Field

from tools.simulator.call import Answer, Call, Usage, json_answer
from tools.simulator.errors import invalid_arguments, invalid_prompt
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.schema import Closed
from tools.simulator.writing import count_tokens

DIMENSIONS = {"mistral-embed": 1_024, "codestral-embed": 1_536}
DIMENSIONS_MAX = {"mistral-embed": 1_024, "codestral-embed": 3_072}
INPUTS_MAX = 1_024  # ours: Mistral refuses too many without saying how many that is
BITS_PER_BYTE = 8
SIGNED_BYTE_MAX = 127
SIGNED_BYTE_OFFSET = 128
DECIMALS = 9

type Dtype = Literal["float", "int8", "uint8", "binary", "ubinary"]


class EmbeddingRequest(Closed):
    """The body; the field is ``input``, though Mistral's SDK calls its argument ``inputs``."""

    model: str
    input: str | list[str]
    output_dimension: Annotated[int, Field(gt=0)] | None = None
    output_dtype: Dtype = "float"
    encoding_format: Literal["float", "base64"] = "float"
    metadata: dict[str, Any] | None = None


def embed(call: Call) -> Answer:
    """Embed each input."""
    request = parse(EmbeddingRequest, call.body)
    model = find_model(request.model, "embedding").id
    texts = [request.input] if isinstance(request.input, str) else request.input
    if not texts or len(texts) > INPUTS_MAX:
        raise invalid_prompt(f"A request takes 1 to {INPUTS_MAX} inputs, this one has {len(texts)}")
    dimension = request.output_dimension or DIMENSIONS[model]
    if dimension > DIMENSIONS_MAX[model]:
        raise invalid_arguments(f"output_dimension is at most {DIMENSIONS_MAX[model]} for {model}")
    data = [
        {"object": "embedding", "embedding": _embedding(text, dimension, request), "index": index}
        for index, text in enumerate(texts)
    ]
    usage = Usage(prompt_tokens=sum(count_tokens(text) for text in texts))
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": 0,
        "total_tokens": usage.total_tokens,
    }
    head = {"id": call.new_id(), "object": "list", "model": request.model}
    return json_answer({**head, "usage": counts, "data": data}, usage)


def _embedding(text: str, dimension: int, request: EmbeddingRequest) -> list[float] | str:
    values = _quantized(unit_vector(text, dimension), request.output_dtype)
    if request.encoding_format == "float":
        return values
    code = {"float": "f", "int8": "b", "binary": "b"}.get(request.output_dtype, "B")
    return b64encode(struct.pack(f"<{len(values)}{code}", *values)).decode()


def unit_vector(text: str, dimension: int) -> list[float]:
    """Return a vector of length one."""
    digest = shake_256(text.encode()).digest(2 * dimension)
    numbers = struct.unpack(f"<{dimension}h", digest)
    length = math.hypot(*numbers) or 1
    return [round(number / length, DECIMALS) for number in numbers]


def _quantized(vector: list[float], dtype: Dtype) -> list[Any]:
    """Return the vector in the type asked for; the scale is the vector's own largest value."""
    if dtype == "float":
        return vector
    if dtype in ("int8", "uint8"):
        largest = max(abs(value) for value in vector) or 1
        signed = [round(value / largest * SIGNED_BYTE_MAX) for value in vector]
        return signed if dtype == "int8" else [value + SIGNED_BYTE_OFFSET for value in signed]
    packed = _packed([value > 0 for value in vector])
    return packed if dtype == "ubinary" else [value - SIGNED_BYTE_OFFSET for value in packed]


def _packed(bits: list[bool]) -> list[int]:
    """Return a byte for every eight bits, the first bit the highest, the last byte filled up."""
    padded = bits + [False] * (-len(bits) % BITS_PER_BYTE)
    starts = range(0, len(padded), BITS_PER_BYTE)
    return [
        int("".join("1" if bit else "0" for bit in padded[start : start + BITS_PER_BYTE]), 2)
        for start in starts
    ]
