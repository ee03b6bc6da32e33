"""The service's events and deliveries in memory, and a server on the developer's machine."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.unit.cli.fake_relay import JOB_ID, FakeClock, FakeRelay, problem

SECRET_TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENDPOINT_ID = "we_01JD3Q6M8W9Y2X4Z5A7B9C1D3E"
DELIVERY_ID = "dlv_01JD3Q6M8W9Y2X4Z5A7B9C1D3E"
ENDPOINT: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "object": "webhook_endpoint",
    "url": "https://example.com/hooks/mistral",
    "event_types": ["job.*"],
    "payload": "full",
    "legacy_signature": False,
    "status": "enabled",
    "disabled_reason": None,
    "description": "Orders",
    "metadata": {"team": "blue"},
    "created_at": "2026-11-21T12:00:00Z",
}


def an_event(number: int = 1, event_type: str = "job.completed", **data: Any) -> dict[str, Any]:
    """Return an envelope with thin data."""
    return {
        "id": f"evt_{number:03}",
        "type": event_type,
        "timestamp": f"2026-11-21T12:00:{number:02}.000Z",
        "api_version": "v1",
        "sequence": number,
        "data": {"id": JOB_ID, "object": "job", "status": "completed", **data},
    }


@dataclass
class FakeFeed:
    """Events, each there from some second on. Once there are no more, the person goes home."""

    clock: FakeClock
    happened: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    ends: bool = True

    def install(self, service: FakeRelay) -> None:
        service.acts["GET /v1/events"] = self.page
        service.made["GET /v1/webhook_secret"] = httpx.Response(
            200,
            json={"secret": SECRET_TEXT, "previous_until": None},
            headers={"date": "Sat, 21 Nov 2026 11:59:58 GMT"},
        )
        for _, event in self.happened:
            service.acts[f"GET /v1/events/{event['id']}"] = self.whole

    def page(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        self.asked.append(dict(query))
        first = int(query.get("cursor", "0"))
        self._hold(first, int(query.get("wait", "0")))
        there = [event for at, event in self.happened if at <= self.clock.seconds]
        end = min(len(there), first + int(query.get("limit", "20")))
        cursor = str(end) if end > first or "cursor" in query else None
        page = {"object": "list", "data": there[first:end], "has_more": end < len(there)}
        return httpx.Response(200, json={**page, "next_cursor": cursor})

    def whole(self, request: httpx.Request) -> httpx.Response:
        identifier = request.url.path.rpartition("/")[2]
        if identifier in self.gone:
            return problem(404, title="Not found", code="not_found")
        event = next(one for _, one in self.happened if one["id"] == identifier)
        whole = {**event["data"], "output_text": "Grüße", "result": {"tokens": 1.5}}
        return httpx.Response(200, json={**event, "data": whole})

    def _hold(self, first: int, seconds: int) -> None:
        if first < len(self.happened):
            comes_at = self.happened[first][0]
        elif self.ends and seconds:
            raise KeyboardInterrupt
        else:
            comes_at = self.clock.seconds + seconds
        self.clock.seconds = max(self.clock.seconds, min(comes_at, self.clock.seconds + seconds))


@dataclass
class FakeLocalServer:
    """Answers what it is told to, then 200; keeps what it was sent."""

    answers: list[int | type[httpx.TransportError]] = field(default_factory=list)
    taken: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0) if self.answers else 200
        if not isinstance(answer, int):
            raise answer("connection refused")
        self.taken.append(request)
        return httpx.Response(answer)


def a_delivery(*codes: int, **changes: Any) -> dict[str, Any]:
    """Return a delivery with an attempt for each status code."""
    attempts = [
        {
            "number": number,
            "at": "2026-11-21T12:00:00Z",
            "duration_ms": 412,
            "status_code": code,
            "outcome": "delivered" if code < 300 else "retry",
            "reason": f"server answered {code}",
            "response_head": "no\nidea " * 20 if code >= 300 else "",
        }
        for number, code in enumerate(codes, start=1)
    ]
    is_delivered = bool(codes) and codes[-1] < 300
    return {
        "id": DELIVERY_ID,
        "object": "delivery",
        "event_id": "evt_001",
        "event_type": "job.completed",
        "endpoint_id": ENDPOINT_ID,
        "url": ENDPOINT["url"],
        "status": "delivered" if is_delivered else "pending",
        "next_attempt_at": "2026-11-21T12:05:00Z",
        "created_at": "2026-11-21T12:00:00Z",
        "finished_at": None,
        "attempts": attempts,
        **changes,
    }
