"""The API of a deployed stack, which knows keys by the table, and Mistral."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx

from relay.adapters.dynamodb_keys import DynamoDBKeyStore
from relay.domain.api_key import ApiKey, Scope, hash_of, last_four_of, new_key
from relay.domain.errors import NotFoundError
from relay.domain.event import OPERATOR
from relay.domain.ids import TenantId
from tests.cloud import TABLE, Cloud
from tests.unit.cli.conftest import NOON
from tests.unit.cli.fake_aws import MISTRAL_URL
from tests.unit.cli.fake_relay import JOB_ID, a_job, completed, problem
from tools.cli.version import version

TENANT_ID = "ten_01JD3Q6M8W9Y2X4Z5A7B9C1D3E"


@dataclass
class FakeDeployment:
    """Remembers for ever whom it did not know, as the gateway does for a minute."""

    cloud: Cloud
    mistral_status: int = 200
    health: dict[str, str] = field(default_factory=lambda: {"status": "ok", "version": version()})
    date: str = "Sat, 21 Nov 2026 12:00:00 GMT"
    ending: dict[str, Any] = field(default_factory=completed)
    tenants: list[dict[str, str]] = field(default_factory=list)
    made_keys: list[str] = field(default_factory=list)
    mistral_keys: list[str] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    bodies: list[Any] = field(default_factory=list)
    loses_keys: bool = False
    JOB: ClassVar[str] = f"GET /v1/jobs/{JOB_ID}"

    @property
    def keys(self) -> DynamoDBKeyStore:
        return DynamoDBKeyStore(self.cloud.dynamodb(), TABLE)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if str(request.url).startswith(MISTRAL_URL):
            return self._mistral(request, shown)
        if request.url.path == "/v1/health":
            return httpx.Response(200, json=self.health, headers={"date": self.date})
        key = self._known(shown)
        if key is None:
            return problem(401, title="Unauthorized", code="unauthorized")
        self.bodies.append(json.loads(request.content) if request.content else None)
        return self._answer(f"{request.method} {request.url.path}", key)

    def _mistral(self, request: httpx.Request, shown: str) -> httpx.Response:
        assert request.url.path == "/v1/models"
        self.mistral_keys.append(shown)
        if self.mistral_status == 0:
            raise httpx.ConnectError(f"no way to show {shown}")
        return httpx.Response(self.mistral_status, json={"data": []})

    def _known(self, shown: str) -> ApiKey | None:
        if shown in self.strangers:
            return None
        try:
            key = self.keys.get(hash_of(shown))
        except NotFoundError:
            self.strangers.add(shown)
            return None
        return key if key.revoked_at is None else None

    def _answer(self, route: str, key: ApiKey) -> httpx.Response:
        is_admin = Scope.ADMIN in key.scopes
        is_operator = is_admin and key.tenant_id == OPERATOR
        may = is_operator if route.endswith("tenants") else is_admin or "/jobs" in route
        if not may:
            return problem(403, title="Forbidden", code="missing_scope")
        page = {"object": "list", "data": self.tenants, "has_more": False, "next_cursor": None}
        match route:
            case "POST /v1/tenants":
                self.tenants.append({"id": TENANT_ID, "name": self.bodies[-1]["name"]})
                return httpx.Response(201, json=self.tenants[-1])
            case "POST /v1/api_keys":
                return self._new_key()
            case "POST /v1/jobs" | FakeDeployment.JOB:
                return httpx.Response(200, json=a_job() | self.ending | {"id": JOB_ID})
            case "GET /v1/jobs" | "GET /v1/api_keys" | "GET /v1/tenants":
                return httpx.Response(200, json=page)
            case _:
                return problem(404, title="Not found", code="not_found")

    def _new_key(self) -> httpx.Response:
        asked, number = self.bodies[-1], len(self.made_keys) + 1
        key = new_key(bytes([100 + number]) * 32)
        self.made_keys.append(key)
        row = ApiKey(
            id=f"key_{number}",
            hash=hash_of(key),
            last_four=last_four_of(key),
            tenant_id=TenantId(asked["tenant_id"]),
            scopes=frozenset(Scope(scope) for scope in asked["scopes"]),
            created_at=NOON,
        )
        self.keys.create(row)
        return httpx.Response(201, json={"id": row.id, "key": None if self.loses_keys else key})
