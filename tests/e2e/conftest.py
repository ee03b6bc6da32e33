"""The running local stack, and a subscriber that listens on this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest

STACK_FILE = Path(__file__).parents[2] / ".relay" / "stack.json"


@dataclass(frozen=True)
class Stack:
    """Where everything is, and clients for it."""

    facts: dict[str, str]
    api: httpx.Client
    simulator: httpx.Client

    def aws(self, service: str) -> Any:
        return botocore.session.get_session().create_client(
            service,
            endpoint_url=self.facts["aws_endpoint_url"],
            region_name=self.facts["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def submit(self, prompt: str = "Say hello", *, wait: int = 0, **fields: Any) -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": prompt}]}
        headers = {"prefer": f"wait={wait}"} if wait else {}
        answer = self.api.post("/v1/jobs", json={"body": body} | fields, headers=headers)
        assert answer.status_code in {200, 202}, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def job_at_its_end(self, job: dict[str, Any]) -> dict[str, Any]:
        for _ in range(8):
            answer = self.api.get(job["urls"]["self"], headers={"prefer": "wait=20"})
            job = answer.json()
            if job["finished_at"]:
                return job
        raise AssertionError(f"{job['id']} is still {job['status']}: {job['error']}")

    def faults(self, **behaviour: Any) -> None:
        self.simulator.post("/_simulator/faults", json=behaviour).raise_for_status()


@dataclass
class Subscriber:
    """A webhook receiver: keeps what it got and answers as told, 200 once it was told nothing."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._arrived:
            self.requests.append((headers, body))
            self._arrived.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait_until(self, done: Callable[["Subscriber"], bool], *, minutes: int = 1) -> None:
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: done(self), timeout=60.0 * minutes)
        assert arrived, f"only {len(self.requests)} requests came"

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    assert STACK_FILE.exists(), "start the local stack first: make up"
    facts = json.loads(STACK_FILE.read_text())
    key = {"authorization": f"Bearer {facts['api_key']}"}
    with (
        httpx.Client(base_url=facts["api_url"], headers=key, timeout=40) as api,
        httpx.Client(base_url=facts["mistral_url"], timeout=10) as simulator,
    ):
        yield Stack(facts, api, simulator)


@pytest.fixture(autouse=True)
def _quiet_simulator(stack: Stack) -> Iterator[None]:
    stack.faults()
    yield
    stack.faults()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    subscriber = Subscriber()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(subscriber.take(headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        subscriber.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield subscriber
        server.shutdown()
        thread.join()
