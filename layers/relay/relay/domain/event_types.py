"""The types of events, and the patterns by which an endpoint chooses among them."""

import re
from collections.abc import Iterable

JOB_STARTED = "job.started"
JOB_COMPLETED = "job.completed"
JOB_FAILED = "job.failed"
JOB_CANCELLED = "job.cancelled"
JOB_EXPIRED = "job.expired"
JOB_REQUIRES_ACTION = "job.requires_action"
SUBMISSION_REJECTED = "submission.rejected"
UPSTREAM_BLOCKED = "upstream.blocked"
ENDPOINT_DISABLED = "webhook_endpoint.disabled"
ENDPOINT_TEST = "endpoint.test"
"""Told to the one endpoint that is tested, whatever it has chosen."""

EVENT_TYPES = (
    JOB_STARTED,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_EXPIRED,
    JOB_REQUIRES_ACTION,
    SUBMISSION_REJECTED,
    UPSTREAM_BLOCKED,
    ENDPOINT_DISABLED,
    ENDPOINT_TEST,
)
ALL = "*"
PATTERN = r"^(\*|[a-z_]+\.(\*|[a-z_]+))$"
"""Everything, everything of one kind of resource, or one type."""
_PATTERN = re.compile(PATTERN)


def is_pattern(text: str) -> bool:
    """Tell whether a text can be a pattern, be there a type that it matches or not."""
    return _PATTERN.fullmatch(text) is not None


def matches_a_type(pattern: str) -> bool:
    """Tell whether there is a type that a pattern matches: one without is a slip of the pen."""
    return any(is_chosen(it, [pattern]) for it in EVENT_TYPES)


def is_of_job(event_type: str) -> bool:
    """Tell whether events of a type tell of a job."""
    return event_type.startswith("job.")


def is_chosen(event_type: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of the patterns matches a type."""
    resource = event_type.partition(".")[0]
    return not {ALL, f"{resource}.*", event_type}.isdisjoint(patterns)
