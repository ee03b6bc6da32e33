"""The native API in memory: it holds jobs, and time passes only when it says so."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

API_URL = "https://relay.example"
API_KEY = "mrl_live_0123456789abcdef"
JOB_ID = "job_01JD3Q6M8W9Y2X4Z5A7B9C1D3E"

type Fault = httpx.Response | type[httpx.TransportError | KeyboardInterrupt]


@dataclass
class FakeClock:
    """Seconds since the test began, and the pauses somebody slept through."""

    seconds: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def ticks(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


@dataclass
class FakeRelay:
    """One job, which ends ``ends_after`` seconds after its submission as ``ending`` says.

    ``faults`` are answered, one for each request, before anything else is done.
    """

    clock: FakeClock
    ending: dict[str, Any] = field(default_factory=dict)
    ends_after: float = 0.0
    holds: bool = True
    waiting: dict[str, Any] = field(default_factory=dict)
    links_to: str | None = API_URL
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    stored: httpx.Response = field(default_factory=lambda: httpx.Response(403))
    submissions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    submitted_at: float = 0.0
    page_size_max: int = 100
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What is listed at a path, a page at a time; the cursor is how many came before."""
    answers_instead: Callable[[httpx.Request], httpx.Response] | None = None
    made: dict[str, httpx.Response] = field(default_factory=dict)
    """What a request other than a job's is answered, by its method and path."""
    acts: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    """The same, where the answer changes with time."""
    others: dict[str, Callable[[httpx.Request], httpx.Response]] = field(default_factory=dict)
    """Servers that are not the service, by their host."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host == "results.example":
            return self.stored
        if other := self.others.get(request.url.host, self.answers_instead):
            return other(request)
        if self.faults:
            return self._fail(self.faults.pop(0))
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        known = self._routes().get(f"{request.method} {request.url.path}")
        if known is None:
            return problem(404, title="Not found", code="not_found")
        return known if isinstance(known, httpx.Response) else known(request)

    def _routes(self) -> dict[str, httpx.Response | Callable[[httpx.Request], httpx.Response]]:
        return {
            "POST /v1/jobs": self._accept,
            f"GET /v1/jobs/{JOB_ID}": self._answer,
            f"DELETE /v1/jobs/{JOB_ID}": httpx.Response(204),
            f"POST /v1/jobs/{JOB_ID}/rerun": self._answer,
            f"POST /v1/jobs/{JOB_ID}/cancel": self._cancel,
            **{f"GET {path}": self._page for path in self.lists},
            **self.made,
            **self.acts,
        }

    def _cancel(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self._job() | {"status": "cancelled"})

    def _page(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        first = int(query.get("cursor", "0"))
        rows = self.lists[request.url.path]
        end = first + min(int(query.get("limit", "20")), self.page_size_max)
        more = {"has_more": True, "next_cursor": str(end)} if end < len(rows) else {}
        page = {"object": "list", "data": rows[first:end], "has_more": False, "next_cursor": None}
        return httpx.Response(200, json=page | more)

    def _fail(self, fault: Fault) -> httpx.Response:
        if isinstance(fault, httpx.Response):
            return fault
        raise fault("the line is dead")

    def _accept(self, request: httpx.Request) -> httpx.Response:
        self.submissions.append(json.loads(request.content))
        self.submitted_at = self.clock.seconds
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self._hold(request.headers.get("prefer", ""))
        status = 200 if self._is_over() or request.method == "GET" else 202
        location = {"Location": f"/v1/jobs/{JOB_ID}"}
        return httpx.Response(status, json=self._job(), headers={**location, **self.headers})

    def _hold(self, prefer: str) -> None:
        if self.holds and prefer:
            end = self.clock.seconds + int(prefer.removeprefix("wait="))
            ending = max(self.clock.seconds, self.submitted_at + self.ends_after)
            self.clock.seconds = min(end, ending)

    def _is_over(self) -> bool:
        return self.clock.seconds >= self.submitted_at + self.ends_after

    def _job(self) -> dict[str, Any]:
        links = {"self": f"{self.links_to}/v1/jobs/{JOB_ID}"} if self.links_to else {}
        return {
            **a_job(urls=links),
            **(completed() | self.ending if self._is_over() else self.waiting),
        }


def a_job(**changes: Any) -> dict[str, Any]:
    """Return a job that has just been accepted."""
    return {
        "id": JOB_ID,
        "object": "job",
        "status": "queued",
        "status_reason": None,
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "model_used": None,
        "lane": "live",
        "created_at": "2026-11-21T12:00:00Z",
        "finished_at": None,
        "attempts": 0,
        "attempts_max": 5,
        "output_text": None,
        "tool_calls": None,
        "result": None,
        "result_url": None,
        "error": None,
        "usage": None,
        "cost": None,
        "metadata": {"order": "4711"},
        **changes,
    }


def completed() -> dict[str, Any]:
    """Return what changes when a job ends well."""
    return {
        "status": "completed",
        "model_used": "mistral-small-2603",
        "finished_at": "2026-11-21T12:00:01.8Z",
        "attempts": 1,
        "output_text": "Because of Rayleigh.",
        "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46},
        "cost": {"currency": "USD", "amount": "0.000123"},
    }


def problem(
    status: int, *, headers: dict[str, str] | None = None, **members: Any
) -> httpx.Response:
    """Return an answer as RFC 9457 has it."""
    content = json.dumps({"type": "about:blank", "status": status, **members})
    kind = {"content-type": "application/problem+json"}
    return httpx.Response(status, content=content, headers={**kind, **(headers or {})})
