"""What is done with an endpoint that exists: ``relay endpoints enable``, ``test`` and so on."""

from typing import Annotated

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.delivery_wait import Patience, print_result
from tools.cli.endpoints import PATH, print_endpoint, print_secret
from tools.cli.errors import Exit, UnreachableError
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.submission import encoded, past_moment
from tools.cli.webhook_ids import ENDPOINT, check_id

NOTHING = b"{}"


def enable(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Let an endpoint be told of events again.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    path, key = f"{PATH}/{endpoint_id}/enable", machine.new_key()
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.make(path, NOTHING, idempotency_key=key).data
    output = Output(machine)
    if not json:
        output.note(
            "What it missed is not sent by itself; that does: "
            f"relay endpoints recover {endpoint_id} --since 5d"
        )
    return print_endpoint(output, found, is_json=json)


def disable(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Let an endpoint be told of nothing until it is enabled.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    body = encoded({"status": "disabled"})
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.change(f"{PATH}/{endpoint_id}", body)
    return print_endpoint(Output(machine), found, is_json=json)


def rotate_secret(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make an endpoint a new secret and print it; the one before signs along for a day.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    path, key = f"{PATH}/{endpoint_id}/rotate_secret", machine.new_key()
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.make(path, NOTHING, idempotency_key=key).data
    if not found.get("secret"):
        raise UnreachableError(
            "The secret was rotated, but the answer that showed it was lost on the way.",
            advice=[f"Rotate once more: relay endpoints rotate-secret {endpoint_id}"],
        )
    return print_secret(Output(machine), found, is_json=json)


def try_endpoint(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Send an endpoint the event endpoint.test, once, and show what came of it.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        json: Print the delivery as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        return send_test(client, machine, endpoint_id, is_json=json)


def send_test(client: RelayClient, machine: Machine, endpoint_id: str, *, is_json: bool) -> Exit:
    """Send the event, wait for what comes of it, and print that."""
    path, key = f"{PATH}/{endpoint_id}/test", machine.new_key()
    sent = client.make(path, NOTHING, idempotency_key=key).data
    delivery = Patience(client, machine).after_next_attempt(sent)
    return print_result(Output(machine), delivery, is_json=is_json)


def recover(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    since: str,
    until: str | None = None,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Send an endpoint again what failed, or what it missed while it was disabled.

    Example: relay endpoints recover we_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --since 6h

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        since: From when on: a time with its zone, or a span that is over: 30m, 6h, 5d.
        until: Up to when, in the same way. [default: now]
        json: Print the recovery as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    now = machine.now()
    asked = {"since": past_moment(since, option="--since", at=now)}
    # Without an end it is the service that says when now is, since clocks differ.
    if until is not None:
        asked["until"] = past_moment(until, option="--until", at=now)
    path, key = f"{PATH}/{endpoint_id}/recover", machine.new_key()
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.make(path, encoded(asked), idempotency_key=key).data
    output = Output(machine)
    if json:
        output.json(found)
        return Exit.DONE
    count = found.get("redelivered")
    output.line(f"{found.get('id')} {found.get('status')}" + (f": {count} events" if count else ""))
    span = f"from {found.get('since')} to {found.get('until')}"
    output.note(f"What failed or was missed {span} is sent again.")
    output.note(f"See them with: relay deliveries --endpoint {endpoint_id}")
    return Exit.DONE
