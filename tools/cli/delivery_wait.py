"""Waiting for the next attempt of a delivery, and telling what came of it."""

from collections.abc import Iterator
from typing import Any

from tools.cli.client import RelayClient
from tools.cli.errors import Exit, StillRunningError, UnreachableError
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.webhook_ids import DELIVERY, is_id

WAIT_SECONDS = 60  # an attempt takes 15 s at most, and is begun at once
LOOK_SECONDS = 1.0  # between two looks, which the service does not hold
PENDING = "pending"
DELIVERED = "delivered"


class Patience:
    """Looks at a delivery until it has been attempted once more."""

    def __init__(self, client: RelayClient, machine: Machine) -> None:
        self._client = client
        self._machine = machine

    def after_next_attempt(self, delivery: dict[str, Any]) -> dict[str, Any]:
        """Return the delivery once it has an attempt more than it has here.

        Raises:
            StillRunningError: It has none after a minute.
            UnreachableError: What was given is not a delivery.
        """
        identifier = delivery.get("id")
        if not isinstance(identifier, str) or not is_id(identifier, DELIVERY):
            raise UnreachableError("The service's answer is not a delivery.")
        before = len(attempts_of(delivery))
        until = self._machine.ticks() + WAIT_SECONDS
        while not _has_moved(delivery, before):  # ends: each look takes time, which runs out
            if self._machine.ticks() >= until:
                raise StillRunningError(
                    f"After {WAIT_SECONDS} s there was no attempt yet.",
                    advice=[f"See what comes with: relay deliveries show {identifier}"],
                )
            self._machine.wait(LOOK_SECONDS)
            delivery = self._client.get(f"/v1/deliveries/{identifier}")
        return delivery


def _has_moved(delivery: dict[str, Any], before: int) -> bool:
    is_over = delivery.get("status") == "cancelled"  # that ends it without an attempt
    return is_over or len(attempts_of(delivery)) > before


def attempts_of(delivery: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the attempts, the oldest first."""
    attempts = delivery.get("attempts")
    return [one for one in attempts if isinstance(one, dict)] if isinstance(attempts, list) else []


def print_result(output: Output, delivery: dict[str, Any], *, is_json: bool) -> Exit:
    """Print what came of the newest attempt; only a delivered one is a success."""
    is_delivered = delivery.get("status") == DELIVERED
    if is_json:
        output.json(delivery)
        return Exit.DONE if is_delivered else Exit.JOB_FAILED
    attempts = attempts_of(delivery)
    last = attempts[-1] if attempts else {}
    took = f" in {last['duration_ms']} ms" if "duration_ms" in last else ""
    said = f"{delivery.get('id')} {delivery.get('status')}"
    if is_delivered:
        output.line(f"{said}: {last.get('reason')}{took}")
        return Exit.DONE
    advice = [f"See every attempt with: relay deliveries show {delivery.get('id')}"]
    output.failure(said, _lines(delivery, last, took), advice)
    return Exit.JOB_FAILED


def _lines(delivery: dict[str, Any], last: dict[str, Any], took: str) -> Iterator[str]:
    yield f"{delivery.get('url')}: {last.get('reason') or 'it was not tried'}{took}"
    if head := last.get("response_head"):
        yield f"It said: {head}"
    if delivery.get("status") == PENDING and delivery.get("next_attempt_at"):
        yield f"The next attempt is at {delivery['next_attempt_at']}"
