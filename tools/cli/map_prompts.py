"""``relay map``: one job for each line of a file."""

import hashlib
import json
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

from cyclopts import Parameter, validators
from rich.progress import Progress

from tools.cli.client import Answer, RelayClient
from tools.cli.errors import CliError, Exit, InterruptedCliError, RefusedError, UsageError
from tools.cli.follow import Follower, hold_seconds
from tools.cli.in_order import in_order
from tools.cli.job_view import JobView, text_of_result
from tools.cli.machine import Machine
from tools.cli.map_answers import Answers
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.shared_options import WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX
from tools.cli.submission import encoded, text_in
from tools.cli.submit import NO_CHAT_OPTIONS, ChatOptions, chat_body

CONCURRENCY_MAX = 64
FAILURES_SHOWN_MAX = 20
OF_ONE_PROMPT = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Refusals of what was asked; any other refusal would meet the next prompt too."""


class Prompt(NamedTuple):
    """A prompt, and the number of its line."""

    line: int
    text: str


def map_prompts(
    prompts: Annotated[str, Parameter(name="PROMPTS", allow_leading_hyphen=True)],
    /,
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"))],
    chat: ChatOptions = NO_CHAT_OPTIONS,
    concurrency: Annotated[
        int, Parameter(validator=validators.Number(gte=1, lte=CONCURRENCY_MAX))
    ] = 8,
    timeout: Annotated[
        int, Parameter(validator=validators.Number(gte=1, lte=WAIT_SECONDS_MAX))
    ] = WAIT_SECONDS_DEFAULT,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Ask each line of a file, and write the answers as JSON lines in the same order.

    Run again with the same prompts and options, it goes on where it stopped: within a day of the
    first run no prompt becomes a second job.

    Args:
        prompts: A file with one prompt to a line, empty lines left out; - reads standard input.
        output: Where the answers go. The file's name with .run behind it keeps which run it is.
        chat: What goes with each prompt.
        concurrency: How many jobs to have under way at once. [default: 8]
        timeout: Seconds to wait at most for one answer. [default: 600]
        machine: Where this runs.
    """
    asked = _prompts(prompts, machine.stdin)
    settings = find_settings(machine.environment, machine.folder)
    answers = Answers(
        output,
        fingerprint=_fingerprint(asked, chat),
        lines=[prompt.line for prompt in asked],
        new_id=machine.new_key,
    )
    shown = Output(machine)
    try:
        with RelayClient(settings, machine) as client:
            asking = _Asking(client, machine, chat, run_id=answers.run_id, seconds=timeout)
            _ask_all(asked, asking, answers, shown, concurrency)
    except KeyboardInterrupt as interrupt:
        raise InterruptedCliError("Interrupted.", advice=[_how_to_go_on(answers)]) from interrupt
    except CliError as error:
        error.advise(_how_to_go_on(answers))
        raise
    finally:
        answers.close()
    return _report(answers, shown)


class _Asking:
    """Makes the job of a prompt and returns the row that it becomes."""

    def __init__(
        self,
        client: RelayClient,
        machine: Machine,
        chat: ChatOptions,
        *,
        run_id: str,
        seconds: int,
    ) -> None:
        self._client = client
        self._machine = machine
        self._chat = chat
        self._run_id = run_id
        self._seconds = seconds

    def __call__(self, prompt: Prompt) -> dict[str, Any]:
        request = encoded({"body": chat_body(prompt.text, self._chat)})
        key = f"map-{self._run_id}-{prompt.line}"

        def question() -> Answer:
            hold = hold_seconds(self._seconds)
            return self._client.submit(request, idempotency_key=key, hold_seconds=hold)

        follower = Follower(self._client, self._machine, seconds=self._seconds, notify=_nobody)
        row: dict[str, Any] = {"line": prompt.line, "prompt": prompt.text}
        try:
            job = follower.first(question)
        except RefusedError as error:
            if error.status_code not in OF_ONE_PROMPT:
                raise
            message = " ".join((error.headline, *error.lines))
            return row | {"status": "refused", "error": {"code": "refused", "message": message}}
        return row | self._outcome(job)

    def _outcome(self, job: JobView) -> dict[str, Any]:
        names = ("output_text", "tool_calls", "error", "model_used", "usage", "cost")
        facts: dict[str, Any] = {"job_id": job.id, "status": job.status}
        facts |= {name: job.data.get(name) for name in names}
        if link := job.text("result_url"):
            facts["output_text"] = text_of_result(self._client.result(link))
        return facts


def _ask_all(
    asked: Sequence[Prompt], asking: _Asking, answers: Answers, shown: Output, concurrency: int
) -> None:
    """Ask what is not answered yet. Only a person sees how far it is."""
    is_watched = shown.err.is_terminal
    with Progress(console=shown.err, transient=True, disable=not is_watched) as progress:
        bar = progress.add_task("prompts", total=len(asked), completed=answers.count)
        for row in in_order(asked[answers.count :], asking, concurrency=concurrency):
            answers.add(row)
            progress.advance(bar)


def _report(answers: Answers, shown: Output) -> Exit:
    if not answers.failed:
        shown.note(f"{answers.count} answers in {answers.path}")
        return Exit.DONE
    lines = [_failure_line(row) for row in answers.failed[:FAILURES_SHOWN_MAX]]
    if (more := len(answers.failed) - FAILURES_SHOWN_MAX) > 0:
        lines.append(f"and {more} more")
    shown.failure(
        f"{len(answers.failed)} of {answers.count} prompts have no answer:",
        lines,
        [f"{answers.path} has the errors in full. A job can be run anew with: relay rerun ID"],
    )
    return Exit.JOB_FAILED


def _failure_line(row: dict[str, Any]) -> str:
    error = row.get("error") or {}
    reason = error.get("message") or error.get("code") or row.get("status")
    job = f" ({row['job_id']})" if row.get("job_id") else ""
    return f"line {row.get('line')}: {reason}{job}"


def _prompts(source: str, stdin: BinaryIO) -> list[Prompt]:
    lines = text_in(source, stdin).replace("\r\n", "\n").split("\n")
    found = [Prompt(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError("There are no prompts: all lines are empty.")
    return found


def _fingerprint(asked: Sequence[Prompt], chat: ChatOptions) -> str:
    """Return what tells these prompts and options from any others."""
    content = json.dumps([asked, chat_body("", chat)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _how_to_go_on(answers: Answers) -> str:
    return f"{answers.count} answers are in {answers.path}; run the same again to go on."


def _nobody(_: JobView) -> None:
    """Tell nobody why a job waits: there are many of them."""
