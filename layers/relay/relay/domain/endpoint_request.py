"""What makes and changes webhook endpoints, and sends events again, as it comes from outside."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from relay.domain.body_rules import FieldError
from relay.domain.egress import BlockedTargetError, EgressPolicy, check_url
from relay.domain.event_types import EVENT_TYPES, is_pattern, matches_a_type
from relay.domain.job_request import (
    METADATA_ENTRIES_MAX,
    Closed,
    MetadataKey,
    MetadataValue,
    Url,
)
from relay.domain.webhook_endpoint import EndpointStatus

PATTERNS_MAX = 50
DESCRIPTION_CHARACTERS_MAX = 500
_PATTERN_CHARACTERS_MAX = 100
_ID_CHARACTERS_MAX = 64

type _Patterns = Annotated[
    list[Annotated[str, StringConstraints(max_length=_PATTERN_CHARACTERS_MAX)]],
    Field(min_length=1, max_length=PATTERNS_MAX),
]
type _Description = Annotated[str, StringConstraints(max_length=DESCRIPTION_CHARACTERS_MAX)]
type _Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=METADATA_ENTRIES_MAX)]

_PATTERNS = "Types of events, all of one kind as `job.*`, or `*`."
_PAYLOAD = "Whether events carry the whole job, or its ids and status only."
_LEGACY = "Also send the older x-webhook-signature headers."
_KEPT = "Kept with the endpoint, and sent along with events of it."


class EndpointRequest(Closed):
    """A new webhook endpoint."""

    url: Url = Field(description="Where events are posted.")
    event_types: _Patterns = Field(default=["job.*"], description=_PATTERNS)
    payload: Literal["full", "thin"] = Field("full", description=_PAYLOAD)
    legacy_signature: bool = Field(default=False, description=_LEGACY)
    description: _Description = Field("", description="What people know the endpoint by.")
    metadata: _Metadata = Field(default_factory=dict, description=_KEPT)


class EndpointChange(Closed):
    """What is to be otherwise about an endpoint. What is left out, or null, stays as it is."""

    url: Url | None = Field(None, description="Where events are posted.")
    event_types: _Patterns | None = Field(None, description=_PATTERNS)
    payload: Literal["full", "thin"] | None = Field(None, description=_PAYLOAD)
    legacy_signature: bool | None = Field(None, description=_LEGACY)
    description: _Description | None = Field(None, description="What people know it by.")
    metadata: _Metadata | None = Field(None, description="Takes the place of all there was.")
    status: EndpointStatus | None = Field(None, description="Whether events are sent there.")


class RecoveryRequest(Closed):
    """Which time an endpoint is to be sent again what it failed to get, or missed."""

    since: AwareDatetime = Field(description="From when on.")
    until: AwareDatetime | None = Field(None, description="Up to when; now by default.")


class EventRedelivery(Closed):
    """Where an event is to be sent, again or for the first time."""

    endpoint_id: Annotated[str, StringConstraints(min_length=1, max_length=_ID_CHARACTERS_MAX)] = (
        Field(description="Any endpoint, whatever it has chosen.")
    )


def check_endpoint(
    url: str | None, patterns: Sequence[str] | None, policy: EgressPolicy
) -> list[FieldError]:
    """Return what is wrong with an endpoint's address and its choice of events."""
    errors = [
        FieldError(f"#/event_types/{place}", message)
        for place, pattern in enumerate(patterns or ())
        if (message := _fault_of(pattern))
    ]
    try:
        if url is not None:
            check_url(url, policy)
    except BlockedTargetError as error:
        errors.insert(0, FieldError("#/url", error.reason))
    return errors


def _fault_of(pattern: str) -> str | None:
    if not is_pattern(pattern):
        return "must be a type of events, all of one kind as job.*, or *"
    if not matches_a_type(pattern):
        return f"matches no type of events; there are {', '.join(EVENT_TYPES)}"
    return None
