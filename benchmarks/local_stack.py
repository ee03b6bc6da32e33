"""The running local stack: how long a job takes, and how many go through.

It is one machine that also plays AWS, so these are upper bounds of what the code itself takes,
not figures of AWS.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from benchmarks.table import Row, spread

STACK_FILE = Path(__file__).parents[1] / ".relay" / "stack.json"
IDLE_JOBS = 60
BUSY_JOBS = 400
CLIENTS = 4
PATIENCE_SECONDS = 120.0
_BODY = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


class Arrivals:
    """A subscriber that notes when it was told of which job."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.changed = threading.Condition()
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                now = time.time()
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()
                with arrivals.changed:
                    arrivals.at[event["data"]["id"]] = now
                    arrivals.changed.notify_all()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def wait_for(self, jobs: set[str]) -> None:
        with self.changed:
            done = self.changed.wait_for(lambda: jobs <= self.at.keys(), PATIENCE_SECONDS)
        assert done, f"{len(jobs - self.at.keys())} of {len(jobs)} jobs were never told"


def rows() -> list[Row]:
    """Measure the stack that is up."""
    facts = json.loads(STACK_FILE.read_text())
    httpx.post(f"{facts['mistral_url']}/_simulator/faults", json={}).raise_for_status()
    arrivals = Arrivals()
    with httpx.Client(
        base_url=facts["api_url"],
        headers={"authorization": f"Bearer {facts['api_key']}"},
        timeout=30,
    ) as api:
        idle = _idle(api, arrivals)
        _busy(api, arrivals)  # starts as many sandboxes as it takes, which is not what is measured
        found = idle + _busy(api, arrivals)
    arrivals.server.shutdown()
    arrivals.server.server_close()
    return found


def _submit(api: httpx.Client, callback_url: str) -> tuple[str, float]:
    began = time.perf_counter()
    answer = api.post("/v1/jobs", json={"body": _BODY, "callback_url": callback_url})
    taken = time.perf_counter() - began
    answer.raise_for_status()
    return str(answer.json()["id"]), taken


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _idle(api: httpx.Client, arrivals: Arrivals) -> list[Row]:
    """One job at a time, the next after the last was told."""
    accepting, jobs = [], []
    for _ in range(IDLE_JOBS):
        job_id, taken = _submit(api, arrivals.url)
        accepting.append(taken)
        arrivals.wait_for({job_id})
        job: dict[str, Any] = api.get(f"/v1/jobs/{job_id}").json()
        jobs.append((job, arrivals.at[job_id]))
    warm = jobs[5:]
    started = [_moment(job["started_at"]) - _moment(job["created_at"]) for job, _ in warm]
    finished = [_moment(job["finished_at"]) - _moment(job["created_at"]) for job, _ in warm]
    told = [at - _moment(job["finished_at"]) for job, at in warm]
    return [
        Row("idle: a submission's answer", spread(accepting[5:])),
        Row(
            "idle: accepted to claimed, just before Mistral is called",
            spread(started),
            "p50 100 ms",
        ),
        Row("idle: accepted to completed", spread(finished)),
        Row("idle: completed to webhook received", spread(told)),
    ]


def _busy(api: httpx.Client, arrivals: Arrivals) -> list[Row]:
    """As many jobs as a few clients can submit, from the first submission to the last webhook."""
    began = time.time()
    with ThreadPoolExecutor(CLIENTS) as clients:
        submitted = list(clients.map(lambda _: _submit(api, arrivals.url), range(BUSY_JOBS)))
    accepted = time.time()
    ids = {job_id for job_id, _ in submitted}
    arrivals.wait_for(ids)
    told = max(arrivals.at[job_id] for job_id in ids)
    return [
        Row(
            f"busy: accepted per second, {CLIENTS} clients", f"{BUSY_JOBS / (accepted - began):.0f}"
        ),
        Row("busy: jobs per second, submission to webhook", f"{BUSY_JOBS / (told - began):.0f}"),
    ]
