"""``relay senders``: who may send to the submissions queue, and for whom."""

from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit
from tools.cli.lists import print_list
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import encoded

PATH = "/v1/senders"
COLUMNS = ("id", "tenant_id", "created_at")


def list_senders(
    *,
    limit: Limit = 100,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List senders.

    Args:
        limit: How many to list at most. [default: 100]
        json: Print the senders as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    return print_list(machine, PATH, COLUMNS, asked={}, limit=limit, is_json=json)


def add(
    sender_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    tenant: str,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Let an AWS identity send for a tenant.

    Example: relay senders add AROAEXAMPLEID --tenant ten_01JD3Q6M8W9Y2X4Z5A7B9C1D3E

    Args:
        sender_id: The unique id of a role or user, without a session: what
            aws iam get-role --role-name NAME --query Role.RoleId prints.
        tenant: Whose jobs its messages become.
        json: Print the sender as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    body = encoded({"sender_id": sender_id, "tenant_id": tenant})
    with RelayClient(settings, machine) as client:
        made = client.make(PATH, body, idempotency_key=machine.new_key()).data
    output = Output(machine)
    if json:
        output.json(made)
    else:
        output.line(f"{made.get('id')} sends for {made.get('tenant_id')}")
    return Exit.DONE


def remove(
    sender_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Let an AWS identity send for nobody, or for DefaultSqsTenant if there is one.

    Args:
        sender_id: The identity, as relay senders list shows it.
        machine: Where this runs.
    """
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    with RelayClient(settings, machine) as client:
        client.delete(f"{PATH}/{quote(sender_id, safe='')}")
    Output(machine).line(f"{sender_id} removed")
    return Exit.DONE
