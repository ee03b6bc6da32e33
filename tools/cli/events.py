"""``relay events``: what happened, and what happens."""

from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit
from tools.cli.event_feed import PATH, EventFeed, Insisting, patterns_of
from tools.cli.lists import Rows, print_rows
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit
from tools.cli.submission import past_moment
from tools.cli.webhook_ids import EVENT, check_id

NAMES = ("event", "type", "happened", "about", "status")


def list_events(
    *,
    type: str | None = None,  # noqa: A002 - the option's name, which is the API's
    since: str | None = None,
    follow: bool = False,
    limit: Limit = 20,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List events, the oldest first; relay events alone does the same.

    Example: relay events --type job.failed --since 1d

    Args:
        type: Only events of this type, such as job.failed, or of one kind as 'job.*'.
        since: Only those from then on: a time with its zone, or a span that is over: 30m, 6h.
            [default: as far back as they are kept; with --follow, from now on]
        follow: Print each event as it happens, until Ctrl-C.
        limit: How many to list at most; --follow knows no end. [default: 20]
        json: Print the events as one JSON array, with --follow each as one line of JSON, and
            nothing else, on standard output.
        machine: Where this runs.
    """
    settings = find_settings(machine.environment, machine.folder)
    output = Output(machine)
    with RelayClient(settings, machine) as client:
        if follow:
            feed = EventFeed(client, machine, patterns=patterns_of([type] if type else []))
            return _follow(feed, Insisting(machine, output), output, since=since, is_json=json)
        after = since and past_moment(since, option="--since", at=machine.now())
        asked = {"type": type, "created_after": after}
        parameters = {name: value for name, value in asked.items() if value}
        found = list(client.each(PATH, parameters, limit=limit))
    rows = Rows(names=NAMES, cells=event_cells)
    return print_rows(output, found, rows, limit=limit, is_json=json)


def show(
    event_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Print an event as the JSON that a full webhook carries.

    Args:
        event_id: Its id, as relay events shows it, or the webhook-id of a webhook.
        machine: Where this runs.
    """
    check_id(event_id, EVENT)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = client.get(f"{PATH}/{event_id}")
    Output(machine).json(found)
    return Exit.DONE


def event_cells(event: dict[str, Any]) -> list[str]:
    """Return the cells of an event's row."""
    data = event.get("data")
    about = data if isinstance(data, dict) else {}
    return [
        str(event.get("id")),
        str(event.get("type")),
        str(event.get("timestamp")),
        str(about.get("id") or ""),
        str(about.get("status") or ""),
    ]


def _follow(
    feed: EventFeed, insist: Insisting, output: Output, *, since: str | None, is_json: bool
) -> Exit:
    try:
        for page in feed.pages(insist(lambda: feed.start(since)), insist):
            for event in page:
                if is_json:
                    output.json_line(event)
                else:
                    output.line("  ".join(event_cells(event)))
    except KeyboardInterrupt:
        pass  # the way that following ends
    return Exit.DONE
