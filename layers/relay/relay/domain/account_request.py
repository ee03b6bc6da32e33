"""What makes keys, tenants and senders, as it comes from outside."""

from typing import Annotated

from pydantic import Field, StringConstraints

from relay.domain.api_key import Scope
from relay.domain.job_request import Closed

NAME_CHARACTERS_MAX = 100
SENDER_PATTERN = "^[A-Za-z0-9_-]{1,128}$"
TENANT_ID_CHARACTERS_MAX = 64

type _TenantId = Annotated[
    str, StringConstraints(min_length=1, max_length=TENANT_ID_CHARACTERS_MAX)
]


class KeyRequest(Closed):
    """A new API key."""

    name: str = Field(
        "", max_length=NAME_CHARACTERS_MAX, description="What people know the key by."
    )
    scopes: Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1)] = Field(
        default=[Scope.JOBS_READ, Scope.JOBS_WRITE], description="What the key may do."
    )
    tenant_id: _TenantId | None = Field(
        None, description="Whose the key is: another tenant's by the operator's keys only."
    )


class TenantRequest(Closed):
    """A new tenant."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARACTERS_MAX)] = Field(
        description="What people know the tenant by."
    )


class SenderRequest(Closed):
    """Who sends to the submissions queue, and for whom."""

    sender_id: Annotated[str, StringConstraints(pattern=SENDER_PATTERN)] = Field(
        description="The unique id of an AWS role or user, AROA… or AIDA…, without a session."
    )
    tenant_id: _TenantId = Field(description="Whose jobs its messages become.")
