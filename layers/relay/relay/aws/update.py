"""The update that turns one row into another."""

from typing import TypedDict

from relay.aws.values import Item


class Update(TypedDict):
    """The arguments of DynamoDB's ``update_item`` that say what changes."""

    UpdateExpression: str
    ExpressionAttributeNames: dict[str, str]
    ExpressionAttributeValues: Item


def update_of(old: Item, new: Item, values: Item) -> Update:
    """Return the update from one row to another, leaving alone what neither of them names.

    Not a put of the whole row: newer code may have added attributes that this code does not
    know. ``values`` are what the condition needs besides. The rows must differ.
    """
    names: dict[str, str] = {}
    values = dict(values)
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
