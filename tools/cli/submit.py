"""``relay submit``: a new job."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.client import Answer, RelayClient
from tools.cli.errors import Exit, InterruptedCliError, UsageError, same_job_advice
from tools.cli.follow import Follower, hold_seconds
from tools.cli.job_view import JobView, text_of_result
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.reports import Watch, exit_of, report_failure, status_line
from tools.cli.settings import find_settings
from tools.cli.shared_options import FOLLOW_DEFAULTS, FollowOptions
from tools.cli.submission import (
    deadline_of,
    encoded,
    json_body,
    key_of,
    metadata_of,
    prompt_text,
)


@Parameter(name="*", group="Question")
@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """What goes with a prompt; left out, the deployment's defaults hold."""

    model: str | None = None
    """The model to ask."""

    system: str | None = None
    """Instructions that come before the prompt."""

    max_tokens: int | None = None
    """Tokens the answer may have at most."""

    temperature: float | None = None
    """How freely to answer, from 0 to 2."""


@Parameter(name="*", group="Job")
@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What goes with any job."""

    endpoint: str | None = None
    """Mistral's path for --body, such as /v1/embeddings. [default: chat completions]"""

    body: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """A file with the JSON to send instead of a prompt; - reads standard input."""

    callback_url: str | None = None
    """Where to send the job when it ends."""

    metadata: Annotated[tuple[str, ...], Parameter(metavar="KEY=VALUE")] = ()
    """Something to keep with the job; give the option once for each."""

    deadline: str | None = None
    """When the answer is of no more use: a time with its zone, or a span: 90s, 30m, 2h, 3d."""

    idempotency_key: str | None = None
    """What makes the same submission, sent again within a day, the same job. [default: fresh]"""


NO_CHAT_OPTIONS = ChatOptions()
NO_JOB_OPTIONS = JobOptions()


def submit(
    prompt: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    chat: ChatOptions = NO_CHAT_OPTIONS,
    options: JobOptions = NO_JOB_OPTIONS,
    follow: FollowOptions = FOLLOW_DEFAULTS,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make a job of a prompt, or of the JSON body of any of Mistral's endpoints.

    Example: relay submit "Why is the sky blue?" --model mistral-small-latest --wait

    Args:
        prompt: What to ask; - reads it from standard input.
        chat: What goes with the prompt.
        options: What goes with the job.
        follow: How to follow it.
        machine: Where this runs.
    """
    seconds = follow.wait_seconds
    request = _request(prompt, chat, options, machine)
    given_key = options.idempotency_key
    key = machine.new_key() if given_key is None else key_of(given_key)
    output = Output(machine)
    hold = hold_seconds(seconds) if seconds else 0
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:

        def question() -> Answer:
            return _submitted(client, request, hold=hold, key=key)

        if not seconds:
            return report_accepted(output, question().job, is_json=follow.json)
        watch = Watch(output, is_silent=follow.json)
        job = Follower(client, machine, seconds=seconds, notify=watch).first(question)
        return report_end(output, job, client, is_json=follow.json)


def _request(prompt: str | None, chat: ChatOptions, options: JobOptions, machine: Machine) -> bytes:
    request: dict[str, Any] = {"body": _body(prompt, chat, options, machine)}
    for name in ("endpoint", "callback_url"):
        if value := getattr(options, name):
            request[name] = value
    if options.metadata:
        request["metadata"] = metadata_of(options.metadata)
    if options.deadline:
        request["deadline"] = deadline_of(options.deadline, at=machine.now())
    return encoded(request)


def _body(
    prompt: str | None, chat: ChatOptions, options: JobOptions, machine: Machine
) -> dict[str, Any]:
    if options.body is not None:
        if prompt is not None or chat != NO_CHAT_OPTIONS:
            names = ", ".join(f"--{field.name.replace('_', '-')}" for field in fields(chat))
            raise UsageError(f"--body is the whole request: no prompt, and none of {names}.")
        return json_body(options.body, machine.stdin)
    if prompt is None:
        raise UsageError("Give a prompt, - to read it from standard input, or --body.")
    if options.endpoint is not None:
        raise UsageError("--endpoint goes with --body; a prompt is for chat completions.")
    return chat_body(prompt_text(prompt, machine.stdin), chat)


def chat_body(text: str, chat: ChatOptions) -> dict[str, Any]:
    """Return the body for Mistral that asks one question."""
    messages = [{"role": "user", "content": text}]
    if chat.system is not None:
        messages.insert(0, {"role": "system", "content": chat.system})
    asked = {
        "model": chat.model,
        "max_tokens": chat.max_tokens,
        "temperature": chat.temperature,
    }
    return {
        **{name: value for name, value in asked.items() if value is not None},
        "messages": messages,
    }


def _submitted(client: RelayClient, request: bytes, *, hold: int, key: str) -> Answer:
    try:
        return client.submit(request, idempotency_key=key, hold_seconds=hold)
    except KeyboardInterrupt as interrupt:
        raise InterruptedCliError(
            "Interrupted before the service told the job's id.",
            lines=["If the request had arrived, the job goes on."],
            advice=same_job_advice(key),
        ) from interrupt


def report_accepted(output: Output, job: JobView, *, is_json: bool) -> Exit:
    """Print a new job that nobody waits for."""
    if is_json:
        output.json(job.data)
    else:
        output.line(f"{job.id} {job.status}")
        output.note(f"Follow it with: relay job {job.id} --wait")
    report_failure(output, job)
    return exit_of(job)


def report_end(output: Output, job: JobView, client: RelayClient, *, is_json: bool) -> Exit:
    """Print a new job that was waited for."""
    if is_json:
        output.json(job.data)
    elif not job.has_failed:
        _print_answer(output, job, client)
        output.note(status_line(job))
    report_failure(output, job)
    return exit_of(job)


def _print_answer(output: Output, job: JobView, client: RelayClient) -> None:
    """Print the text; of an answer without one, its tool calls or all of it, as JSON."""
    if text := job.text("output_text"):
        output.answer(text)
        return
    link = job.text("result_url")
    result = client.result(link) if link else job.data.get("result")
    if text := text_of_result(result):
        output.answer(text)
    else:
        output.json(job.data.get("tool_calls") or result)
