"""One conditional write: of a whole row, or of what turns one row into another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from botocore.exceptions import ClientError

from relay.aws.errors import aws_errors_translated, row_before
from relay.aws.values import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Update(TypedDict):
    """The arguments of DynamoDB's ``update_item`` that say what changes."""

    UpdateExpression: str
    ExpressionAttributeNames: dict[str, str]
    ExpressionAttributeValues: Item


class Condition(NamedTuple):
    """What a row must be like. ``names`` stand for attributes whose own names are reserved."""

    text: str
    values: Item
    names: Mapping[str, str] = MappingProxyType({})


IS_NEW = Condition("attribute_not_exists(pk)", {})


def put_row(
    client: "DynamoDBClient", table: str, row: Item, condition: Condition = IS_NEW
) -> Item | None:
    """Put a whole row in one write, and return what stands in its way, ``None`` once it is there.

    That is the row as it is, empty where there is none and the condition asks for one. It may be
    just the row to be put, where a write had been done before and was not heard of.
    """
    only: dict[str, Any] = {
        "ExpressionAttributeNames": dict(condition.names),
        "ExpressionAttributeValues": condition.values,
    }
    try:
        with aws_errors_translated():
            client.put_item(
                TableName=table,
                Item=row,
                ConditionExpression=condition.text,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **{name: given for name, given in only.items() if given},
            )
    except ClientError as error:
        return row_before(error) or {}
    return None


def update_of(old: Item, new: Item, condition: Condition) -> Update:
    """Return the update from one row to another, leaving alone what neither of them names.

    Not a put of the whole row: newer code may have added attributes that this code does not
    know. The condition's own names and values come along. The rows must differ.
    """
    names, values = dict(condition.names), dict(condition.values)
    sets, removes = [], []
    for index, name in enumerate(sorted(old.keys() | new.keys())):
        if old.get(name) == new.get(name):
            continue
        names[f"#n{index}"] = name
        if name in new:
            values[f":n{index}"] = new[name]
            sets.append(f"#n{index} = :n{index}")
        else:
            removes.append(f"#n{index}")
    clauses = [("SET", sets), ("REMOVE", removes)]
    return Update(
        UpdateExpression=" ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )


def is_done(row: Item | None, old: Item, new: Item) -> bool:
    """Tell whether a row already is what ``update_of`` makes of it, whatever else it holds."""
    return row is not None and all(row.get(name) == new.get(name) for name in old | new)


def change_row(
    client: "DynamoDBClient", table: str, old: Item, new: Item, condition: Condition
) -> bool:
    """Turn one row into another in one write, and tell whether it is so now.

    ``True`` also where the write had been done before and was not heard of, and where there is
    nothing to write; ``False`` where the condition does not hold, and nothing was written.
    """
    if old == new:
        return True
    try:
        with aws_errors_translated():
            client.update_item(
                TableName=table,
                Key={name: new[name] for name in ("pk", "sk")},
                ConditionExpression=condition.text,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **update_of(old, new, condition),
            )
    except ClientError as error:
        return is_done(row_before(error), old, new)
    return True
