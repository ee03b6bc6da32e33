"""What people and programs see: answers and JSON on stdout, all else on stderr."""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.cli.errors import CliError
from tools.cli.machine import Machine

KEPT_CONTROLS = frozenset("\n\t")


class _PipeableConsole(Console):
    """Leaves a broken pipe to the caller: rich would end the program as if the job had failed."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


class Output:
    """The two streams of one command."""

    def __init__(self, machine: Machine) -> None:
        self._stdout = machine.stdout
        self.out = _console(machine.stdout, machine.environment)
        self.err = _console(machine.stderr, machine.environment)

    def answer(self, text: str) -> None:
        """Print an answer: to the character where it is piped, made harmless on a terminal."""
        shown = printable(text) if self._stdout.isatty() else text
        print(shown, file=self._stdout)

    def json(self, data: object) -> None:
        """Print one JSON value on stdout."""
        print(json.dumps(data, indent=2, ensure_ascii=False), file=self._stdout)

    def json_line(self, data: object) -> None:
        """Print one JSON value on a line of its own, which whoever reads along gets at once."""
        print(json.dumps(data, ensure_ascii=False), file=self._stdout, flush=True)

    def line(self, text: str) -> None:
        """Print a line on stdout."""
        self.out.print(Text(printable(text)), soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line on stderr, for people only."""
        self.err.print(Text(printable(text), style="dim"), soft_wrap=True)

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print names and values on stdout: folded to a terminal, whole lines elsewhere."""
        shown = [(name, printable(value)) for name, value in rows]
        indent = max(len(name) for name, _ in shown) + 2
        if not self._stdout.isatty():
            for name, value in shown:
                self.line(name.ljust(indent) + value.replace("\n", "\n" + " " * indent))
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in shown:
            grid.add_row(Text(name), Text(value))
        self.out.print(grid)

    def grid(self, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows below the names of their columns, each row in one line."""
        shown = [list(names), *([_in_one_line(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for number, row in enumerate(shown):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            style = "bold" if number == 0 else ""
            self.out.print(Text(text.rstrip(), style=style), soft_wrap=True)

    def failure(self, headline: str, lines: Iterable[str], advice: Iterable[str]) -> None:
        """Print on stderr what went wrong, what explains it, and what to do."""
        self.err.print(Text(printable(headline), style="bold red"), soft_wrap=True)
        for line in lines:
            self.err.print(Text("  " + printable(line).replace("\n", "\n  ")), soft_wrap=True)
        for number, line in enumerate(advice):
            lead = "What to do: " if number == 0 else " " * len("What to do: ")
            self.err.print(Text(lead + printable(line)), soft_wrap=True)

    def error(self, error: CliError) -> None:
        """Print on stderr why a command ended early."""
        self.failure(error.headline, error.lines, error.advice)


def printable(text: str) -> str:
    """Show control characters as numbers: an answer must not steer the reader's terminal."""
    return "".join(
        f"\\x{ord(character):02x}"
        if unicodedata.category(character) == "Cc" and character not in KEPT_CONTROLS
        else character
        for character in text
    )


def _in_one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _console(stream: TextIO, environment: Mapping[str, str]) -> Console:
    is_plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return _PipeableConsole(
        file=stream,
        color_system=None if is_plain or not stream.isatty() else "auto",
        force_terminal=stream.isatty(),
        highlight=False,
        markup=False,
        emoji=False,
    )
