"""``relay jobs``: the jobs that there are."""

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.errors import Exit, UnreachableError
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.reports import money
from tools.cli.settings import find_settings
from tools.cli.shared_options import Limit

COLUMNS = ("job", "status", "model", "created", "cost")


def jobs(
    *,
    status: Annotated[tuple[str, ...], Parameter(metavar="STATUS")] = (),
    model: str | None = None,
    endpoint: str | None = None,
    limit: Limit = 20,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """List jobs, the newest first.

    Example: relay jobs --status failed --limit 50

    Args:
        status: Only jobs of this status; give the option once for each.
        model: Only jobs that asked for this model, or were answered by it.
        endpoint: Only jobs of this endpoint, such as /v1/embeddings.
        limit: How many to list at most. [default: 20]
        json: Print the jobs as one JSON array, and nothing else, on standard output.
        machine: Where this runs.
    """
    asked = {"status": ",".join(status), "model": model, "endpoint": endpoint}
    parameters = {name: value for name, value in asked.items() if value}
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        found = list(client.each("/v1/jobs", parameters, limit=limit))
    output = Output(machine)
    if json:
        output.json(found[:limit])
        return Exit.DONE
    if not found:
        output.note("There are no such jobs.")
        return Exit.DONE
    output.grid(COLUMNS, (tuple(_cells(_read(data))) for data in found[:limit]))
    if len(found) > limit:
        output.note("There are more; --limit lists more of them.")
    return Exit.DONE


def _read(data: object) -> JobView:
    view = JobView.read(data)
    if view is None:
        raise UnreachableError("The list holds something that is not a job.")
    return view


def _cells(job: JobView) -> Iterator[str]:
    reason = job.waiting_for or job.part("error").get("code")
    yield job.id
    yield job.status + (f" ({reason})" if reason else "")
    yield job.model or ""
    yield job.text("created_at") or ""
    yield money(job.part("cost")) if job.part("cost") else ""
