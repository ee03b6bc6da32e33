"""Python values as DynamoDB's attribute values and back, and how large DynamoDB counts them.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
boto3 has the first half, but is not in the layer.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

type Item = dict[str, Any]
"""A row as DynamoDB's API carries it: attribute name to ``{"S": …}``, ``{"N": …}`` and so on."""

WRITE_UNIT_BYTES = 1024
_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1
_NUMBER_BYTES = 1


def to_item(row: Mapping[str, Any]) -> Item:
    """Return a row's attribute values. A ``None`` is left out: it is the absence of a value."""
    return {name: to_value(value) for name, value in row.items() if value is not None}


def to_value(value: Any) -> dict[str, Any]:
    """Return one attribute value.

    Raises:
        TypeError: rows hold no such type; a float, above all, would not come back the same.
    """
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": str(value)}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": to_item(value)}
        case list() | tuple():
            return {"L": [to_value(element) for element in value]}
        case _:
            raise TypeError(f"a row cannot hold a {type(value).__name__}")


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``to_item`` was given, with whole numbers as ``int``."""
    return {name: from_value(value) for name, value in item.items()}


def from_value(value: Mapping[str, Any]) -> Any:
    """Return what ``to_value`` was given."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return Decimal(content) if "." in content else int(content)
        case "M":
            return from_item(content)
        case "L":
            return [from_value(element) for element in content]
        case "NULL":
            return None
        case _:
            return content


def text_of(item: Mapping[str, Any], name: str) -> str:
    """Return an attribute that is a text, as the parts of a key are."""
    return str(item[name]["S"])


def known(kind: type, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields that a dataclass has: newer code may have written more of them."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: value for name, value in fields.items() if name in names}


def size_of(item: Mapping[str, Any]) -> int:
    """Return the bytes that DynamoDB bills a row for, to within its own rounding of numbers."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    kind: str
    content: Any
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "B":
            return len(bytes(content))
        case "N":
            text = str(content)
            digits = len(text.lstrip("-").replace(".", "").strip("0"))
            return _NUMBER_BYTES + (digits + 1) // 2 + text.startswith("-")
        case "M":
            return _CONTAINER_BYTES + size_of(content) + _ELEMENT_BYTES * len(content)
        case "L":
            elements = sum(_size_of_value(element) for element in content)
            return _CONTAINER_BYTES + elements + _ELEMENT_BYTES * len(content)
        case _:
            return 1  # a Boolean or a null
