"""What the queues between our functions carry: the names of rows, and nothing of their content."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from relay.domain.delivery import Delivery
from relay.domain.ids import DeliveryId, EndpointId, JobId, TenantId
from relay.domain.job import Job
from relay.domain.recovery import Recovery

SCHEMA = "1"


class UnreadableMessageError(ValueError):
    """A message that this code did not write, or that newer code did."""


class JobMessage(NamedTuple):
    """Which job is to be run. ``comes_back``: it has waited before, and the wheel sent this."""

    tenant_id: TenantId
    job_id: JobId
    comes_back: bool = False


class DeliveryMessage(NamedTuple):
    """Which delivery is to be attempted."""

    target_id: str
    delivery_id: DeliveryId


class RecoveryMessage(NamedTuple):
    """Which recovery is to go on."""

    endpoint_id: EndpointId
    recovery_id: str


def job_message(job: Job, *, comes_back: bool = False) -> dict[str, str]:
    """Return the message that makes the worker look at a job."""
    message = {"schema": SCHEMA, "tenant_id": job.tenant_id, "job_id": job.id}
    return message | ({"comes_back": "true"} if comes_back else {})


def delivery_message(delivery: Delivery) -> dict[str, str]:
    """Return the message that makes the deliverer look at a delivery."""
    return {"schema": SCHEMA, "target_id": delivery.target_id, "delivery_id": delivery.id}


def recovery_message(recovery: Recovery) -> dict[str, str]:
    """Return the message that makes the fan-out look at a recovery."""
    return {
        "schema": SCHEMA,
        "endpoint_id": recovery.endpoint_id,
        "recovery_id": recovery.id,
    }


def read_job_message(body: str) -> JobMessage:
    """Read what ``job_message`` wrote."""
    fields = _fields(body, ("tenant_id", "job_id"))
    return JobMessage(
        TenantId(fields["tenant_id"]), JobId(fields["job_id"]), "comes_back" in fields
    )


def read_delivery_message(body: str) -> DeliveryMessage:
    """Read what ``delivery_message`` wrote."""
    fields = _fields(body, ("target_id", "delivery_id"))
    return DeliveryMessage(fields["target_id"], DeliveryId(fields["delivery_id"]))


def read_recovery_message(body: str) -> RecoveryMessage | None:
    """Read what ``recovery_message`` wrote, ``None`` where this is something else."""
    try:
        fields = _fields(body, ("endpoint_id", "recovery_id"))
    except UnreadableMessageError:
        return None
    return RecoveryMessage(EndpointId(fields["endpoint_id"]), fields["recovery_id"])


def _fields(body: str, names: tuple[str, ...]) -> Mapping[str, str]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:  # too deep for anyone to have meant it
        raise UnreadableMessageError("the message is not JSON") from error
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise UnreadableMessageError("the message is not of a schema that this code reads")
    if not all(isinstance(fields.get(name), str) for name in names):
        raise UnreadableMessageError(f"the message lacks one of {', '.join(names)}")
    return fields
