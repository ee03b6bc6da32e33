"""What the gate does with requests that are not complete, or too much."""

import asyncio

from starlette.types import Message

from tests.unit.simulator.driving import CHAT, Wire
from tools.simulator.app import create_app
from tools.simulator.gate import BODY_BYTES_MAX
from tools.simulator.simulator import Simulator


def received_for(simulator: Simulator, messages: list[Message]) -> list[Message]:
    """Return what the application sends to a client that sends these messages."""
    received: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        received.append(message)

    scope = {"type": "http", "method": "POST", "path": CHAT, "headers": []}
    asyncio.run(create_app(simulator)(scope, receive, send))
    return received


def test_a_client_that_leaves_in_mid_request_is_answered_nothing(
    simulator: Simulator, wire: Wire
) -> None:
    begun = {"type": "http.request", "body": b"{", "more_body": True}

    received = received_for(simulator, [begun, {"type": "http.disconnect"}])

    assert received == []
    stats = wire.stats()
    assert (stats["calls"], stats["answers"], stats["in_flight"]) == (1, {}, 0)


def test_a_body_in_pieces_is_put_together_up_to_a_limit(simulator: Simulator) -> None:
    half = {"type": "http.request", "body": bytes(BODY_BYTES_MAX // 2), "more_body": True}
    rest = {"type": "http.request", "body": b"x", "more_body": True}

    received = received_for(simulator, [half, half, rest])

    assert received[0]["status"] == 413
