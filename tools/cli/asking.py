"""A question to a person, asked only where there is one."""

from tools.cli.errors import UsageError
from tools.cli.machine import Machine

ANSWER_BYTES_MAX = 1000
AGREED = frozenset({"y", "yes"})


def confirm(machine: Machine, question: str) -> None:
    """Go on if the person agrees, or if standard input is no terminal, so that nobody can.

    Raises:
        UsageError: They do not.
    """
    if not machine.stdin.isatty():
        return
    print(f"{question} [y/N] ", end="", file=machine.stderr, flush=True)
    answer = machine.stdin.readline(ANSWER_BYTES_MAX).decode(errors="replace")
    if answer.strip().lower() not in AGREED:
        raise UsageError("Nothing was done.", advice=["--yes answers for you."])
