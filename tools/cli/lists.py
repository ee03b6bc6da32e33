"""Lists of what is not a job, printed just as the service gave it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.cli.client import RelayClient
from tools.cli.errors import Exit
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How a list is shown to people: the names of its columns, and the cells of one row."""

    names: Sequence[str]
    cells: Callable[[dict[str, Any]], Sequence[str]]


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

    def cells(row: dict[str, Any]) -> list[str]:
        return [_cell(row.get(column)) for column in columns]

    names = [column.replace("_", " ").removesuffix(" at") for column in columns]
    rows = Rows(names=names, cells=cells)
    return print_rows(Output(machine), found, rows, limit=limit, is_json=is_json)


def print_rows(
    output: Output, found: Sequence[dict[str, Any]], rows: Rows, *, limit: int, is_json: bool
) -> Exit:
    """Print what was found, of which one more than ``limit`` says that there is more."""
    if is_json:
        output.json(found[:limit])
        return Exit.DONE
    if not found:
        output.note("There are none.")
        return Exit.DONE
    output.grid(rows.names, [rows.cells(row) for row in found[:limit]])
    if len(found) > limit:
        output.note("There are more; --limit lists more of them.")
    return Exit.DONE


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return "" if value is None else str(value)
