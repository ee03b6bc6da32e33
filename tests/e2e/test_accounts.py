"""Tenants, keys and senders on the running stack, by the API and by the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import STACK_FILE, Stack

ROOT = Path(__file__).parents[2]
RELAY = (sys.executable, "-c", "from tools.cli.main import app; app()")
A_SENDER = "AROAENDTOENDEXAMPLE"


def relay(*tokens: str) -> subprocess.CompletedProcess[str]:
    """Run the command line beside the stack's file."""
    assert STACK_FILE.exists()
    return subprocess.run(  # noqa: S603 - this interpreter, on this code
        [*RELAY, *tokens],
        cwd=ROOT,
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def admin(stack: Stack) -> dict[str, str]:
    return {"authorization": f"Bearer {stack.facts['admin_key']}"}


def tenant_with_key(*scopes: str) -> tuple[str, str]:
    tenant_id = relay("tenants", "create", "Aperture").stdout.strip()
    options = [word for scope in scopes for word in ("--scope", scope)]
    key = relay("keys", "create", "--tenant", tenant_id, *options).stdout.strip()
    return tenant_id, key


def test_a_new_tenants_key_makes_jobs_that_only_it_sees(stack: Stack) -> None:
    _, key = tenant_with_key("jobs:read", "jobs:write")
    theirs = {"authorization": f"Bearer {key}"}
    body = {"body": {"messages": [{"role": "user", "content": "Hi"}]}}

    made = stack.api.post("/v1/jobs", json=body, headers=theirs | {"prefer": "wait=20"})

    assert made.json()["status"] == "completed"
    link = made.json()["urls"]["self"]
    assert stack.api.get(link, headers=theirs).status_code == 200
    assert stack.api.get(link).status_code == 404
    assert [job["id"] for job in stack.api.get("/v1/jobs", headers=theirs).json()["data"]] == [
        made.json()["id"]
    ]


def test_a_revoked_key_is_refused(stack: Stack, admin: dict[str, str]) -> None:
    """It was not used before, or the gateway would remember it for a minute."""
    made = stack.api.post("/v1/api_keys", json={"name": "lost"}, headers=admin).json()

    revoked = relay("keys", "revoke", made["id"])

    assert revoked.returncode == 0, revoked.stderr
    asked = stack.api.get("/v1/jobs", headers={"authorization": f"Bearer {made['key']}"})
    assert (asked.status_code, asked.json()["code"]) == (401, "unauthorized")


def test_a_key_under_an_idempotency_key_is_shown_once(stack: Stack, admin: dict[str, str]) -> None:
    headers = admin | {"idempotency-key": "end-to-end"}

    first, second = (
        stack.api.post("/v1/api_keys", json={"name": "CI"}, headers=headers) for _ in range(2)
    )

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | {"key": None}


def test_only_the_operators_admin_manages_tenants(stack: Stack) -> None:
    _, key = tenant_with_key("admin")

    answers = [
        stack.api.get("/v1/tenants"),
        stack.api.get("/v1/tenants", headers={"authorization": f"Bearer {key}"}),
    ]

    assert [answer.json()["code"] for answer in answers] == ["missing_scope", "operator_only"]


def test_a_sender_is_added_listed_and_removed() -> None:
    tenant_id, _ = tenant_with_key("jobs:read")

    added = relay("senders", "add", A_SENDER, "--tenant", tenant_id)
    listed = json.loads(relay("senders", "list", "--json").stdout)
    removed = relay("senders", "remove", A_SENDER)
    left = json.loads(relay("senders", "list", "--json").stdout)

    assert (added.returncode, removed.returncode) == (0, 0), added.stderr + removed.stderr
    assert {sender["id"]: sender["tenant_id"] for sender in listed}[A_SENDER] == tenant_id
    assert A_SENDER not in [sender["id"] for sender in left]


def test_many_prompts_are_answered_in_their_order(stack: Stack, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"What is {number}?" for number in range(20)))
    output = tmp_path / "answers.jsonl"
    stack.faults(seed=5, rate={"500": 0.2})

    said = relay("map", str(prompts), "-o", str(output))

    assert said.returncode == 0, said.stderr
    rows: list[dict[str, Any]] = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["prompt"] for row in rows] == prompts.read_text().split("\n")
    assert all(row["output_text"] for row in rows)
    stack.faults()


def test_a_stranger_is_nobody(stack: Stack) -> None:
    with httpx.Client(base_url=stack.facts["api_url"]) as stranger:
        assert stranger.get("/v1/api_keys").status_code == 401
