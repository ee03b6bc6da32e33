"""Rules about durations and counts: those of the template and those of the code belong together."""

from collections.abc import Sequence
from datetime import timedelta

from functions.api.http import WAIT_MAX
from functions.deliverer import deliver
from functions.intake import handler as intake
from functions.intake.take_submission import RECEIVES_MAX
from functions.sweeper.sweep import MARGIN
from functions.worker import outcome
from relay.adapters.webhook_http import WEBHOOK_TIMEOUT
from relay.domain.backoff import (
    MESSAGE_WAIT_MAX,
    RELEASES_BY_MESSAGE,
    WEBHOOK_SCHEDULE,
    webhook_wait,
)
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.idempotency import ACCEPTING_TIME
from relay.domain.job import ATTEMPTS_MAX, DEADLINE_MAX, LEASE_MARGIN, TIMEOUT_MAX
from tests.template.environment_rules import main_of
from tests.template.looking import FUNCTION, QUEUE, every, least, mappings_from, most, properties_of
from tests.template.rules import Faults, at, at_root, rule
from tools.template import Template

GATEWAY_WAIT_MAX = timedelta(seconds=30)  # Source: API Gateway, quotas of HTTP APIs
AUTHORIZER_WAIT_MAX = timedelta(seconds=10)  # Source: as above
LAMBDA_MAX = timedelta(minutes=15)
MILLISECOND = timedelta(milliseconds=1)
RECEIPTS_MAX = 1000  # what SQS takes
START_AND_END = timedelta(seconds=3)
"""What a function needs around its work, its cold start included."""
OUTAGE = timedelta(hours=1)
"""How long the table may be away without a message landing among the dead letters."""
ALMOST_CERTAIN = 1 - 1e-12
SWEEPS_APART = timedelta(minutes=1)
A_DAY = timedelta(days=1)
CARRIED_WAITS = 2 * RELEASES_BY_MESSAGE
"""Waits of a row that one message carries: so many by its receipts, so many by the row's turns."""
RACES = 10
"""Looks at a row that somebody else is just changing. One is rare; so many are a defect."""


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
    at("ApiFunction", "Timeout").put(35),
    at("IntakeFunction", "Timeout").put(35),
    at("IntakeFunction", "Timeout").put(60),
)
def whoever_accepts_a_job_is_gone_before_another_takes_over(template: Template) -> Faults:
    for name, function in every(template, FUNCTION):
        accepts = "SubmitJob(" in main_of(function["Handler"]).read_text("utf-8")
        if accepts and seconds(template, name) >= ACCEPTING_TIME:
            yield f"{name}: another may do the same after {ACCEPTING_TIME}"


@rule(at("IntakeFunction", "Timeout").put(17))
def an_intake_has_time_to_take_something_in(template: Template) -> Faults:
    """It begins with no message for which its time might be too short."""
    if seconds(template, "IntakeFunction") <= intake.MARGIN + START_AND_END:
        yield f"IntakeFunction: keeps {intake.MARGIN} of its time for a message"


@rule(at("SweeperFunction", "Timeout").put(60), at("SweeperFunction", "Timeout").put(12))
def a_sweep_has_time_to_work_and_is_over_before_the_next(template: Template) -> Faults:
    if not MARGIN + START_AND_END < seconds(template, "SweeperFunction") < SWEEPS_APART:
        yield f"SweeperFunction: keeps {MARGIN} of its time to finish, and is woken each minute"


@rule(
    at_root("Parameters", "MistralRequestsPerSecond", "MinValue").put(0),
    at_root("Parameters", "MistralRequestsPerSecond", "MinValue").drop(),
    at_root("Parameters", "MistralRequestsPerSecond", "MaxValue").put(1001),
    at_root("Parameters", "MistralRequestsPerSecond", "MaxValue").drop(),
)
def the_rate_of_calls_is_one_that_milliseconds_can_keep(template: Template) -> Faults:
    rate = {"Ref": "MistralRequestsPerSecond"}
    if not 1 <= least(template, rate) <= most(template, rate) <= timedelta(seconds=1) / MILLISECOND:
        yield "MistralRequestsPerSecond: calls are parted by whole milliseconds, and by some"


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
    at("DeliveriesQueue", "MessageRetentionPeriod").put(86400),
    at("EventsQueue", "MessageRetentionPeriod").drop(),
    at("SubmissionsQueue", "MessageRetentionPeriod").put(9 * 86400),
)
def a_message_lives_as_long_as_what_it_asks_for(template: Template) -> Faults:
    """SQS counts from the first sending; no receipt makes a message younger.

    A job's may wait for its turn until the deadline. A delivery's is replaced by the wheel, so
    that it lives for the waits that it carries. The others are all that is known of what they ask.
    """
    needed = {
        "JobsQueue": DEADLINE_MAX + A_DAY,
        "DeliveriesQueue": CARRIED_WAITS * MESSAGE_WAIT_MAX + OUTAGE + A_DAY,
    }
    for it in mappings_from(template, QUEUE):
        kept = timedelta(
            seconds=properties_of(template, it.source).get("MessageRetentionPeriod", 4 * 86400)
        )
        if kept < needed.get(it.source, timedelta(days=14)):
            yield f"{it.source}: forgets after {kept} what nobody took"


@rule(
    at("JobsQueue", "RedrivePolicy", "maxReceiveCount").put(80),
    at("JobsQueue", "RedrivePolicy", "maxReceiveCount").put(1001),
)
def a_job_outlives_its_waits_and_an_outage_before_its_message_is_dead(
    template: Template,
) -> Faults:
    """A job that crashes its worker ends by its own attempts, each of which is a receipt too."""
    looks = CARRIED_WAITS + RACES + OUTAGE // outcome.LOOK_AGAIN_AFTER
    yield from _receipts_below(template, "JobsQueue", 1 + looks + ATTEMPTS_MAX)


@rule(
    at("DeliveriesQueue", "RedrivePolicy", "maxReceiveCount").put(120),
    at("DeliveriesQueue", "RedrivePolicy", "maxReceiveCount").put(1001),
)
def a_delivery_outlives_its_waits_and_an_outage_before_its_message_is_dead(
    template: Template,
) -> Faults:
    looks = CARRIED_WAITS + RACES + OUTAGE // deliver.LOOK_AGAIN_AFTER
    yield from _receipts_below(template, "DeliveriesQueue", 1 + looks)


@rule(
    at("SubmissionsQueue", "RedrivePolicy", "maxReceiveCount").put(300),
    at("SubmissionsQueue", "RedrivePolicy", "maxReceiveCount").put(305),
    at("SubmissionsQueue", "RedrivePolicy", "maxReceiveCount").put(1001),
)
def a_submission_is_laid_down_with_its_reason_before_its_message_is_dead(
    template: Template,
) -> Faults:
    """Whatever SQS lays down by itself comes without a word."""
    tries_in_an_outage = OUTAGE // (intake.WAIT_CAP / 2)  # waits are half their bound on average
    yield from _receipts_below(template, "SubmissionsQueue", RECEIVES_MAX + 1 + tries_in_an_outage)


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
