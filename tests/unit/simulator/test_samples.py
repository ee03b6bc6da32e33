"""Values for JSON schemas."""

from typing import Any

import pytest

from tools.simulator.samples import sample
from tools.simulator.writing import dice


def drawn(schema: dict[str, Any]) -> Any:
    return sample(schema, dice("fixed"))


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, str),
        ({"type": "integer"}, int),
        ({"type": "number"}, float),
        ({"type": "boolean"}, bool),
        ({"type": "null"}, type(None)),
        ({"type": ["string", "null"]}, str),
        ({"type": "array", "items": {"type": "string"}}, list),
        ({"properties": {}}, dict),
        ({}, str),
    ],
)
def test_a_value_has_the_type_of_its_schema(schema: dict[str, Any], kind: type) -> None:
    assert type(drawn(schema)) is kind


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"const": 3}, [3]),
        ({"enum": ["a", "b"]}, ["a", "b"]),
        ({"anyOf": [{"const": 1}, {"const": 2}]}, [1]),
        ({"type": "integer", "minimum": 4, "maximum": 5}, [4, 5]),
        ({"type": "string", "format": "date"}, ["2026-03-14"]),
        ({"type": "array", "items": {"const": 0}, "minItems": 3}, [[0, 0, 0]]),
        ({"$ref": "#/$defs/one", "$defs": {"one": {"const": 1}}}, [1]),
    ],
)
def test_a_value_keeps_to_its_schema(schema: dict[str, Any], values: list[Any]) -> None:
    assert drawn(schema) in values


def test_a_text_has_a_length_within_its_bounds() -> None:
    assert len(drawn({"type": "string", "minLength": 20})) == 20
    assert len(drawn({"type": "string", "maxLength": 2})) == 2


def test_a_recursive_schema_comes_to_an_end() -> None:
    value = drawn({"properties": {"child": {"$ref": "#"}}})

    depth = 0
    while value:
        value, depth = value["child"], depth + 1
    assert depth == 8
