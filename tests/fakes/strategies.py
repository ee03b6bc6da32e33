"""Any valid job, delivery or event there can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import strategies as st

from relay.domain.circuit import Circuit
from relay.domain.content import Content, Place, inline
from relay.domain.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from relay.domain.endpoints import Endpoint
from relay.domain.event import Event
from relay.domain.idempotency import Reservation
from relay.domain.ids import DeliveryId, EndpointId, EventId, JobId, TenantId, ulid
from relay.domain.job import ATTEMPTS_MAX, Callback, Job, JobStatus, StatusReason, Submission
from relay.domain.job_error import ErrorCode, JobError, UpstreamError
from relay.domain.job_view import thin_view
from relay.domain.money import Money
from relay.domain.recovery import Recovery
from relay.domain.secret_versions import NEVER_ROTATED, OldSecret, SecretVersions
from relay.domain.usage import Usage
from relay.domain.webhook_endpoint import DisabledReason, EndpointStatus, WebhookEndpoint
from relay.domain.wheel import Hint, HintKind, Purpose
from tests.fakes.clock import NOON

_serial = count()

moments = st.integers(0, 2**42).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
whole_seconds = moments.map(lambda moment: moment.replace(microsecond=0))
texts = st.text(max_size=40)
counts = st.integers(0, 10**12)
chances = st.floats(0, 1, exclude_max=True)
moneys = st.decimals(
    Decimal(0), Decimal(10**6), allow_nan=False, allow_infinity=False, places=10
).map(Money)
usages = st.builds(
    Usage,
    **dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "pages_processed"),
        st.none() | counts,
    ),
)
inline_contents = st.builds(inline, texts, st.binary(max_size=200))
contents = inline_contents | st.builds(
    Content, place=st.sampled_from([Place.ROW, Place.OBJECT]), key=texts, size_bytes=counts
)
upstream_errors = st.builds(
    UpstreamError,
    status=st.none() | st.integers(100, 599),
    code=st.none() | texts,
    request_id=st.none() | texts,
)
job_errors = st.builds(
    JobError,
    code=st.sampled_from(ErrorCode),
    message=texts,
    hint=texts,
    retryable=st.booleans(),
    reason=st.sampled_from([None, "attempts_exhausted", "deadline_exceeded"]),
    attempts=st.integers(0, ATTEMPTS_MAX),
    upstream=upstream_errors,
)


def unused_id(prefix: str) -> str:
    """Return an id that no other example in this run has."""
    return f"{prefix}_{ulid(NOON, next(_serial).to_bytes(10))}"


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Return a job in any state that ``Job`` accepts, each with an id of its own."""
    status = draw(st.sampled_from(JobStatus))
    attempts_max = draw(st.integers(1, ATTEMPTS_MAX))
    state: dict[str, Any] = {
        "status": status,
        "finished_at": draw(moments) if status.is_final else None,
        "lease_until": draw(moments) if status is JobStatus.IN_PROGRESS else None,
        "result": draw(contents) if status is JobStatus.COMPLETED else None,
        "attempts_max": attempts_max,
        "attempts": draw(st.integers(0, attempts_max)),
        "deleted_at": draw(st.none() | moments) if status.is_final else None,
    }
    job = draw(
        st.builds(
            Job,
            id=st.builds(JobId, st.builds(unused_id, st.just("job"))),
            tenant_id=st.builds(TenantId, st.builds(unused_id, st.just("ten"))),
            endpoint=st.sampled_from(Endpoint),
            model=st.none() | texts,
            created_at=moments,
            changed_at=moments,
            deadline=moments,
            purge_at=whole_seconds,
            submission=st.builds(
                Submission,
                source=st.sampled_from(["http", "sqs"]),
                message_id=st.none() | texts,
                idempotency_key=st.none() | texts,
            ),
            request=contents,
            status_reason=st.none() | st.sampled_from(StatusReason),
            version=st.integers(1, 10**6),
            fence=st.integers(0, 10**6),
            timeout=st.integers(1, 600).map(lambda seconds: timedelta(seconds=seconds)),
            ready_at=st.none() | moments,
            started_at=st.none() | moments,
            model_used=st.none() | texts,
            error=st.none() | job_errors,
            last_error=st.none() | job_errors,
            usage=st.none() | usages,
            cost=st.none() | moneys,
            callback=st.none()
            | st.builds(
                Callback,
                url=texts,
                payload=st.sampled_from(["full", "thin"]),
                legacy_signature=st.booleans(),
            ),
            notify_started=st.booleans(),
            demands_tool_call=st.booleans(),
            annotates_pages=st.booleans(),
            metadata=st.dictionaries(st.text(min_size=1, max_size=8), texts, max_size=4),
            fallback_models=st.lists(texts, max_size=3).map(tuple),
            rerun_of=st.none() | st.builds(JobId, texts),
            told_again=st.integers(0, 10**6),
        )
    )
    return replace(job, **state)


