"""``relay listen``: webhooks brought to a server on this machine, which nobody can reach."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit, RefusedError
from tools.cli.event_feed import PATH, EventFeed, Insisting, patterns_of
from tools.cli.forwarding import Forwarded, Forwarder, check_target, read_secret
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.webhook_ids import EVENT, is_id

GONE_STATUSES = frozenset({404, 410})


@Parameter(name="*", group="Request")
@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """What a registered endpoint would choose for itself."""

    events: Annotated[tuple[str, ...], Parameter(metavar="TYPE")] = ()
    """Only these types, or all of a kind as 'job.*'; give the option once for each."""

    payload: Literal["full", "thin"] = "full"
    """Whether events carry the whole job or its ids and status only. [default: full]"""

    legacy_signature: bool = False
    """Also sign by the older scheme, x-webhook-signature."""


AS_BY_DEFAULT = RequestOptions()


def listen(
    *,
    forward_to: Annotated[str, Parameter(metavar="URL")],
    request: RequestOptions = AS_BY_DEFAULT,
    since: str | None = None,
    no_secret: bool = False,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Post each event as it happens to a server on this machine, signed, until Ctrl-C.

    Example: relay listen --forward-to http://localhost:3000/hook --events 'job.*'

    Args:
        forward_to: Where to post: any https address, or http on this machine or its network.
        request: What to post.
        since: Begin with what happened then: a time with its zone, or a span that is over: 30m.
            [default: now]
        no_secret: Do not print the secret, where what is printed is kept.
        json: Print each event's fate as one line of JSON, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_target(forward_to)
    settings = find_settings(machine.environment, machine.folder)
    output = Output(machine)
    with RelayClient(settings, machine) as client:
        secret = read_secret(client.get("/v1/webhook_secret"))
        feed = EventFeed(client, machine, patterns=patterns_of(request.events))
        after = feed.start(since)
        if not no_secret:
            output.note(f"Your signing secret is {secret.text}")
            output.note("It signs what goes to callback URLs; registered endpoints have their own.")
        output.note(f"Events go to {forward_to}; Ctrl-C ends it.")
        signs_legacy = request.legacy_signature
        forwarder = Forwarder(
            machine, forward_to, secret, signs_legacy=signs_legacy, notify=output.note
        )
        insist = Insisting(machine, output)
        listener = Listener(
            client if request.payload == "full" else None, forwarder, output, insist
        )
        try:
            for page in feed.pages(after, insist):
                for event in page:
                    listener.take(event, is_json=json)
        except KeyboardInterrupt:
            pass  # the way that listening ends
        finally:
            output.note(listener.tally())
            forwarder.close()
    return Exit.DONE


class Listener:
    """Forwards event after event and keeps count. ``full`` is who knows the whole of them."""

    def __init__(
        self, full: RelayClient | None, forwarder: Forwarder, output: Output, insist: Insisting
    ) -> None:
        self._full = full
        self._forwarder = forwarder
        self._output = output
        self._insist = insist
        self._counts: Counter[str] = Counter()

    def take(self, event: dict[str, Any], *, is_json: bool) -> None:
        """Forward one event, and say what came of it."""
        told = self._whole(event)
        if told is None:
            self._counts["gone"] += 1
            self._output.note(f"{event.get('id')}: what it tells of has been deleted meanwhile.")
            return
        outcome = self._forwarder.forward(told)
        self._count(outcome)
        if is_json:
            self._output.json_line(_fate(told, outcome))
            return
        answer = str(outcome.status_code or outcome.failure)
        when = str(told.get("timestamp"))
        parts = (when, str(told.get("type")), str(told.get("id")), answer)
        self._output.line(f"{'  '.join(parts)}  {outcome.milliseconds} ms")
        if outcome.is_lost:
            self._output.note(
                f"Nobody took it, after several attempts. Once your server is up: "
                f"relay listen --since {when} …"
            )

    def tally(self) -> str:
        """Say what became of all of them."""
        counts = self._counts
        told = [f"{counts[name]} {name}" for name in ("taken", "refused", "lost")]
        gone = [f"{counts['gone']} deleted meanwhile"] if counts["gone"] else []
        return f"{sum(counts.values())} events: {', '.join(told + gone)}."

    def _whole(self, event: dict[str, Any]) -> dict[str, Any] | None:
        client, identifier = self._full, str(event.get("id"))
        if client is None or not is_id(identifier, EVENT):
            return event
        try:
            return self._insist(lambda: client.get(f"{PATH}/{identifier}"))
        except RefusedError as error:
            if error.status_code in GONE_STATUSES:
                return None
            raise

    def _count(self, outcome: Forwarded) -> None:
        answered = "taken" if outcome.is_success else "refused"
        self._counts["lost" if outcome.is_lost else answered] += 1


def _fate(event: dict[str, Any], outcome: Forwarded) -> dict[str, Any]:
    return {
        "event_id": event.get("id"),
        "event_type": event.get("type"),
        "timestamp": event.get("timestamp"),
        "status_code": outcome.status_code,
        "failure": outcome.failure,
        "duration_ms": outcome.milliseconds,
    }
