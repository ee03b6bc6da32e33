"""``relay keys``, ``relay tenants`` and ``relay senders``."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.cli.conftest import Relay, TerminalInput
from tests.unit.cli.fake_relay import API_KEY, API_URL, FakeRelay, problem

KEYS = "/v1/api_keys"
TENANT_ID = "ten_01JD3Q6M8W9Y2X4Z5A7B9C1D3E"
SECRET = "mrl_live_new"
A_KEY: dict[str, Any] = {
    "id": "key_1",
    "name": "CI",
    "scopes": ["jobs:read", "jobs:write"],
    "last_four": "abcd",
    "created_at": "2026-11-21T12:00:00Z",
    "revoked_at": None,
}


def sent(service: FakeRelay) -> tuple[str, str, Any]:
    request = service.requests[-1]
    body = json.loads(request.content) if request.content else dict(request.url.params)
    return request.method, request.url.path, body


def test_a_new_key_is_all_that_standard_output_gets(relay: Relay, service: FakeRelay) -> None:
    service.made[f"POST {KEYS}"] = httpx.Response(201, json=A_KEY | {"key": SECRET})
    options = ("--name", "CI", "--scope", "jobs:read", "--scope", "admin", "--tenant", TENANT_ID)

    said = relay("keys", "create", *options)

    assert (said.exit_code, said.stdout) == (0, f"{SECRET}\n")
    assert "key_1" in said.stderr
    scopes = ["jobs:read", "admin"]
    asked = {"name": "CI", "scopes": scopes, "tenant_id": TENANT_ID}
    assert sent(service) == ("POST", KEYS, asked)
    assert service.requests[-1].headers["idempotency-key"] == "fresh-key"


def test_a_new_key_is_one_json_object(relay: Relay, service: FakeRelay) -> None:
    service.made[f"POST {KEYS}"] = httpx.Response(201, json=A_KEY | {"key": SECRET})

    said = relay("keys", "create", "--json")

    assert (said.json["key"], said.stderr) == (SECRET, "")
    assert sent(service) == ("POST", KEYS, {"name": ""})


def test_a_key_whose_only_showing_was_lost_is_to_be_revoked(
    relay: Relay, service: FakeRelay
) -> None:
    service.faults = [httpx.ReadError]
    again = {"Idempotent-Replayed": "true"}
    made = httpx.Response(200, json=A_KEY | {"key": None}, headers=again)
    service.made[f"POST {KEYS}"] = made

    said = relay("keys", "create")

    assert (said.exit_code, said.stdout) == (4, "")
    assert "relay keys revoke key_1" in said.stderr


def test_keys_are_shown_as_a_table(relay: Relay, service: FakeRelay) -> None:
    service.lists[KEYS] = [A_KEY]

    said = relay("keys", "list", "--tenant", TENANT_ID)

    head, row = said.stdout.splitlines()
    assert head.split() == ["id", "name", "scopes", "last", "four", "created", "revoked"]
    assert row.split()[:4] == ["key_1", "CI", "jobs:read", "jobs:write"]
    assert sent(service)[2]["tenant_id"] == TENANT_ID


def test_a_key_is_revoked(relay: Relay, service: FakeRelay) -> None:
    service.made[f"DELETE {KEYS}/key_1"] = httpx.Response(204)

    said = relay("keys", "revoke", "key_1", "--tenant", TENANT_ID)

    assert (said.exit_code, said.stdout) == (0, "key_1 revoked\n")
    assert sent(service) == ("DELETE", f"{KEYS}/key_1", {"tenant_id": TENANT_ID})


def test_a_person_is_asked_before_a_key_is_revoked(relay: Relay, service: FakeRelay) -> None:
    relay.input, relay.stdin = TerminalInput, b"n\n"

    assert relay("keys", "revoke", "key_1").exit_code == 2
    assert service.requests == []


def test_a_key_itself_is_not_taken_for_its_id_nor_shown(relay: Relay, service: FakeRelay) -> None:
    said = relay("keys", "revoke", API_KEY)

    assert said.exit_code == 2
    assert "relay keys list" in said.stderr
    assert service.requests == []


def test_a_tenant_is_made_and_the_next_step_told(relay: Relay, service: FakeRelay) -> None:
    service.made["POST /v1/tenants"] = httpx.Response(201, json={"id": TENANT_ID})

    said = relay("tenants", "create", "Aperture")

    assert said.stdout == f"{TENANT_ID}\n"
    assert f"relay keys create --tenant {TENANT_ID}" in said.stderr
    assert sent(service)[2] == {"name": "Aperture"}


def test_a_sender_is_added(relay: Relay, service: FakeRelay) -> None:
    mapped = {"id": "AROA1", "tenant_id": TENANT_ID}
    service.made["POST /v1/senders"] = httpx.Response(201, json=mapped)

    said = relay("senders", "add", "AROA1", "--tenant", TENANT_ID)

    assert said.stdout == f"AROA1 sends for {TENANT_ID}\n"
    assert sent(service)[2] == {"sender_id": "AROA1", "tenant_id": TENANT_ID}


def test_a_sender_is_removed_whatever_its_id_looks_like(relay: Relay, service: FakeRelay) -> None:
    service.made["DELETE /v1/senders/A/../B"] = httpx.Response(204)

    said = relay("senders", "remove", "A/../B")

    assert said.stdout == "A/../B removed\n"
    assert service.requests[-1].url.raw_path == b"/v1/senders/A%2F..%2FB"


@pytest.mark.parametrize("things", ["tenants", "senders", "keys"])
def test_lists_are_one_json_array_and_say_if_they_are_empty(
    relay: Relay, service: FakeRelay, things: str
) -> None:
    service.lists["/v1/" + {"keys": "api_keys"}.get(things, things)] = []

    assert relay(things, "list", "--json").json == []
    assert relay(things, "list").stderr == "There are none.\n"


def test_there_being_more_is_told(relay: Relay, service: FakeRelay) -> None:
    service.lists["/v1/tenants"] = [{"id": f"ten_{number}"} for number in range(3)]

    said = relay("tenants", "list", "--limit", "2")

    assert [line.split()[0] for line in said.stdout.splitlines()] == ["id", "ten_0", "ten_1"]
    assert "--limit" in said.stderr


@pytest.mark.parametrize(
    "command",
    [("keys", "create"), ("keys", "list"), ("tenants", "create", "A"), ("senders", "remove", "A")],
)
def test_a_key_that_may_not_is_told_what_is_needed(
    relay: Relay, service: FakeRelay, command: tuple[str, ...]
) -> None:
    detail = "This key lacks the scope admin. Use one that has it."
    service.faults = [problem(403, title="Forbidden", code="missing_scope", detail=detail)]

    said = relay(*command)

    assert said.exit_code == 3
    assert detail in said.stderr


def test_beside_a_local_stack_its_admin_key_is_used(
    relay: Relay, service: FakeRelay, tmp_path: Path
) -> None:
    relay.environment = {}
    stack = {"api_url": API_URL, "api_key": "mrl_live_other", "admin_key": API_KEY}
    (tmp_path / ".relay").mkdir()
    (tmp_path / ".relay" / "stack.json").write_text(json.dumps(stack))
    service.lists["/v1/tenants"] = []

    assert relay("tenants", "list").exit_code == 0


@pytest.mark.parametrize("group", ["keys", "tenants", "senders"])
def test_a_group_alone_explains_itself(relay: Relay, group: str) -> None:
    said = relay(group)

    assert said.exit_code == 0
    assert "list" in said.stdout
