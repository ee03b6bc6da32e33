"""Jobs by every way in, while everything fails now and then: each ends once, and is told once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Stack, Subscriber

ROOT = Path(__file__).parents[2]
FAILING_A_THIRD = {"429": 0.12, "500": 0.1, "503": 0.06, "cut": 0.04, "invalid_json": 0.02}
JOBS_EACH = 20
JOBS_BY_COMMAND = 4
JOBS_UNDER_FIRE = 200
KILLS = 12
MINUTES_MAX = 15
"""A dead worker's lease must run out, and the wheel come round, up to three times over."""


def test_jobs_by_http_by_sqs_and_by_the_command_line_end_once_and_are_told_under_one_id(
    stack: Stack, subscriber: Subscriber
) -> None:
    stack.faults(seed=3, rate=FAILING_A_THIRD)
    subscriber.answers = [503, 200, 200] * JOBS_EACH
    by_http = {submitted(stack, subscriber, f"by http {n}") for n in range(JOBS_EACH)}
    messages = [sent(stack, subscriber, f"by sqs {n}") for n in range(JOBS_EACH)]
    by_command = {commanded(subscriber, f"by command {n}") for n in range(JOBS_BY_COMMAND)}

    expected = len(by_http) + len(messages) + len(by_command)
    subscriber.wait_until(lambda it: told(it) == expected, minutes=MINUTES_MAX)

    by_sqs = {found(stack, message_id) for message_id in messages}
    assert len(by_sqs) == JOBS_EACH
    check_each_ended_once(stack, subscriber, by_http | by_sqs | by_command)
    answers = stack.simulator.get("/_simulator/stats").json()["answers"]
    refused = sum(count for status, count in answers.items() if status != "200")
    assert refused > expected / 10  # beside those that are cut or unreadable, which count as 200


@pytest.mark.fire
def test_jobs_outlive_the_death_of_the_functions_that_run_them(
    stack: Stack, subscriber: Subscriber
) -> None:
    """SIGKILL takes sandboxes of every function in mid-work; each job ends once all the same."""
    stack.faults(seed=4, latency_ms=400, rate=FAILING_A_THIRD)
    killed = 0
    jobs = set()
    lots = random.Random(4)  # noqa: S311 - which sandbox dies
    for number in range(JOBS_UNDER_FIRE):
        jobs.add(submitted(stack, subscriber, f"under fire {number}", timeout_seconds=5))
        if number % (JOBS_UNDER_FIRE // KILLS) == 0:
            killed += kill_one_sandbox(lots)

    subscriber.wait_until(lambda it: told(it) == len(jobs), minutes=MINUTES_MAX)

    assert killed > KILLS / 2
    check_each_ended_once(stack, subscriber, jobs)


def submitted(stack: Stack, subscriber: Subscriber, prompt: str, **fields: Any) -> str:
    """Submit as a client does that lost its connection before and tries again under its key."""
    job = {
        "body": {"messages": [{"role": "user", "content": prompt}], "max_tokens": 20},
        "callback_url": subscriber.url,
        "attempts_max": 20,
    }
    headers = {"idempotency-key": prompt.replace(" ", "-") + subscriber.url[-12:]}
    for _ in range(20):
        answer = stack.api.post("/v1/jobs", json=job | fields, headers=headers)
        if answer.status_code in {200, 202}:
            return str(answer.json()["id"])
        assert answer.status_code in {409, 500, 502, 503}, answer.text
        threading.Event().wait(float(answer.headers.get("retry-after", 1)))
    raise AssertionError(f"{prompt} was not accepted")


def sent(stack: Stack, subscriber: Subscriber, prompt: str) -> str:
    job = {
        "body": {"messages": [{"role": "user", "content": prompt}], "max_tokens": 20},
        "callback_url": subscriber.url,
        "attempts_max": 20,
    }
    answer = stack.aws("sqs").send_message(
        QueueUrl=stack.facts["submissions_queue_url"], MessageBody=json.dumps(job)
    )
    return str(answer["MessageId"])


def found(stack: Stack, message_id: str) -> str:
    (job,) = stack.api.get("/v1/jobs", params={"message_id": message_id}).json()["data"]
    return str(job["id"])


def commanded(subscriber: Subscriber, prompt: str) -> str:
    program = str(Path(sys.executable).parent / "relay")
    options = ["--callback-url", subscriber.url, "--json"]
    done = subprocess.run(  # noqa: S603 - our own program
        [program, "submit", prompt, *options], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return str(json.loads(done.stdout)["id"])


def told(subscriber: Subscriber) -> int:
    """Return of how many jobs the end was told, and taken."""
    return len({event["data"]["id"] for event in subscriber.events()})


def check_each_ended_once(stack: Stack, subscriber: Subscriber, jobs: set[str]) -> None:
    ids: dict[str, set[str]] = {}
    bodies: dict[str, set[bytes]] = {}
    for headers, body in subscriber.requests:
        ids.setdefault(json.loads(body)["data"]["id"], set()).add(headers["webhook-id"])
        bodies.setdefault(headers["webhook-id"], set()).add(body)

    statuses = Counter(stack.api.get(f"/v1/jobs/{job_id}").json()["status"] for job_id in jobs)
    assert statuses == {"completed": len(jobs)}
    assert ids.keys() == jobs
    assert {len(several) for several in ids.values()} == {1}
    assert {len(several) for several in bodies.values()} == {1}


def kill_one_sandbox(lots: random.Random) -> int:
    """Kill one of the processes in which functions run; return how many that were."""
    names = (place.name for place in Path("/proc").iterdir() if place.name.isdigit())
    sandboxes = [pid for pid in map(int, names) if is_one(pid)]
    if not sandboxes:
        return 0
    os.kill(lots.choice(sandboxes), signal.SIGKILL)
    return 1


def is_one(pid: int) -> bool:
    """Tell whether a process runs a function of this stack."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False  # it ended meanwhile
    return b"AWS_LAMBDA_FUNCTION_NAME=" in environment and b"RELAY_LOCAL_STACK=" in environment
