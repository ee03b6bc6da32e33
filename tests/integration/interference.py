"""What may come between a client's decision and its write, and between its write and its hearing.

Source: botocore's events, https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


METHODS = {
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "TransactWriteItems": "transact_write_items",
}


def just_before(
    client: "DynamoDBClient", operation: str, act: Callable[[], object], *, call: int = 1
) -> None:
    """Let a rival act once, when the client's first (second …) such request is about to leave."""
    calls = 0

    def meddle(**_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            act()

    client.meta.events.register(f"before-send.dynamodb.{operation}", meddle)


def applied_twice(
    client: "DynamoDBClient", operation: str, messenger: "DynamoDBClient", *, call: int = 1
) -> None:
    """Do what a retry after a time-out does: the request is applied once more than it is heard."""
    _apply_first(client, operation, messenger, call=call, then_fail=False)


def applied_unheard(
    client: "DynamoDBClient", operation: str, messenger: "DynamoDBClient", *, call: int = 1
) -> None:
    """Apply the request, and let the connection end before the answer."""
    _apply_first(client, operation, messenger, call=call, then_fail=True)


def _apply_first(
    client: "DynamoDBClient",
    operation: str,
    messenger: "DynamoDBClient",
    *,
    call: int,
    then_fail: bool,
) -> None:
    asked: list[dict[str, Any]] = []

    def remember(params: dict[str, Any], **_: object) -> None:
        asked.append(params)

    def apply(**_: object) -> None:
        if len(asked) != call:
            return
        getattr(messenger, METHODS[operation])(**asked[-1])
        if then_fail:
            raise ConnectionClosedError(endpoint_url="https://dynamodb.invalid")

    client.meta.events.register(f"provide-client-params.dynamodb.{operation}", remember)
    client.meta.events.register(f"before-send.dynamodb.{operation}", apply)
