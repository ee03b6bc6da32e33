"""What writes cost, by DynamoDB's published rule, which moto does not follow.

A write costs one unit per started KiB of the row, before or after it, whichever is larger. A
deletion is a write, of the row before it, and one of nothing costs a unit too. An index costs the
same for its own entry, wherever a write changes that.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.cloud import TABLE, table_properties

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNIT_BYTES = 1024
_OPERATIONS = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")


class WriteMeter:
    """Counts the write units of one client, write by write, in the order of the writes."""

    def __init__(self, metered: "DynamoDBClient", reader: "DynamoDBClient") -> None:
        self.units: list[tuple[str, int]] = []
        self._reader = reader
        self._before: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for operation in _OPERATIONS:
            events = metered.meta.events
            events.register(f"provide-client-params.dynamodb.{operation}", self._note_before)
            events.register(f"after-call.dynamodb.{operation}", self._note_after)

    @property
    def total(self) -> int:
        return sum(units for _, units in self.units)

    @property
    def kinds(self) -> str:
        """The first letters of the rows, and in lower case of the indexes, in order."""
        return "".join(kind for kind, _ in self.units)

    def _note_before(self, params: Mapping[str, Any], **_: object) -> None:
        self._before = [(key, self._row(key)) for key in _keys_of(params)]

    def _note_after(self, **_: object) -> None:
        for key, before in self._before:
            after = self._row(key)
            self.units.append((key["pk"]["S"][0], _units(before, after)))
            for index in table_properties()["GlobalSecondaryIndexes"]:
                old, new = (_entry(index, row) for row in (before, after))
                if old != new:
                    self.units.append((index["IndexName"][0], _units(old, new)))

    def _row(self, key: Mapping[str, Any]) -> dict[str, Any]:
        found = self._reader.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
        return found.get("Item", {})


def _units(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    return -(-max(row_bytes(before), row_bytes(after), 1) // UNIT_BYTES)


def _entry(index: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an index that keeps keys only holds of a row, nothing if it has no such key."""
    assert index["Projection"]["ProjectionType"] == "KEYS_ONLY", "else an entry is more"
    own = {part["AttributeName"] for part in index["KeySchema"]}
    return {name: row[name] for name in own | {"pk", "sk"}} if own <= row.keys() else {}


def _keys_of(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "Key" in params:
        return [params["Key"]]
    if "Item" in params:
        return [_key_of(params["Item"])]
    requests = params["RequestItems"][TABLE]
    return [
        _key_of(it["PutRequest"]["Item"]) if "PutRequest" in it else it["DeleteRequest"]["Key"]
        for it in requests
    ]


def _key_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}


def row_bytes(row: Mapping[str, Any]) -> int:
    """Return a row's size, counted apart from the code under test."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in row.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    if "M" in value:
        return 3 + row_bytes(value["M"]) + len(value["M"])
    if "L" in value:
        return 3 + sum(_value_bytes(element) + 1 for element in value["L"])
    if "N" in value:
        return _number_bytes(value["N"])
    content = value.get("S", value.get("B", "."))
    return len(content.encode() if isinstance(content, str) else content)


def _number_bytes(text: str) -> int:
    """Return one byte, and one for each two digits, in pairs from the point, but for zeros."""
    whole, _, fraction = text.lstrip("-").partition(".")
    padded = whole.zfill(len(whole) + len(whole) % 2) + fraction + "0" * (len(fraction) % 2)
    pairs = [padded[index : index + 2] for index in range(0, len(padded), 2)]
    while pairs and pairs[0] == "00":
        del pairs[0]
    while pairs and pairs[-1] == "00":
        del pairs[-1]
    return 1 + len(pairs) + text.startswith("-")
