"""Mistral's key on its way into the deployment: read unseen, tried, and stored."""

from tools.cli.aws import Aws
from tools.cli.aws_stack import Stack
from tools.cli.errors import UsageError
from tools.cli.findings import Finding, State, Steps
from tools.cli.machine import Machine
from tools.cli.mistral_key import (
    CHECK,
    KEY_SHAPE,
    mistral_url,
    store_key,
    stored_key,
    try_key,
)
from tools.cli.submission import text_in

VARIABLE = "MISTRAL_API_KEY"  # the variable's name, not a key
REFUSED = "(401)"


def have_mistral_key(
    aws: Aws, stack: Stack, machine: Machine, steps: Steps, *, file: str | None, replace: bool
) -> bool:
    """Let the deployment have a key that Mistral takes; return whether jobs will be answered.

    Raises:
        CliError: There is no key to store, or AWS did not take it.
    """
    url = mistral_url(aws, stack)
    stored = stored_key(aws, stack)
    if stored is not None and not replace:
        steps.done("A key for Mistral is stored already.")
        return steps.tell(try_key(url, stored, machine))
    key = _given_key(machine, file)
    tried = try_key(url, key, machine)
    if tried.state is State.FAILED and REFUSED in tried.text:
        # Storing it could only replace one that works.
        steps.tell(
            Finding(
                check=CHECK,
                state=State.FAILED,
                text="Mistral refuses this key (401), so it is not stored.",
                advice="Make a key in Mistral's console, and run this again with it.",
            )
        )
        return False
    store_key(aws, stack, key)
    steps.done("The key for Mistral is stored in its secret.")
    return steps.tell(tried)


def _given_key(machine: Machine, file: str | None) -> str:
    """Return the key from a file, the environment or a person, in this order.

    Raises:
        UsageError: There is none, or it cannot be one.
    """
    if file is not None:
        key = text_in(file, machine.stdin)
    elif machine.environment.get(VARIABLE):
        key = machine.environment[VARIABLE]
    elif machine.stdin.isatty():
        key = _typed_key(machine)
    else:
        raise UsageError(
            "There is no key for Mistral to store.",
            advice=[f"Set {VARIABLE}, or pipe the key into relay init --mistral-key-file -"],
        )
    key = key.strip()
    if not KEY_SHAPE.fullmatch(key):
        raise UsageError(
            "What was given as Mistral's key has characters that no key has, or none.",
            advice=["Copy it again from Mistral's console, alone."],
        )
    return key


def _typed_key(machine: Machine) -> str:
    try:
        return machine.ask_unseen("Mistral's API key (it is not shown): ")
    except EOFError:  # Ctrl-D
        return ""
