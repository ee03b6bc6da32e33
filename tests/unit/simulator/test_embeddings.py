"""Embeddings."""

import math
import struct
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.driving import Wire
from tools.simulator.embeddings import unit_vector

EMBEDDINGS = "/v1/embeddings"


def embedding(wire: Wire, **fields: Any) -> Any:
    answer = wire.post(EMBEDDINGS, {"model": "mistral-embed", "input": "bees", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"][0]["embedding"]


def test_a_text_alone_is_a_list_of_one(wire: Wire) -> None:
    one = wire.post(EMBEDDINGS, {"model": "mistral-embed", "input": "bees"}).json()
    two = wire.post(EMBEDDINGS, {"model": "mistral-embed", "input": ["wasps", "bees"]}).json()

    assert [each["index"] for each in two["data"]] == [0, 1]
    assert one["data"][0]["embedding"] == two["data"][1]["embedding"]
    assert one["usage"] == {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
    assert two["usage"]["prompt_tokens"] == 3


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ({}, 1024),
        ({"model": "codestral-embed"}, 1536),
        ({"model": "codestral-embed", "output_dimension": 3072}, 3072),
        ({"output_dimension": 16}, 16),
        ({"output_dimension": 16, "output_dtype": "int8"}, 16),
        ({"output_dimension": 12, "output_dtype": "binary"}, 2),
    ],
)
def test_a_vector_is_as_long_as_was_asked_for(
    wire: Wire, fields: dict[str, Any], length: int
) -> None:
    assert len(embedding(wire, **fields)) == length


@settings(deadline=None)
@given(text=st.text(), dimension=st.integers(1, 64))
def test_a_vector_has_length_one_and_depends_on_the_text_alone(text: str, dimension: int) -> None:
    vector = unit_vector(text, dimension)

    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-6)
    assert vector == unit_vector(text, dimension)


@pytest.mark.parametrize(
    ("dtype", "code"),
    [("float", "f"), ("int8", "b"), ("uint8", "B"), ("binary", "b"), ("ubinary", "B")],
)
def test_base64_holds_the_same_numbers(wire: Wire, dtype: str, code: str) -> None:
    plain = embedding(wire, output_dimension=16, output_dtype=dtype)

    encoded = embedding(wire, output_dimension=16, output_dtype=dtype, encoding_format="base64")

    assert list(struct.unpack(f"<{len(plain)}{code}", b64decode(encoded))) == pytest.approx(plain)


def test_the_bits_are_the_signs_of_the_numbers(wire: Wire) -> None:
    numbers = embedding(wire, output_dimension=8)

    [byte] = embedding(wire, output_dimension=8, output_dtype="ubinary")
    [signed] = embedding(wire, output_dimension=8, output_dtype="binary")

    assert f"{byte:08b}" == "".join("1" if number > 0 else "0" for number in numbers)
    assert signed == byte - 128


@pytest.mark.parametrize("inputs", [[], ["a"] * 1025])
def test_too_many_inputs_or_none_are_400(wire: Wire, inputs: list[str]) -> None:
    answer = wire.post(EMBEDDINGS, {"model": "mistral-embed", "input": inputs})

    assert (answer.status_code, answer.json()["code"]) == (400, "3210")


def test_more_dimensions_than_the_model_has_are_400(wire: Wire) -> None:
    body = {"model": "mistral-embed", "input": "a", "output_dimension": 1025}

    answer = wire.post(EMBEDDINGS, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "3051")
