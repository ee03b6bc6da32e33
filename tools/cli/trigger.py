"""``relay trigger``: events that really happen, made on purpose to try a webhook with."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.client import RelayClient
from tools.cli.endpoint_acts import send_test
from tools.cli.endpoints import PATH as ENDPOINTS
from tools.cli.errors import Exit, RefusedError, StillRunningError, UnreachableError, UsageError
from tools.cli.event_feed import EventFeed
from tools.cli.events import event_cells
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.output import Output
from tools.cli.settings import find_settings
from tools.cli.submission import encoded
from tools.cli.webhook_ids import ENDPOINT, check_id

WAIT_SECONDS = 120
BEFORE_THE_JOB = timedelta(seconds=1)  # events from then on are looked at: "after" may be strict
TRIES_TO_CANCEL = 3
TEST = "endpoint.test"
SHORT: Mapping[str, Any] = {
    "messages": [{"role": "user", "content": "Say yes."}],
    "max_tokens": 5,
}
LONG: Mapping[str, Any] = {
    "messages": [{"role": "user", "content": "Count from one to two thousand, in words."}],
}
UNKNOWN_MODEL = "no-such-model"
REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "job.completed": {"body": SHORT},
    "job.started": {"body": SHORT, "notify_started": True},
    # Mistral refuses it before it does anything, so that this one costs nothing.
    "job.failed": {"body": {**SHORT, "model": UNKNOWN_MODEL}},
    "job.cancelled": {"body": LONG},
}
NOT_AT_WILL: Mapping[str, str] = {
    "job.expired": "Submit a job with --deadline 1s while Mistral is out of reach or slow.",
    "job.requires_action": "Submit a job with tools and on_tool_calls pause.",
    "batch.completed": "Make a batch of one request, and wait for it.",
    "batch.failed": "Make a batch for a model that does not exist.",
    "batch.cancelled": "Make a batch, and cancel it.",
    "batch.expired": "Make a batch with the shortest time, and let it pass.",
    "conversation.cost_alert": "Make a conversation with a cost_alert of nearly nothing.",
    "submission.rejected": "Send {} to the submissions queue.",
    "upstream.blocked": "Put a wrong key into the secret with Mistral's key, on a test stack.",
    "model.price_unknown": "Submit a job for a model that is not on the price list.",
    "webhook_endpoint.disabled": "Answer 410 from your endpoint, then: relay trigger endpoint.test",
    "budget.threshold_reached": "Set a budget of nearly nothing, then: relay trigger job.completed",
}


def trigger(
    event_type: Annotated[str, Parameter(name="TYPE")],
    /,
    *,
    endpoint: str | None = None,
    callback_url: str | None = None,
    json: bool = False,
    machine: Annotated[Machine, Parameter(parse=False)],
) -> Exit:
    """Make an event really happen, by a tiny job that may cost what Mistral charges.

    Example: relay trigger job.completed

    Args:
        event_type: job.completed, job.failed, job.cancelled, job.started or endpoint.test.
        endpoint: The endpoint that endpoint.test goes to. [default: the only one there is]
        callback_url: Where the job is to be told of besides.
        json: Print the event, of endpoint.test the delivery, as one JSON object on standard
            output.
        machine: Where this runs.
    """
    _check(event_type, endpoint=endpoint, callback_url=callback_url)
    output = Output(machine)
    with RelayClient(find_settings(machine.environment, machine.folder), machine) as client:
        if event_type == TEST:
            found = endpoint or _only_endpoint(client)
            return send_test(client, machine, found, is_json=json)
        output.note("This makes a real job, which may cost what Mistral charges for it.")
        to_tell = {"callback_url": callback_url} if callback_url else {}
        job = _made(client, machine, event_type, {**REQUESTS[event_type], **to_tell})
        output.note(f"{job.id} made; waiting for its {event_type}")
        event = _event_of(client, machine, event_type, job)
    if json:
        output.json(event)
    else:
        output.line("  ".join(event_cells(event)))
        output.note(f"See all of it with: relay events show {event.get('id')}")
    return Exit.DONE


def _check(event_type: str, *, endpoint: str | None, callback_url: str | None) -> None:
    can = ", ".join((*REQUESTS, TEST))
    if event_type in NOT_AT_WILL:
        raise UsageError(
            f"{event_type} cannot be made to happen at will; these can: {can}.",
            advice=[NOT_AT_WILL[event_type]],
        )
    if event_type not in REQUESTS and event_type != TEST:
        raise UsageError(f"There is no event {event_type} to make; these can be made: {can}.")
    if endpoint is not None:
        if event_type != TEST:
            raise UsageError(
                f"--endpoint goes with {TEST}; other events go to every endpoint that wants them."
            )
        check_id(endpoint, ENDPOINT)
    if callback_url is not None and event_type == TEST:
        raise UsageError(f"--callback-url goes with jobs; {TEST} goes to an endpoint.")


def _only_endpoint(client: RelayClient) -> str:
    found = list(client.each(ENDPOINTS, {}, limit=1))
    if not found:
        raise UsageError(
            "There is no endpoint to test.",
            advice=["Register one with: relay endpoints create URL"],
        )
    if len(found) > 1:
        raise UsageError(
            "There are several endpoints; say which one with --endpoint.",
            advice=["List them with: relay endpoints"],
        )
    identifier = str(found[0].get("id"))
    check_id(identifier, ENDPOINT)
    return identifier


def _made(
    client: RelayClient, machine: Machine, event_type: str, request: Mapping[str, Any]
) -> JobView:
    def submitted() -> JobView:
        return client.submit(encoded(dict(request)), idempotency_key=machine.new_key()).job

    return _cancelled(client, submitted) if event_type == "job.cancelled" else submitted()


def _cancelled(client: RelayClient, submitted: Callable[[], JobView]) -> JobView:
    """Return a job that was cancelled before it ended, which a quick one may be too quick for."""
    for _ in range(TRIES_TO_CANCEL):
        job = submitted()
        try:
            return client.act_on(job.id, "cancel").job
        except RefusedError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
    raise StillRunningError(
        f"{TRIES_TO_CANCEL} jobs each ended before they could be cancelled.",
        advice=["Try again, or cancel a job of your own with: relay cancel"],
    )


def _event_of(
    client: RelayClient, machine: Machine, event_type: str, job: JobView
) -> dict[str, Any]:
    try:
        created_at = datetime.fromisoformat(job.text("created_at") or "")
    except ValueError as error:
        raise UnreachableError(f"The service does not say when {job.id} was made.") from error
    until = machine.ticks() + WAIT_SECONDS
    feed = EventFeed(client, machine, patterns=[event_type])
    for page in feed.pages(created_at - BEFORE_THE_JOB, lambda question: question()):
        for event in page:
            data = event.get("data")
            if isinstance(data, dict) and data.get("id") == job.id:
                return event
        if machine.ticks() >= until:
            break
    raise StillRunningError(
        f"After {WAIT_SECONDS} s there is no {event_type} of {job.id}.",
        advice=[f"See what became of it with: relay job {job.id}"],
    )
