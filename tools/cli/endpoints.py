"""``relay endpoints``: the webhook endpoints that a tenant has registered."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tools.cli.asking import confirm
from tools.cli.client import RelayClient
from tools.cli.errors import Exit, UnreachableError, UsageError
from tools.cli.event_feed import patterns_of
from tools.cli.lists import Rows, print_rows
from tools.cli.machine import Machine
from tools.cli.output import Output, printable
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import encoded, metadata_of
from tools.cli.webhook_ids import ENDPOINT, check_id

PATH = "/v1/webhook_endpoints"
EVENTS_DEFAULT = ("job.*",)
SHOWN = (
    "status",
    "disabled_reason",
    "url",
    "payload",
    "legacy_signature",
    "description",
    "created_at",
)


@Parameter(name="*", group="Endpoint")
@dataclass(frozen=True, kw_only=True)
class EndpointOptions:
    """What an endpoint is told, and how."""

    events: Annotated[tuple[str, ...], Parameter(metavar="TYPE")] = ()
    """An event type, or all of a kind as 'job.*'; give the option once for each."""

    payload: Literal["full", "thin"] | None = None
    """Whether events carry the whole job or its ids and status only."""

    legacy_signature: Annotated[bool | None, Parameter(negative="--no-legacy-signature")] = None
    """Also sign by the older scheme, x-webhook-signature."""

    description: str | None = None
    """What people know the endpoint by."""

    metadata: Annotated[tuple[str, ...], Parameter(metavar="KEY=VALUE")] = ()
    """Something to keep with the endpoint; give the option once for each."""


NO_ENDPOINT_OPTIONS = EndpointOptions()


def list_endpoints(
    *,
    limit: Limit = 100,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List endpoints; relay endpoints alone does the same.

    Args:
        limit: How many to list at most. [default: 100]
        json: Print the endpoints as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = list(client.each(PATH, {}, limit=limit))
    rows = Rows(names=("endpoint", "status", "events", "payload", "url"), cells=_cells)
    return print_rows(Output(machine), found, rows, limit=limit, is_json=json)


def show(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Show an endpoint.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.get(f"{PATH}/{endpoint_id}")
    return print_endpoint(Output(machine), found, is_json=json)


def create(
    url: Annotated[str, Parameter(name="URL")],
    /,
    *,
    options: EndpointOptions = NO_ENDPOINT_OPTIONS,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Register an endpoint and print its secret, which is shown this once.

    Example: relay endpoints create https://example.com/hooks/mistral --events 'job.*'

    Args:
        url: Where to post the events.
        options: What it is told; without --events, all that is about jobs.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    asked = {"url": url, "event_types": list(EVENTS_DEFAULT), **_asked(options)}
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        made = client.make(PATH, encoded(asked), idempotency_key=machine.new_key()).data
    if not made.get("secret"):
        raise UnreachableError(
            "The endpoint was made, but the answer that showed its secret was lost on the way.",
            advice=[f"Make it another with: relay endpoints rotate-secret {made.get('id')}"],
        )
    return print_secret(Output(machine), made, is_json=json)


def update(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    url: str | None = None,
    options: EndpointOptions = NO_ENDPOINT_OPTIONS,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Change an endpoint; what is not named stays as it is.

    Example: relay endpoints update we_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --payload thin

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        url: Where to post the events from now on.
        options: What it is told from now on; --events and --metadata replace all there were.
        json: Print the endpoint as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    asked = _asked(options) | ({"url": url} if url is not None else {})
    if not asked:
        raise UsageError("Say what to change: see relay endpoints update --help.")
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.change(f"{PATH}/{endpoint_id}", encoded(asked))
    return print_endpoint(Output(machine), found, is_json=json)


def delete(
    endpoint_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    yes: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Delete an endpoint; nothing more is sent there.

    Args:
        endpoint_id: Its id, as relay endpoints shows it.
        yes: Do not ask first; nobody is asked where standard input is no terminal.
        machine: Where this runs.
    """
    check_id(endpoint_id, ENDPOINT)
    settings = find_settings(machine.environment, machine.folder)
    if not yes:
        confirm(machine, f"Delete {endpoint_id} and its secret for good?")
    with RelayClient(settings, machine) as client:
        client.delete(f"{PATH}/{endpoint_id}")
    Output(machine).line(f"{endpoint_id} deleted")
    return Exit.DONE


def print_endpoint(output: Output, found: dict[str, Any], *, is_json: bool) -> Exit:
    """Print an endpoint for programs or for people."""
    if is_json:
        output.json(found)
    else:
        output.table(_rows(found))
    return Exit.DONE


def print_secret(output: Output, found: dict[str, Any], *, is_json: bool) -> Exit:
    """Print an endpoint with a new secret; people get the secret alone on standard output."""
    if is_json:
        output.json(found)
        return Exit.DONE
    output.line(str(found["secret"]))
    output.note(f"It signs what goes to {found.get('id')}, and is shown this once: keep it now.")
    if until := found.get("previous_until"):
        output.note(f"The one before signs along until {until}.")
    return Exit.DONE


def _asked(options: EndpointOptions) -> dict[str, Any]:
    asked = {
        "event_types": patterns_of(options.events) or None,
        "payload": options.payload,
        "legacy_signature": options.legacy_signature,
        "description": options.description,
        "metadata": metadata_of(options.metadata) or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _cells(row: dict[str, Any]) -> list[str]:
    reason = row.get("disabled_reason")
    status = f"{row.get('status')}" + (f" ({reason})" if reason else "")
    events = " ".join(str(one) for one in row.get("event_types") or [])
    return [str(row.get("id")), status, events, str(row.get("payload")), str(row.get("url"))]


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "endpoint", str(found.get("id"))
    yield "events", " ".join(str(one) for one in found.get("event_types") or [])
    for name in SHOWN:
        value = found.get(name)
        if value not in (None, ""):
            shown = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else value
            yield name.replace("_", " ").removesuffix(" at"), str(shown)
    metadata = found.get("metadata")
    for key, value in (metadata if isinstance(metadata, dict) else {}).items():
        yield printable(f"metadata {key}"), str(value)
