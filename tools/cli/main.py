"""The ``relay`` command: its commands, and how each of them ends.

A new command is a function in a module of its group, registered here by name, so that the
help of all comes without importing any.
"""

import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError, Parameter

from tools.cli.errors import CliError, Exit, InterruptedCliError
from tools.cli.machine import Machine, this_machine
from tools.cli.output import Output
from tools.cli.version import version

SECONDS_SHAPE = re.compile(r"[0-9]+")
HELP_FLAGS = frozenset({"-h", "--help"})
LISTED_ALONE = frozenset({"endpoints", "events", "deliveries"})
"""The groups whose name alone lists what there is, as ``relay jobs`` does."""

ABOUT = (
    "Durable asynchronous inference for Mistral AI: every question becomes a job "
    "that outlives the connection it came by."
)

AFTERWORD = """Examples:

  relay submit "Why is the sky blue?" --wait
  git diff | relay submit - --system "Review this change." --wait > review.txt
  relay submit --endpoint /v1/embeddings --body request.json --wait
  relay job job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --json
  relay jobs --status failed --limit 50
  relay map prompts.txt -o answers.jsonl --model mistral-small-latest
  relay endpoints create https://example.com/hooks/mistral --events 'job.*'
  relay listen --forward-to http://localhost:3000/hook

Where the service is:

  RELAY_API_URL and RELAY_API_KEY, else the nearest .relay/stack.json from here upwards,
  else what relay init saved: ~/.config/mistral-relay/config.json, or below XDG_CONFIG_HOME.

Exit codes:

    0  done
    1  a job failed, was cancelled or expired; a webhook was not taken;
       or a check of relay doctor, a step of relay init
    2  wrong usage or settings
    3  refused by the service
    4  the service could not be reached
    5  still running when the time was up
  130  interrupted; the job goes on
"""


commands = App(
    name="relay",
    help=ABOUT,
    help_epilogue=AFTERWORD,
    help_format="plaintext",
    version=version,
    default_parameter=Parameter(negative="", show_default=False),
)


def _group(name: str, about: str, **helps: str | tuple[str, str]) -> None:
    """Register the commands of ``tools.cli.NAME``, by the names of its functions.

    A command that stands elsewhere has its address before its help.
    """
    group = App(
        name=name,
        help=about,
        help_format="plaintext",
        version_flags=[],
        default_parameter=commands.default_parameter,
    )
    for function, told in helps.items():
        address, text = told if isinstance(told, tuple) else (f"{name}:{function}", told)
        group.command(f"tools.cli.{address}", name=_command_name(function), help=text)
    commands.command(group)


def _command_name(function: str) -> str:
    """Return what is typed for a function: of ``list_keys`` just ``list``, as it is a built-in."""
    return "list" if function.startswith("list_") else function.replace("_", "-")


