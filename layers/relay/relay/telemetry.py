"""One wide log line per unit of work, in a fixed vocabulary.

A line holds ids, numbers and words of ours: never a prompt, an answer, a key, a secret, a link or
the text of somebody else's exception, which may quote any of them.
"""

import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta

from aws_lambda_powertools import Logger

from relay.domain.errors import RelayError

FIELDS = frozenset(
    {
        "api_status_code",
        "attempts",
        "attempts_max",
        "delivery_id",
        "duration_ms",
        "endpoint",
        "error_at",
        "error_code",
        "error_text",
        "error_type",
        "event_id",
        "event_type",
        "fence",
        "job_id",
        "key_id",
        "lag_ms",
        "message_id",
        "model",
        "outcome",
        "records",
        "records_failed",
        "records_sent",
        "records_told_again",
        "records_unreadable",
        "request_id",
        "route",
        "source",
        "status",
        "status_code",
        "status_reason",
        "recovery_id",
        "target_id",
        "tenant_id",
        "tokens",
        "wait_ms",
    }
)

type Fact = str | int | None
type Measure = Callable[[str, float], None]
"""Writes a metric: its name, and seconds."""
_MILLISECOND = timedelta(milliseconds=1)


OLDEST_DUE = "OldestDue"
"""Seconds for which something has been due that the sweeper has not come to. Its heartbeat."""


class WideLog:
    """Writes the lines of one function."""

    def __init__(self, function: str) -> None:
        self._logger = Logger(service=function, use_rfc3339=True, utc=True, location=None)

    def line(
        self, event: str, facts: Mapping[str, Fact], error: BaseException | None = None
    ) -> None:
        """Write one line: what happened, in the past tense with a dot, and its facts.

        Raises:
            ValueError: a fact is not in the vocabulary; add it there if it may be logged at all.
        """
        unknown = facts.keys() - FIELDS
        if unknown:
            raise ValueError(f"not in the vocabulary of logs: {', '.join(sorted(unknown))}")
        said = dict(facts) | (failure_facts(error) if error else {})
        known = {name: fact for name, fact in said.items() if fact is not None}
        write = self._logger.error if error else self._logger.info
        write(event, extra=known)


def failure_facts(error: BaseException) -> dict[str, Fact]:
    """Return an exception's type and where it came from.

    Its text only if it is one of ours, which name ids and AWS's codes and nothing else.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames
    ]
    texts, link = [], error
    while isinstance(link, RelayError):
        texts.append(str(link))
        link = link.__cause__ or BaseException()
    return {
        "error_type": type(error).__name__,
        "error_text": ": ".join(texts) or None,
        "error_at": " < ".join(reversed(places[-6:])),
    }


def in_milliseconds(duration: timedelta) -> int:
    """Return a duration as logs have it."""
    return duration // _MILLISECOND


def measure(name: str, seconds: float, *, namespace: str) -> None:
    """Write a metric of the whole deployment, as a line in the format that CloudWatch reads.

    ``namespace`` is the deployment's own, or each would hide the other's standstill.

    Source: CloudWatch, "Specification: Embedded metric format".
    """
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # noqa: PLC0415 - for one function

    with single_metric(name=name, unit=MetricUnit.Seconds, value=seconds, namespace=namespace):
        pass
