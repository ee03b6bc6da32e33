"""The API's real handler on fakes. Every answer is checked against the published description."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from jsonschema import (  # type: ignore[import-untyped]  # it ships no types
    Draft202012Validator,
    FormatChecker,
)

import functions.api
from functions.api.handler import make_handler
from functions.api.services import Accounts, Services, Webhooks
from relay.domain.egress import EgressPolicy
from relay.domain.ids import TenantId
from relay.domain.job_request import BodyDefaults
from relay.use_cases.redeliver import Redeliver
from relay.use_cases.submit_job import SubmitJob
from tests.fakes.clock import FakeClock
from tests.fakes.contents import InMemoryContentStore
from tests.fakes.deliveries import InMemoryDeliveryStore
from tests.fakes.dice import FakeDice
from tests.fakes.endpoints import InMemoryCallbackSecretStore, InMemoryEndpointStore
from tests.fakes.events import InMemoryEventStore
from tests.fakes.examples import TENANT
from tests.fakes.idempotency import InMemoryIdempotencyStore
from tests.fakes.jobs import InMemoryJobStore
from tests.fakes.keys import InMemoryKeyStore
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.log import ReadableLog
from tests.fakes.queue import InMemoryQueue
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.seam import QUIET, Seam
from tests.fakes.secret import FakeSecret
from tests.fakes.senders import InMemorySenderStore
from tests.fakes.tenants import InMemoryTenantStore
from tests.fakes.wheel import InMemoryWheel
from tests.unit.functions.sample_events import ALL_SCOPES, http_event

MASTER_SECRET = "canary-master-secret"
REQUEST_BYTES_MAX = 4096
RETENTION = timedelta(days=30)
JSON = {"content-type": "application/json"}
HELLO: Mapping[str, Any] = {"body": {"messages": [{"role": "user", "content": "Hello"}]}}

_DESCRIPTION = json.loads(
    Path(functions.api.__path__[0]).joinpath("openapi.json").read_text("utf-8")
)
_PROBLEM = "#/components/schemas/Problem"
# What any path may answer stands in no single operation: nothing there, a wrong method, a defect.
_UNDESCRIBED = frozenset({404, 405, 500})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details, without the id of the one request."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = cast("dict[str, Any]", self.json)
        assert problem.pop("request_id")
        return problem


class Api:
    def __init__(
        self,
        seam: Seam = QUIET,
        *,
        clock: FakeClock | None = None,
        public_url: str = "",
        defaults: BodyDefaults | None = None,
        invocation: timedelta = timedelta(seconds=29),
    ) -> None:
        self.invocation = invocation
        self.clock = clock or FakeClock()
        self.jobs = InMemoryJobStore(seam)
        self.contents = InMemoryContentStore(seam)
        self.queue = InMemoryQueue(self.clock, seam, name="jobs")
        self.wheel = InMemoryWheel(seam)
        self.idempotency = InMemoryIdempotencyStore(seam)
        self.keys = InMemoryKeyStore(seam)
        self.tenants = InMemoryTenantStore(seam)
        self.senders = InMemorySenderStore(seam)
        self.events = InMemoryEventStore(seam)
        self.endpoints = InMemoryEndpointStore(self.events, seam)
        self.callback_secrets = InMemoryCallbackSecretStore(seam)
        self.recoveries = InMemoryRecoveryStore(seam)
        self.deliveries = InMemoryDeliveryStore(seam)
        self.deliveries_queue = InMemoryQueue(self.clock, seam, name="deliveries")
        self.log = ReadableLog("api")
        self._handle = make_handler(
            Services(
                jobs=self.jobs,
                contents=self.contents,
                idempotency=self.idempotency,
                submit=self._submit(),
                accounts=Accounts(
                    keys=self.keys, tenants=self.tenants, senders=self.senders, dice=FakeDice(2)
                ),
                webhooks=self._webhooks(),
                webhook_master_secret=FakeSecret(MASTER_SECRET, seam),
                clock=self.clock,
                body_defaults=defaults or BodyDefaults(model="mistral-small-latest"),
                egress_policy=EgressPolicy(allow_loopback_http=False),
                request_bytes_max=REQUEST_BYTES_MAX,
                public_url=public_url,
            ),
            self.log,
        )

    def _submit(self) -> SubmitJob:
        return SubmitJob(
            jobs=self.jobs,
            contents=self.contents,
            wheel=self.wheel,
            idempotency=self.idempotency,
            queue=self.queue,
            clock=self.clock,
            dice=FakeDice(),
            retention=RETENTION,
        )

    def _webhooks(self) -> Webhooks:
        return Webhooks(
            endpoints=self.endpoints,
            callback_secrets=self.callback_secrets,
            recoveries=self.recoveries,
            deliveries=self.deliveries,
            events=self.events,
            wheel=self.wheel,
            redeliver=Redeliver(
                deliveries=self.deliveries, wheel=self.wheel, queue=self.deliveries_queue
            ),
            retention=RETENTION,
        )

    def handle(self, event: Mapping[str, Any]) -> HttpAnswer:
        """Answer an event as the gateway sends it."""
        answer = self._handle(event, FakeLambdaContext(self.invocation))
        assert answer.keys() == {"statusCode", "headers", "body"}
        _check_against_description(event["routeKey"], answer)
        return HttpAnswer(answer["statusCode"], answer["headers"], answer["body"])

    def submit(
        self,
        job: Mapping[str, Any] | str = HELLO,
        *,
        headers: Mapping[str, str] | None = None,
        is_base64: bool = False,
        tenant_id: TenantId | None = TENANT,
        scopes: str = ALL_SCOPES,
    ) -> HttpAnswer:
        return self.handle(
            http_event(
                "POST /v1/jobs",
                path="/v1/jobs",
                headers=JSON | dict(headers or {}),
                body=job if isinstance(job, str) else json.dumps(job),
                is_base64=is_base64,
                tenant_id=tenant_id,
                scopes=scopes,
            )
        )

    def get(self, job_id: str, **more: Any) -> HttpAnswer:
        return self.ask("GET /v1/jobs/{job_id}", job_id, **more)

    def cancel(self, job_id: str, **more: Any) -> HttpAnswer:
        return self.ask("POST /v1/jobs/{job_id}/cancel", job_id, **more)

    def rerun(self, job_id: str, **more: Any) -> HttpAnswer:
        return self.ask("POST /v1/jobs/{job_id}/rerun", job_id, **more)

    def delete(self, job_id: str, **more: Any) -> HttpAnswer:
        return self.ask("DELETE /v1/jobs/{job_id}", job_id, **more)

    def list(self, tenant_id: TenantId = TENANT, /, **query: str | int) -> HttpAnswer:
        parameters = {name: str(value) for name, value in query.items()}
        return self.ask("GET /v1/jobs", query=parameters, tenant_id=tenant_id)

    def ask(
        self,
        route_key: str,
        job_id: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        tenant_id: TenantId | None = TENANT,
        scopes: str = ALL_SCOPES,
    ) -> HttpAnswer:
        """Ask for what needs no body."""
        has_id = "{job_id}" in route_key
        event = http_event(
            route_key,
            path=route_key.partition(" ")[2].replace("{job_id}", job_id),
            path_parameters={"job_id": job_id} if has_id else None,
            headers=headers,
            tenant_id=tenant_id,
            scopes=scopes,
        )
        if query:
            event["queryStringParameters"] = dict(query)
        return self.handle(event)

    def ask_anything(self, method: str, path: str) -> HttpAnswer:
        """Ask for what no route of the gateway matches."""
        event = http_event(f"{method} {path}", path=path, tenant_id=None)
        event["routeKey"] = event["requestContext"]["routeKey"] = "$default"
        return self.handle(event)

    @property
    def has_taken_nothing(self) -> bool:
        return not self.jobs.changes and not self.queue.messages


def _check_against_description(route_key: str, answer: Mapping[str, Any]) -> None:
    method, _, path = route_key.partition(" ")
    status = str(answer["statusCode"])
    operation = _DESCRIPTION["paths"].get(path, {}).get(method.lower())
    described = operation["responses"].get(status) if operation else None
    if described is None:
        assert int(status) in _UNDESCRIBED, f"{route_key} answers {status}: not in openapi.json"
        described = {"content": {"application/problem+json": {"schema": {"$ref": _PROBLEM}}}}
    if "content" not in described:
        assert answer["body"] == ""
        assert "content-type" not in answer["headers"]
        return
    schema = described["content"][answer["headers"]["content-type"]]["schema"]
    validator = Draft202012Validator(
        {"components": _DESCRIPTION["components"], **schema}, format_checker=FormatChecker()
    )
    validator.validate(json.loads(answer["body"]))
