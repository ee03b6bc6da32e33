"""Rules about durations and counts: those of the template and those of the code belong together."""

import math
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from functions.api.http import WAIT_MAX
from functions.deliverer import deliver
from functions.worker import run_job
from relay.adapters.sqs_queue import VISIBILITY_MAX
from relay.adapters.webhook_http import WEBHOOK_TIMEOUT
from relay.domain.backoff import RELEASED_CAP, WEBHOOK_SCHEDULE, full_jitter, webhook_wait
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.job import ATTEMPTS_MAX, DEADLINE_MAX, LEASE_MARGIN, TIMEOUT_MAX
from relay.domain.retry_after import RETRY_AFTER_MAX
from tests.template.looking import QUEUE, least, mappings_from, properties_of
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

GATEWAY_WAIT_MAX = timedelta(seconds=30)  # Source: API Gateway, quotas of HTTP APIs
AUTHORIZER_WAIT_MAX = timedelta(seconds=10)  # Source: as above
LAMBDA_MAX = timedelta(minutes=15)
RECEIPTS_MAX = 1000  # what SQS takes
START_AND_END = timedelta(seconds=3)
"""What a function needs around its work, its cold start included."""
OUTAGE = timedelta(hours=1)
"""How long the table may be away without a message landing among the dead letters."""
UNLUCKY = 1e-9
"""How probable it may be that chance alone makes a job's message a dead letter."""
ALMOST_CERTAIN = 1 - 1e-12


def seconds(template: Template, function: str) -> timedelta:
    """Return how long a function may run."""
    return timedelta(seconds=properties_of(template, function)["Timeout"])


@rule(at("WorkerFunction", "Timeout").put(639), at("WorkerFunction", "Timeout").put(901))
def a_worker_outlives_the_longest_lease(template: Template) -> Faults:
    longest_lease = TIMEOUT_MAX + LEASE_MARGIN
    if not longest_lease + START_AND_END <= seconds(template, "WorkerFunction") <= LAMBDA_MAX:
        yield f"WorkerFunction: a lease lasts up to {longest_lease}"


@rule(at("DelivererFunction", "Timeout").put(32), at("DelivererFunction", "Timeout").put(15))
def a_deliverer_outlives_a_lease(template: Template) -> Faults:
    run = seconds(template, "DelivererFunction")
    if run < max(DELIVERY_LEASE, WEBHOOK_TIMEOUT) + START_AND_END:
        yield f"DelivererFunction: a lease lasts {DELIVERY_LEASE}"


@rule(
    at("ApiFunction", "Timeout").put(27),
    at("ApiFunction", "Timeout").put(31),
    at("AuthorizerFunction", "Timeout").put(11),
)
def the_api_answers_before_the_gateway_gives_up(template: Template) -> Faults:
    if not WAIT_MAX + START_AND_END <= seconds(template, "ApiFunction") < GATEWAY_WAIT_MAX:
        yield f"ApiFunction: holds answers for up to {WAIT_MAX}"
    if seconds(template, "AuthorizerFunction") > AUTHORIZER_WAIT_MAX:
        yield "AuthorizerFunction: the gateway does not wait for it"


@rule(
    at_root("Parameters", "RetentionDays", "MinValue").put(10),
    at_root("Parameters", "RetentionDays", "MinValue").drop(),
)
def a_job_is_kept_until_its_last_webhook(template: Template) -> Faults:
    """A job may end at its deadline, and its webhook may need its whole schedule after that."""
    needed = DEADLINE_MAX + sum(_webhook_waits(), timedelta())
    kept = least(template, {"Ref": "RetentionDays"})
    if kept < needed / timedelta(days=1):
        yield f"RetentionDays: a job may live for {needed}, and be kept for {kept} days"


def _webhook_waits() -> Sequence[timedelta]:
    """Return the longest waits of the schedule."""
    waits = (
        webhook_wait(failures, chance=ALMOST_CERTAIN)
        for failures in range(1, len(WEBHOOK_SCHEDULE) + 1)
    )
    return [wait for wait in waits if wait is not None]


