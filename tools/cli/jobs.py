"""``relay job``: a job that exists."""

import re
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit, UsageError
from tools.cli.follow import Follower, interruptible
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.output import Output, printable
from tools.cli.reports import Watch, exit_of, money, report_failure
from tools.cli.settings import find_settings
from tools.cli.shared_options import FOLLOW_DEFAULTS, FollowOptions

LABELS = {
    "endpoint": "endpoint",
    "lane": "lane",
    "model": "model",
    "model_used": "model used",
    "created_at": "created",
    "started_at": "started",
    "next_attempt_at": "next attempt",
    "finished_at": "finished",
    "deadline": "deadline",
}
JOB_ID_SHAPE = re.compile(r"job_[0-9A-Za-z]{1,64}")


def job(
    job_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    follow: FollowOptions = FOLLOW_DEFAULTS,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Show a job.

    Example: relay job job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --wait

    Args:
        job_id: The id that relay submit printed.
        follow: How to follow it.
        machine: Where this runs.
    """
    seconds = follow.wait_seconds
    check_job_id(job_id)
    output = Output(machine)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        if seconds:
            watch = Watch(output, is_silent=follow.json)
            found = Follower(client, machine, seconds=seconds, notify=watch).find(job_id)
        else:
            with interruptible(job_id):
                found = client.find(job_id).job
    if follow.json:
        output.json(found.data)
    else:
        output.table(_rows(found))
    report_failure(output, found)
    return exit_of(found)


def check_job_id(text: str) -> None:
    """Look at the shape of an id, so that nothing else gets into an address.

    Raises:
        UsageError: No job has such an id.
    """
    if not JOB_ID_SHAPE.fullmatch(text):
        raise UsageError(
            f"{text} is not the id of a job; those begin with job_",
            advice=["List yours with: relay jobs"],
        )


def _rows(found: JobView) -> Iterator[tuple[str, str]]:
    yield "job", found.id
    yield "status", found.status + (f" ({found.waiting_for})" if found.waiting_for else "")
    yield from (
        (label, text) for name, label in LABELS.items() if (text := found.text(name)) is not None
    )
    yield "attempts", f"{found.data.get('attempts', 0)} of {found.data.get('attempts_max', '?')}"
    yield from _money_rows(found)
    for key, value in found.part("metadata").items():
        yield printable(f"metadata {key}"), str(value)
    if text := found.text("output_text"):
        yield "answer", text
    elif found.text("result_url"):
        yield "answer", "too long to show here; --json has a link to it"


def _money_rows(found: JobView) -> Iterator[tuple[str, str]]:
    if total := found.part("usage").get("total_tokens"):
        yield "tokens", str(total)
    if cost := found.part("cost"):
        yield "cost", money(cost)