attempts = st.builds(
    DeliveryAttempt,
    number=st.integers(1, 10),
    at=moments,
    duration=st.integers(0, 20_000).map(lambda ms: timedelta(milliseconds=ms)),
    status_code=st.none() | st.integers(100, 599),
    outcome=st.sampled_from(["delivered", "retry", "gave_up"]),
    reason=texts,
    response_head=texts,
)


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    """Return a delivery in any state that ``Delivery`` accepts, each with an id of its own."""
    status = draw(st.sampled_from(DeliveryStatus))
    delivery = draw(
        st.builds(
            Delivery,
            id=st.builds(DeliveryId, st.builds(unused_id, st.just("dlv"))),
            tenant_id=st.builds(TenantId, st.builds(unused_id, st.just("ten"))),
            target_id=texts,
            event_id=st.builds(EventId, texts),
            event_type=texts,
            occurred_at=moments,
            sequence=counts,
            job_id=st.none() | st.builds(JobId, texts),
            data=st.none() | st.dictionaries(texts, st.none() | texts | counts, max_size=4),
            url=texts,
            payload=st.sampled_from(["full", "thin"]),
            legacy_signature=st.booleans(),
            created_at=moments,
            next_attempt_at=moments,
            purge_at=whole_seconds,
            fence=counts,
            lease_until=st.none() | moments,
            attempts=st.lists(attempts, max_size=3).map(tuple),
            opened_at=st.none() | moments,
            round_id=st.none() | texts,
            attempts_before=counts,
            turn_at=st.none() | moments,
        )
    )
    finished_at = None if status is DeliveryStatus.PENDING else draw(moments)
    return replace(delivery, status=status, finished_at=finished_at)


secret_versions = st.builds(
    SecretVersions,
    current=st.integers(2, 10**6),
    old=st.lists(st.builds(OldSecret, counts, moments), max_size=4).map(tuple),
)


@st.composite
def endpoints(draw: st.DrawFn) -> WebhookEndpoint:
    """Return an endpoint in any state that it accepts, each with an id of its own."""
    status = draw(st.sampled_from(EndpointStatus))
    endpoint = draw(
        st.builds(
            WebhookEndpoint,
            id=st.builds(EndpointId, st.builds(unused_id, st.just("we"))),
            tenant_id=st.builds(TenantId, st.builds(unused_id, st.just("ten"))),
            url=texts,
            event_types=st.lists(texts, max_size=3).map(tuple),
            payload=st.sampled_from(["full", "thin"]),
            legacy_signature=st.booleans(),
            description=texts,
            metadata=st.dictionaries(st.text(min_size=1, max_size=8), texts, max_size=4),
            created_at=moments,
            secrets=st.just(NEVER_ROTATED) | secret_versions,
            version=st.integers(1, 10**6),
            failing_since=st.none() | moments,
            slow_since=st.none() | moments,
            turn_at=st.none() | moments,
        )
    )
    reason = draw(st.sampled_from(DisabledReason)) if status is EndpointStatus.DISABLED else None
    return replace(endpoint, status=status, disabled_reason=reason)


recoveries = st.builds(
    Recovery,
    id=st.builds(unused_id, st.just("rec")),
    tenant_id=st.builds(TenantId, texts),
    endpoint_id=st.builds(EndpointId, st.builds(unused_id, st.just("we"))),
    since=moments,
    until=moments,
    created_at=moments,
    due_at=moments,
    purge_at=whole_seconds,
    version=st.integers(1, 10**6),
    after=st.none() | st.builds(EventId, texts),
    redelivered=counts,
    finished_at=st.none() | moments,
)

events = st.builds(
    Event,
    id=st.builds(EventId, st.builds(unused_id, st.just("evt"))),
    type=texts,
    tenant_id=st.builds(TenantId, st.builds(unused_id, st.just("ten"))),
    resource_id=texts,
    occurred_at=moments,
    sequence=counts,
    purge_at=whole_seconds,
    data=jobs().map(thin_view),
    model=st.none() | texts,
    usage=st.none() | usages,
    cost=st.none() | moneys,
)

hints = st.builds(
    Hint,
    kind=st.sampled_from(HintKind),
    purpose=st.sampled_from(Purpose),
    owner=texts,
    id=st.sampled_from(["job", "dlv", "evt"]).map(unused_id),
    at=moments,
    looks=counts,
)


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    """Return a circuit that is open, or was."""
    circuit = Circuit(version=draw(st.integers(1, 10**6)), changed_at=draw(moments))
    if draw(st.booleans()):
        return circuit
    return replace(circuit, reason=draw(st.sampled_from(StatusReason)), probe_at=draw(moments))


reservations = st.builds(
    Reservation,
    tenant_id=st.builds(TenantId, st.builds(unused_id, st.just("ten"))),
    hash=st.text("0123456789abcdef", min_size=64, max_size=64),
    fingerprint=st.text("0123456789abcdef", min_size=64, max_size=64),
    resource_id=st.builds(unused_id, st.just("job")),
    accepting_until=moments,
    expires_at=whole_seconds,
)
