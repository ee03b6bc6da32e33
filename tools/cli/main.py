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

Where the service is:

  RELAY_API_URL and RELAY_API_KEY, else the nearest .relay/stack.json from here upwards.

Exit codes:

    0  done
    1  a job failed, was cancelled or expired
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


def _group(name: str, about: str, **helps: str) -> None:
    """Register the commands of ``tools.cli.NAME``, by the names of its functions."""
    group = App(
        name=name,
        help=about,
        help_format="plaintext",
        version_flags=[],
        default_parameter=commands.default_parameter,
    )
    for function, text in helps.items():
        group.command(f"tools.cli.{name}:{function}", name=function.split("_")[0], help=text)
    commands.command(group)


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


def run(tokens: Sequence[str], machine: Machine) -> int:
    """Run one command and return its exit code; every failure of use is told on stderr."""
    output = Output(machine)
    try:
        command, bound, left = commands.parse_args(
            wait_spelled_out(tokens),
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