commands.command(
    "tools.cli.init:init",
    name="init",
    help="Make a stack on AWS ready: Mistral's key, an admin key, a tenant, a first job.",
)
commands.command(
    "tools.cli.doctor:doctor",
    name="doctor",
    help="Check a deployment, and say what is wrong and what to do.",
)
commands.command(
    "tools.cli.submit:submit",
    name="submit",
    help="Make a job of a prompt, or of the JSON body of any of Mistral's endpoints.",
)
commands.command("tools.cli.jobs:job", name="job", help="Show a job, or wait for its end.")
commands.command("tools.cli.job_list:jobs", name="jobs", help="List jobs, the newest first.")
commands.command("tools.cli.job_acts:cancel", name="cancel", help="Cancel a job.")
commands.command("tools.cli.job_acts:rerun", name="rerun", help="Make the same job once more.")
commands.command("tools.cli.job_acts:delete", name="delete", help="Delete a job's content.")
commands.command(
    "tools.cli.map_prompts:map_prompts",
    name="map",
    help="Ask each line of a file, many at once, and go on where it stopped.",
)
_group(
    "keys",
    "A tenant's API keys, for its admin keys.",
    list_keys="List keys, revoked ones included.",
    create="Make a key, which is shown this once.",
    revoke="Let a key be refused from now on.",
)
_group(
    "tenants",
    "The tenants, for the operator's admin keys.",
    list_tenants="List tenants.",
    create="Make a tenant.",
)
_group(
    "senders",
    "Who may send to the submissions queue, for the operator's admin keys.",
    list_senders="List senders.",
    add="Let an AWS identity send for a tenant.",
    remove="Let an AWS identity send for nobody.",
)
_group(
    "endpoints",
    "Your webhook endpoints; without a command, list them.",
    list_endpoints="List endpoints.",
    show="Show an endpoint.",
    create="Register an endpoint; its secret is shown this once.",
    update="Change an endpoint.",
    delete="Delete an endpoint.",
    enable=("endpoint_acts:enable", "Let an endpoint be told of events again."),
    disable=("endpoint_acts:disable", "Let an endpoint be told of nothing until it is enabled."),
    rotate_secret=("endpoint_acts:rotate_secret", "Make an endpoint a new secret."),
    test=("endpoint_acts:try_endpoint", "Send an endpoint a test event, and show what came of it."),
    recover=("endpoint_acts:recover", "Send again what failed or was missed."),
)
_group(
    "events",
    "What happened, and what happens; without a command, list events.",
    list_events="List events, the oldest first, or follow them.",
    show="Print an event as a full webhook carries it.",
)
_group(
    "deliveries",
    "Events on their way to webhooks; without a command, list them.",
    list_deliveries="List deliveries.",
    show="Show a delivery with each of its attempts.",
)
commands.command(
    "tools.cli.redeliver:redeliver",
    name="redeliver",
    help="Send a delivery, or an event to an endpoint, once more.",
)
commands.command(
    "tools.cli.listen:listen",
    name="listen",
    help="Post each event as it happens to a server on this machine, signed.",
)
commands.command(
    "tools.cli.trigger:trigger",
    name="trigger",
    help="Make an event really happen, and show it.",
)


def run(tokens: Sequence[str], machine: Machine) -> int:
    """Run one command and return its exit code; every failure of use is told on stderr."""
    output = Output(machine)
    try:
        command, bound, left = commands.parse_args(
            wait_spelled_out(list_spelled_out(tokens)),
            console=output.out,
            error_console=output.err,
            exit_on_error=False,
        )
        # What is left is what cannot be typed: the machine.
        given = dict.fromkeys(left, machine)
        return int(command(*bound.args, **bound.kwargs, **given) or Exit.DONE)
    except CycloptsError:  # already printed
        return Exit.USAGE
    except CliError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.error(InterruptedCliError("Interrupted."))
        return Exit.INTERRUPTED


def list_spelled_out(tokens: Sequence[str]) -> Sequence[str]:
    """Write ``relay events --follow`` as ``relay events list --follow``."""
    first, *others = tokens or ("",)
    is_for_list = not others or (others[0].startswith("-") and others[0] not in HELP_FLAGS)
    return [first, "list", *others] if first in LISTED_ALONE and is_for_list else tokens


def wait_spelled_out(tokens: Sequence[str]) -> list[str]:
    """Write ``--wait 60`` and ``--wait=60`` as ``--wait --timeout 60``.

    An option takes a value or takes none, so one that may be followed by a number is two.
    """
    end = tokens.index("--") if "--" in tokens else len(tokens)
    spelled: list[str] = []
    for token in tokens[:end]:
        name, _, value = token.partition("=")
        if name == "--wait" and SECONDS_SHAPE.fullmatch(value):
            spelled += ["--wait", "--timeout", value]
        elif SECONDS_SHAPE.fullmatch(token) and spelled[-1:] == ["--wait"]:
            spelled += ["--timeout", token]
        else:
            spelled.append(token)
    return [*spelled, *tokens[end:]]


def app() -> NoReturn:
    """Run as the program ``relay``."""
    machine = this_machine()
    try:
        exit_code = run(sys.argv[1:], machine)
        machine.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on, which is their right; without this, Python complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        exit_code = Exit.BROKEN_PIPE
    sys.exit(exit_code)
