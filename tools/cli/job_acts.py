"""``relay cancel``, ``relay rerun`` and ``relay delete``: what is done with a job that exists."""

from typing import Annotated

from cyclopts import Parameter

from tools.cli.asking import confirm
from tools.cli.client import Answer, RelayClient
from tools.cli.errors import Exit, InterruptedCliError, same_job_advice
from tools.cli.follow import Follower, hold_seconds
from tools.cli.jobs import check_job_id
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.reports import Watch
from tools.cli.settings import find_settings
from tools.cli.shared_options import FOLLOW_DEFAULTS, FollowOptions
from tools.cli.submission import key_of
from tools.cli.submit import report_accepted, report_end


def cancel(
    job_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Cancel a job that has not ended.

    Example: relay cancel job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E

    Args:
        job_id: The id that relay submit printed.
        json: Print the job as one JSON object, and nothing else, on standard output.
        machine: Where this runs.
    """
    check_job_id(job_id)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        job = client.act_on(job_id, "cancel").job
    output = Output(machine)
    if json:
        output.json(job.data)
    else:
        output.line(f"{job.id} {job.status}")
    return Exit.DONE


def rerun(
    job_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    idempotency_key: str | None = None,
    follow: FollowOptions = FOLLOW_DEFAULTS,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make a new job of the same request.

    Example: relay rerun job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --wait

    Args:
        job_id: The id of the job to make once more.
        idempotency_key: What makes the same rerun, asked for again within a day, the same job.
            [default: fresh]
        follow: How to follow the new job.
        machine: Where this runs.
    """
    seconds = follow.wait_seconds
    check_job_id(job_id)
    key = machine.new_key() if idempotency_key is None else key_of(idempotency_key)
    output = Output(machine)
    hold = hold_seconds(seconds) if seconds else 0
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:

        def question() -> Answer:
            try:
                return client.act_on(job_id, "rerun", idempotency_key=key, hold_seconds=hold)
            except KeyboardInterrupt as interrupt:
                raise InterruptedCliError(
                    "Interrupted before the service told the new job's id.",
                    lines=["If the request had arrived, the new job goes on."],
                    advice=same_job_advice(key),
                ) from interrupt

        if not seconds:
            return report_accepted(output, question().job, is_json=follow.json)
        watch = Watch(output, is_silent=follow.json)
        job = Follower(client, machine, seconds=seconds, notify=watch).first(question)
        return report_end(output, job, client, is_json=follow.json)


def delete(
    job_id: Annotated[str, Parameter(name="ID")],
    /,
    *,
    yes: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Delete the content of a job that has ended, for good.

    Example: relay delete job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E --yes

    Args:
        job_id: The id of a job that has ended.
        yes: Do not ask first; nobody is asked where standard input is no terminal.
        machine: Where this runs.
    """
    check_job_id(job_id)
    settings = find_settings(machine.environment, machine.folder)
    if not yes:
        confirm(machine, f"Delete the content of {job_id} for good?")
    with RelayClient(settings, machine) as client:
        client.delete(f"/v1/jobs/{job_id}")
    Output(machine).line(f"{job_id} deleted")
    return Exit.DONE
