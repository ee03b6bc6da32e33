"""``relay redeliver``: an event sent once more to an endpoint, under the same id."""

from typing import Annotated

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.delivery_wait import Patience, print_result
from tools.cli.errors import Exit, UsageError
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.submission import encoded
from tools.cli.webhook_ids import DELIVERY, ENDPOINT, EVENT, check_id, is_id


def redeliver(
    identifier: Annotated[str, Parameter(name="ID")],
    /,
    *,
    to: str | None = None,
    wait: bool = False,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Send a delivery, or an event to any endpoint, once more; its webhook-id stays the same.

    Example: relay redeliver dlv_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --wait

    Args:
        identifier: The id of a delivery, or of an event with --to.
        to: The endpoint to send an event to.
        wait: Wait for the attempt, and show what came of it.
        json: Print the delivery as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    path, body = _asked(identifier, to)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        delivery = client.make(path, body, idempotency_key=machine.new_key()).data
        if wait:
            delivery = Patience(client, machine).after_next_attempt(delivery)
            return print_result(Output(machine), delivery, is_json=json)
    output = Output(machine)
    if json:
        output.json(delivery)
    else:
        output.line(f"{delivery.get('id')} {delivery.get('status')}")
        output.note(f"See what comes with: relay deliveries show {delivery.get('id')}")
    return Exit.DONE


def _asked(identifier: str, to: str | None) -> tuple[str, bytes]:
    if is_id(identifier, EVENT):
        if to is None:
            raise UsageError(
                "Name the endpoint that the event is to go to, with --to.",
                advice=["List them with: relay endpoints", "Or redeliver a delivery of it."],
            )
        check_id(to, ENDPOINT)
        return f"/v1/events/{identifier}/redeliver", encoded({"endpoint_id": to})
    check_id(identifier, DELIVERY)
    if to is not None:
        raise UsageError("--to goes with an event; a delivery goes where it went before.")
    return f"/v1/deliveries/{identifier}/redeliver", b"{}"
