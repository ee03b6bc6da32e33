"""``relay tenants``: the operator's tenants."""

from typing import Annotated

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit
from tools.cli.lists import print_list
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import encoded

PATH = "/v1/tenants"
COLUMNS = ("id", "name", "created_at")


def list_tenants(
    *,
    limit: Limit = 100,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List tenants, the newest first.

    Args:
        limit: How many to list at most. [default: 100]
        json: Print the tenants as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    return print_list(machine, PATH, COLUMNS, asked={}, limit=limit, is_json=json)


def create(
    name: Annotated[str, Parameter(name="NAME")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make a tenant; its first key is the next command.

    Args:
        name: What people know the tenant by.
        json: Print the tenant as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    body = encoded({"name": name})
    with RelayClient(settings, machine) as client:
        made = client.make(PATH, body, idempotency_key=machine.new_key()).data
    output = Output(machine)
    if json:
        output.json(made)
    else:
        output.line(str(made.get("id")))
        output.note(
            f"Make its first key with: relay keys create --tenant {made.get('id')} --scope admin"
        )
    return Exit.DONE