@rule(
    at("JobsQueue", "MessageRetentionPeriod").put(7 * 86400),
    at("DeliveriesQueue", "MessageRetentionPeriod").put(9 * 86400),
    at("EventsQueue", "MessageRetentionPeriod").drop(),
)
def a_message_lives_as_long_as_what_it_asks_for(template: Template) -> Faults:
    """SQS counts from the first sending; no receipt makes a message younger."""
    deliveries = sum((max(wait, RETRY_AFTER_MAX) for wait in _webhook_waits()), timedelta())
    needed = {"JobsQueue": DEADLINE_MAX, "DeliveriesQueue": deliveries}
    for it in mappings_from(template, QUEUE):
        kept = properties_of(template, it.source).get("MessageRetentionPeriod", 4 * 86400)
        if timedelta(seconds=kept) < needed.get(it.source, OUTAGE) + timedelta(days=1):
            yield f"{it.source}: needs to keep messages for {needed.get(it.source)}"
        if it.source == "EventsQueue" and kept < timedelta(days=14).total_seconds():
            yield f"{it.source}: forgets what nobody took"


@cache
def receipts_of_a_job() -> int:
    """Return how often a job's message is received that waits for Mistral until the deadline.

    Every wait is even over [0, its bound), so waits are half their bounds on average, and the
    number of them in a given time is not bounded at all. What it is with all but ``UNLUCKY``
    probability follows from Chernoff: P(n waits sum up to less than T) is at most
    exp(θT) · Π E[exp(-θ·wait)], for any θ > 0.
    """
    receipts = 1
    while _probability_of_more(receipts) > UNLUCKY:
        receipts += 1
    return receipts


def _probability_of_more(receipts: int) -> float:
    hour = timedelta(hours=1)
    bounds = [
        full_jitter(number, cap=RELEASED_CAP, chance=ALMOST_CERTAIN) / hour
        for number in range(1, receipts + 1)
    ]
    # Any θ makes a valid bound; these are near the best one.
    logarithms = (
        theta * (DEADLINE_MAX / hour)
        + sum(math.log(-math.expm1(-theta * bound) / (theta * bound)) for bound in bounds)
        for theta in (0.1, 0.3, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0)
    )
    return math.exp(min(0.0, *logarithms))


def receipts_of_a_delivery() -> int:
    """Return how often a delivery's message is received at most, its receiver asking for time.

    SQS hides a message for less than 12 hours, so that longer waits take several receipts.
    """
    waits = [max(wait, RETRY_AFTER_MAX) for wait in _webhook_waits()]
    return 1 + sum(math.ceil(wait / VISIBILITY_MAX) for wait in waits)


@rule(
    at("JobsQueue", "RedrivePolicy", "maxReceiveCount").put(250),
    at("JobsQueue", "RedrivePolicy", "maxReceiveCount").put(1001),
)
def a_job_waits_out_its_deadline_before_its_message_is_dead(template: Template) -> Faults:
    """A job that crashes its worker ends by its own attempts, each of which is a receipt too."""
    needed = receipts_of_a_job() + ATTEMPTS_MAX + OUTAGE // run_job.LOOK_AGAIN_AFTER
    yield from _receipts_below(template, "JobsQueue", needed)


@rule(
    at("DeliveriesQueue", "RedrivePolicy", "maxReceiveCount").put(50),
    at("DeliveriesQueue", "RedrivePolicy", "maxReceiveCount").put(1001),
)
def a_delivery_has_its_whole_schedule_before_its_message_is_dead(template: Template) -> Faults:
    needed = receipts_of_a_delivery() + OUTAGE // deliver.LOOK_AGAIN_AFTER
    yield from _receipts_below(template, "DeliveriesQueue", needed)


@rule(
    at("EventsQueue", "RedrivePolicy", "maxReceiveCount").put(10),
    at("EventsQueue", "VisibilityTimeout").put(60),
)
def an_event_outlives_an_outage_of_the_table(template: Template) -> Faults:
    hidden = timedelta(seconds=properties_of(template, "EventsQueue")["VisibilityTimeout"])
    yield from _receipts_below(template, "EventsQueue", 1 + OUTAGE // hidden)


def _receipts_below(template: Template, queue: str, needed: int) -> Faults:
    allowed = properties_of(template, queue)["RedrivePolicy"]["maxReceiveCount"]
    if not needed <= allowed <= RECEIPTS_MAX:
        yield f"{queue}: {needed} receipts may be needed, {allowed} are allowed"
