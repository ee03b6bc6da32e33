"""``relay deliveries``: events on their way to webhooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.delivery_wait import attempts_of
from tools.cli.errors import Exit
from tools.cli.lists import Rows, print_rows
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import past_moment
from tools.cli.webhook_ids import DELIVERY, check_id

PATH = "/v1/deliveries"
NAMES = ("delivery", "status", "event", "endpoint", "attempts", "created", "next attempt")
SHOWN = (
    "status",
    "event_id",
    "event_type",
    "endpoint_id",
    "url",
    "created_at",
    "next_attempt_at",
    "finished_at",
)
ATTEMPT_NAMES = ("attempt", "at", "ms", "answer", "outcome", "reason", "said")
SAID_CHARACTERS_MAX = 60  # of what a receiver said, in a table; --json has all that is kept


@Parameter(name="*", group="Which")
@dataclass(frozen=True, kw_only=True)
class DeliveryFilters:
    """Which deliveries to list; all of these must hold."""

    endpoint: str | None = None
    """Only those to this endpoint."""

    event: str | None = None
    """Only those of this event."""

    type: str | None = None
    """Only those of events of this type, such as job.failed."""

    status: str | None = None
    """Only those that are pending, delivered, exhausted or cancelled."""

    since: str | None = None
    """Only those made from then on: a time with its zone, or a span that is over: 6h, 5d."""


NO_FILTERS = DeliveryFilters()


def list_deliveries(
    *,
    filters: DeliveryFilters = NO_FILTERS,
    limit: Limit = 20,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List deliveries; relay deliveries alone does the same.

    Example: relay deliveries --status exhausted --since 1d

    Args:
        filters: Which of them.
        limit: How many to list at most. [default: 20]
        json: Print the deliveries as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    since = filters.since and past_moment(filters.since, option="--since", at=machine.now())
    asked = {
        "endpoint_id": filters.endpoint,
        "event_id": filters.event,
        "event_type": filters.type,
        "status": filters.status,
        "created_after": since,
    }
    parameters = {name: value for name, value in asked.items() if value}
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = list(client.each(PATH, parameters, limit=limit))
    rows = Rows(names=NAMES, cells=_cells)
    return print_rows(Output(machine), found, rows, limit=limit, is_json=json)


def show(
    delivery_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Show a delivery with each of its attempts.

    Args:
        delivery_id: Its id, as relay deliveries shows it.
        json: Print the delivery as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(delivery_id, DELIVERY)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.get(f"{PATH}/{delivery_id}")
    output = Output(machine)
    if json:
        output.json(found)
        return Exit.DONE
    output.table(_rows(found))
    if attempts := attempts_of(found):
        output.line("")
        output.grid(ATTEMPT_NAMES, [_attempt_cells(attempt) for attempt in attempts])
    return Exit.DONE


def _cells(row: dict[str, Any]) -> list[str]:
    is_pending = row.get("status") == "pending"
    return [
        str(row.get("id")),
        str(row.get("status")),
        f"{row.get('event_type')} {row.get('event_id')}",
        str(row.get("endpoint_id") or "callback"),
        str(len(attempts_of(row))),
        str(row.get("created_at")),
        str(row.get("next_attempt_at") or "") if is_pending else "",
    ]


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "delivery", str(found.get("id"))
    for name in SHOWN:
        value = found.get(name)
        if value is not None and (name != "next_attempt_at" or found.get("status") == "pending"):
            yield name.replace("_", " ").removesuffix(" at").removesuffix(" id"), str(value)


def _attempt_cells(attempt: dict[str, Any]) -> list[str]:
    said = str(attempt.get("response_head") or "")
    is_long = len(said) > SAID_CHARACTERS_MAX
    return [
        str(attempt.get("number", "")),
        str(attempt.get("at", "")),
        str(attempt.get("duration_ms", "")),
        str(attempt.get("status_code") or "none"),
        str(attempt.get("outcome", "")),
        str(attempt.get("reason", "")),
        said[:SAID_CHARACTERS_MAX] + ("..." if is_long else ""),
    ]
