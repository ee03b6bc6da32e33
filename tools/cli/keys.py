"""``relay keys``: a tenant's API keys."""

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from tools.cli.asking import confirm
from tools.cli.client import RelayClient
from tools.cli.errors import Exit, UnreachableError, UsageError
from tools.cli.lists import print_list
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import encoded

PATH = "/v1/api_keys"
COLUMNS = ("id", "name", "scopes", "last_four", "created_at", "revoked_at")


def list_keys(
    *,
    tenant: str | None = None,
    limit: Limit = 100,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List keys, the newest first, revoked ones included.

    Args:
        tenant: Whose keys; another tenant's for the operator's keys only. [default: one's own]
        limit: How many to list at most. [default: 100]
        json: Print the keys as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    asked = {"tenant_id": tenant} if tenant else {}
    return print_list(machine, PATH, COLUMNS, asked=asked, limit=limit, is_json=json)


def create(
    *,
    name: str = "",
    scope: Annotated[tuple[str, ...], Parameter(metavar="SCOPE")] = (),
    tenant: str | None = None,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make a key and print it. It is kept nowhere, so it can never be shown again.

    Example: relay keys create --name CI --scope jobs:read --scope jobs:write

    Args:
        name: What people know the key by.
        scope: What it may do: jobs:read, jobs:write, webhooks:read, webhooks:write or admin; give
            the option once for each. [default: jobs:read, jobs:write]
        tenant: Whose the key is; another tenant's for the operator's keys only.
            [default: one's own]
        json: Print the key as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    asked: dict[str, Any] = {"name": name}
    if scope:
        asked["scopes"] = list(scope)
    if tenant:
        asked["tenant_id"] = tenant
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    with RelayClient(settings, machine) as client:
        made = client.make(PATH, encoded(asked), idempotency_key=machine.new_key()).data
    if not made.get("key"):
        raise UnreachableError(
            "The key was made, but the answer that showed it was lost on the way.",
            advice=[f"Revoke it with: relay keys revoke {made.get('id')}", "Then make another."],
        )
    output = Output(machine)
    if json:
        output.json(made)
    else:
        output.line(str(made["key"]))
        output.note(f"It is {made.get('id')}, and shown this once: keep it now.")
    return Exit.DONE


def revoke(
    key_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    tenant: str | None = None,
    yes: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Let a key be refused from now on; the gateway remembers it for up to a minute.

    Args:
        key_id: The id of the key, as relay keys list shows it.
        tenant: Whose the key is; another tenant's for the operator's keys only.
            [default: one's own]
        yes: Do not ask first; nobody is asked where standard input is no terminal.
        machine: Where this runs.
    """
    if not key_id.startswith("key_"):
        raise UsageError(
            "That is not the id of a key; those begin with key_",
            advice=["List them with: relay keys list"],
        )
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    if not yes:
        confirm(machine, f"Revoke {key_id} for good?")
    with RelayClient(settings, machine) as client:
        asked = {"tenant_id": tenant} if tenant else None
        client.delete(f"{PATH}/{quote(key_id, safe='')}", asked)
    Output(machine).line(f"{key_id} revoked")
    return Exit.DONE
