"""Lists of what is not a job, printed just as the service gave it."""

from collections.abc import Mapping, Sequence

from tools.cli.client import RelayClient
from tools.cli.errors import Exit
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings


def print_list(
    machine: Machine,
    path: str,
    columns: Sequence[str],
    *,
    asked: Mapping[str, str],
    limit: int,
    is_json: bool,
) -> Exit:
    """Print what an admin key may list at a path, as a table or as one JSON array."""
    settings = find_settings(machine.environment, machine.folder, for_admin=True)
    with RelayClient(settings, machine) as client:
        found = list(client.each(path, asked, limit=limit))
    output = Output(machine)
    if is_json:
        output.json(found[:limit])
        return Exit.DONE
    if not found:
        output.note("There are none.")
        return Exit.DONE
    rows = [[_cell(row.get(column)) for column in columns] for row in found[:limit]]
    output.grid([column.replace("_", " ").removesuffix(" at") for column in columns], rows)
    if len(found) > limit:
        output.note("There are more; --limit lists more of them.")
    return Exit.DONE


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return "" if value is None else str(value)
