"""What a check or a step came to, in one line each."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tools.cli.errors import CliError, Exit
from tools.cli.output import Output


class State(StrEnum):
    """How it looks."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    CANNOT_TELL = "cannot tell"


TICKS = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗", State.CANNOT_TELL: "?"}
STATE_CHARACTERS = max(map(len, State))
CHECK_CHARACTERS = 20


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    check: str
    state: State
    text: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """What was found and what to do."""
        return f"{self.text} {self.advice}".strip()

    @classmethod
    def of(cls, check: str, error: CliError, state: State = State.FAILED) -> "Finding":
        """Return what an error means for a check or a step."""
        text = " ".join(_ended(line) for line in (error.headline, *error.lines))
        return cls(check=check, state=state, text=text, advice=" ".join(error.advice))


def _ended(line: str) -> str:
    return line if line.endswith((".", "!", "?")) else f"{line}."


class Steps:
    """Prints each step as it is done, with a tick or what is wrong."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._has_failed = False

    def tell(self, finding: Finding) -> bool:
        """Print it, and return whether the next step may build on it."""
        self._has_failed = self._has_failed or finding.state is State.FAILED
        self._output.line(f"{TICKS[finding.state]} {finding.sentence}")
        return finding.state is not State.FAILED

    def done(self, text: str) -> None:
        """Print a step that went well."""
        self.tell(Finding(check="", state=State.OK, text=text))

    @property
    def exit_code(self) -> Exit:
        """Return how the whole ended."""
        return Exit.CHECK_FAILED if self._has_failed else Exit.DONE


def print_findings(output: Output, findings: Iterable[Finding], *, is_json: bool) -> Exit:
    """Print each check as soon as it is made, or all as one JSON array."""
    made = []
    for finding in findings:
        made.append(finding)
        if not is_json:
            state = finding.state.ljust(STATE_CHARACTERS)
            check = finding.check.ljust(CHECK_CHARACTERS)
            output.line(f"{state}  {check}  {finding.sentence}")
    if is_json:
        output.json(
            [
                {
                    "check": one.check,
                    "state": one.state.replace(" ", "_"),
                    "found": one.text,
                    "what_to_do": one.advice or None,
                }
                for one in made
            ]
        )
    has_failed = any(one.state is State.FAILED for one in made)
    return Exit.CHECK_FAILED if has_failed else Exit.DONE
