"""A job by HTTP and by the command line, on the running stack."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Stack

ROOT = Path(__file__).parents[2]
PDF = "https://example.com/a.pdf"


def test_a_job_by_http_completes_with_its_answer_usage_and_cost(stack: Stack) -> None:
    job = stack.job_at_its_end(stack.submit("What is durable?", metadata={"order": "4711"}))

    assert job["status"] == "completed"
    assert job["output_text"] == job["result"]["choices"][0]["message"]["content"]
    assert job["usage"]["total_tokens"] == job["result"]["usage"]["total_tokens"]
    price = Decimal(job["usage"]["prompt_tokens"]) * Decimal("0.15")
    price += Decimal(job["usage"]["completion_tokens"]) * Decimal("0.60")
    assert Decimal(job["cost"]["amount"]) == price / 1_000_000
    assert job["metadata"] == {"order": "4711"}
    assert job["attempts"] == 1


def test_waiting_answers_200_with_the_completed_job(stack: Stack) -> None:
    answer = stack.api.post(
        "/v1/jobs",
        json={"body": {"messages": [{"role": "user", "content": "Hi"}]}},
        headers={"prefer": "wait=20"},
    )

    assert answer.status_code == 200
    assert answer.json()["status"] == "completed"
    assert answer.headers["location"] == answer.json()["urls"]["self"]


@pytest.mark.parametrize(
    ("endpoint", "body", "key"),
    [
        ("/v1/embeddings", {"input": ["a", "b"]}, "data"),
        ("/v1/fim/completions", {"prompt": "def add(a, b):"}, "choices"),
        ("/v1/moderations", {"input": "be kind"}, "results"),
        ("/v1/chat/moderations", {"input": [{"role": "user", "content": "hi"}]}, "results"),
        ("/v1/classifications", {"model": "ft:ministral-3b:tone", "input": "x"}, "results"),
        ("/v1/ocr", {"document": {"type": "document_url", "document_url": PDF}}, "pages"),
    ],
)
def test_every_endpoint_of_one_request_and_one_answer_works(
    stack: Stack, endpoint: str, body: dict[str, object], key: str
) -> None:
    answer = stack.api.post("/v1/jobs", json={"endpoint": endpoint, "body": body})
    assert answer.status_code == 202, answer.text

    job = stack.job_at_its_end(answer.json())

    assert job["status"] == "completed", job["error"]
    assert job["result"][key]


def test_a_large_result_is_read_through_its_link(stack: Stack) -> None:
    body = {"input": [f"text {number}" for number in range(40)]}
    answer = stack.api.post("/v1/jobs", json={"endpoint": "/v1/embeddings", "body": body})

    job = stack.job_at_its_end(answer.json())

    assert job["status"] == "completed"
    assert job["result"] is None
    assert len(httpx.get(job["result_url"]).json()["data"]) == 40


def test_a_large_request_arrives_at_mistral_whole(stack: Stack) -> None:
    words = " ".join(str(number * 7919) for number in range(60_000))

    job = stack.job_at_its_end(stack.submit(words))

    assert job["status"] == "completed"
    assert job["usage"]["prompt_tokens"] > len(words) // 8


def relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "relay"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603 - our own program


@pytest.mark.usefixtures("stack")
def test_a_job_by_the_command_line_completes() -> None:
    people = relay("submit", "Say hello", "--wait")
    machines = relay("submit", "Say hello", "--wait", "--json")

    assert people.returncode == machines.returncode == 0, people.stderr + machines.stderr
    job = json.loads(machines.stdout)
    assert job["status"] == "completed"
    assert people.stdout.strip() == job["output_text"].strip()
    assert json.loads(relay("job", job["id"], "--json").stdout)["id"] == job["id"]


def test_what_mistral_refuses_fails_at_once_and_says_why(stack: Stack) -> None:
    body = {"model": "no-such-model", "messages": [{"role": "user", "content": "Hi"}]}
    answer = stack.api.post("/v1/jobs", json={"body": body}, headers={"prefer": "wait=20"})

    job = stack.job_at_its_end(answer.json())

    assert job["status"] == "failed"
    assert job["error"]["code"] == "model_not_found"
    assert job["error"]["upstream"]["status"] == 400
    assert job["attempts"] == 1
