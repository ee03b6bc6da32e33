"""How a job's way and its end are told to people, whichever command they used."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.cli.errors import Exit
from tools.cli.job_view import JobView
from tools.cli.output import Output

WAITS = {
    "invalid_api_key": "Mistral refuses the service's key",
    "insufficient_credits": "Mistral's account has no credit left",
    "rate_limited": "its turn to call has not come",
    "retrying": "it is tried again after a failed attempt",
    "upstream_unavailable": "Mistral is not to be reached",
}
"""Why a job waits, by its reason."""
HINTS = {
    "cancelled": "Submit it again if the answer is still wanted.",
    "expired": "Submit it again with a later --deadline.",
}


class Watch:
    """Tells why a job does not go on, once for each reason."""

    def __init__(self, output: Output, *, is_silent: bool) -> None:
        self._output = output
        self._is_silent = is_silent
        self._told: str | None = None

    def __call__(self, job: JobView) -> None:
        """Tell of ``job`` if there is something new to tell."""
        reason = job.waiting_for
        if reason and reason != self._told and not self._is_silent:
            self._output.note(f"{job.id} waits: {WAITS.get(reason, reason.replace('_', ' '))}")
        self._told = reason


def exit_of(job: JobView) -> Exit:
    """Return the exit code that a job's status stands for."""
    return Exit.JOB_FAILED if job.has_failed else Exit.DONE


def report_failure(output: Output, job: JobView) -> None:
    """Say on stderr why a job ended without an answer, if it did."""
    if not job.has_failed:
        return
    error = job.part("error")
    code = error.get("code")
    headline = f"The job {job.status}" if job.status != "cancelled" else "The job was cancelled"
    hint = error.get("hint") or HINTS.get(job.status)
    output.failure(
        f"{headline}: {code}" if code else f"{headline}.",
        _failure_lines(job, error),
        [str(hint)] if hint else [],
    )


def status_line(job: JobView) -> str:
    """Return id, status, model, tokens, cost and seconds in one line."""
    parts = [f"{job.id} {job.status}", job.model or "unknown model"]
    usage = job.part("usage")
    if usage:
        tokens = (usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))
        parts.append(f"{tokens[0]} + {tokens[1]} tokens")
    parts.append(f"cost {money(job.part('cost'))}")
    if job.seconds is not None:
        parts.append(f"ran {job.seconds:.1f} s")
    return ", ".join(parts)


def money(value: Mapping[str, Any]) -> str:
    """Write a sum as the service gave it, or say that it is unknown."""
    amount, currency = value.get("amount"), value.get("currency")
    return f"{currency} {amount}" if amount is not None and currency else "unknown"


def _failure_lines(job: JobView, error: Mapping[str, Any]) -> Iterator[str]:
    if message := error.get("message"):
        yield str(message)
    if reason := error.get("reason"):
        yield f"Reason: {str(reason).replace('_', ' ')}"
    upstream = error.get("upstream")
    if isinstance(upstream, dict) and upstream.get("request_id"):
        yield f"Mistral's request id: {upstream['request_id']}"
    yield f"Job: {job.id}"
