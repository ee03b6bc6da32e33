"""Agents: their versions, their aliases, the lists."""

from typing import Any

import pytest

from tests.unit.simulator.driving import BEGINNING, HandTurnedClock, Wire

AGENTS = "/v1/agents"
MODEL = "mistral-medium-latest"


def made(wire: Wire, **fields: Any) -> dict[str, Any]:
    answer = wire.post(AGENTS, {"model": MODEL, "name": "guide", **fields})
    assert answer.status_code == 200, answer.text
    agent: dict[str, Any] = answer.json()
    return agent


def changed(wire: Wire, agent: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = wire.ask("PATCH", f"{AGENTS}/{agent['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    after: dict[str, Any] = answer.json()
    return after


def test_a_change_makes_a_new_version_and_keeps_the_rest(
    wire: Wire, clock: HandTurnedClock
) -> None:
    agent = made(wire, instructions="Help.", description="d", completion_args={"temperature": 0.3})
    clock.turn(1)

    after = changed(wire, agent, instructions="Be brief.", description=None)

    assert after == {
        **agent,
        "version": 1,
        "versions": [0, 1],
        "updated_at": "2026-09-21T14:13:21.000000Z",
        "instructions": "Be brief.",
        "description": None,
    }
    assert BEGINNING == 1_790_000_000


def test_an_older_version_can_be_read_and_put_in_use_again(wire: Wire) -> None:
    agent = made(wire, instructions="Old.")
    changed(wire, agent, instructions="New.")
    path = f"{AGENTS}/{agent['id']}"

    old = wire.get(f"{path}/versions/0").json()
    by_query = wire.get(f"{path}?agent_version=0").json()
    versions = wire.get(f"{path}/versions").json()
    switched = wire.ask("PATCH", f"{path}/version?version=0").json()

    assert old["instructions"] == by_query["instructions"] == "Old."
    assert [each["version"] for each in versions] == [1, 0]
    assert (switched["version"], wire.get(path).json()["instructions"]) == (0, "Old.")


def test_an_alias_stands_for_a_version_until_it_is_deleted(wire: Wire) -> None:
    agent = made(wire)
    changed(wire, agent, name="other")
    path = f"{AGENTS}/{agent['id']}"

    alias = wire.ask("PUT", f"{path}/aliases?alias=first&version=0").json()

    assert (alias["alias"], alias["version"]) == ("first", 0)
    assert wire.get(f"{path}/aliases").json() == [alias]
    assert wire.get(f"{path}?agent_version=first").json()["name"] == "guide"
    assert wire.ask("DELETE", f"{path}/aliases?alias=first").status_code == 204
    assert wire.get(f"{path}?agent_version=first").status_code == 404
    assert wire.ask("DELETE", f"{path}/aliases?alias=first").status_code == 404


def test_the_list_is_a_bare_array_that_is_filtered_and_paged(wire: Wire) -> None:
    for name in ("one", "two", "three"):
        made(wire, name=name)

    def names(query: str) -> list[str]:
        return [agent["name"] for agent in wire.get(f"{AGENTS}?{query}").json()]

    assert names("") == ["three", "two", "one"]
    assert names("page=1&page_size=2") == ["one"]
    assert names("name=two") == ["two"]
    assert names("search=T") == ["three", "two"]
    assert names("sources=playground") == []
    assert names("deployment_chat=true") == []


def test_pages_are_linked_by_tokens(wire: Wire) -> None:
    for name in ("one", "two", "three"):
        made(wire, name=name)

    first = wire.get(f"{AGENTS}/pages?page_size=2").json()
    token = first["next_page_token"]
    second = wire.get(f"{AGENTS}/pages?page_size=2&page_token={token}").json()

    assert [agent["name"] for agent in first["data"]] == ["three", "two"]
    assert [agent["name"] for agent in second["data"]] == ["one"]
    assert second["next_page_token"] is None


def test_a_deleted_agent_is_gone(wire: Wire) -> None:
    path = f"{AGENTS}/{made(wire)['id']}"

    deleted = wire.ask("DELETE", path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert "content-length" not in deleted.headers
    assert [wire.ask(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"colour": 1}, 422),
        ({"name": None}, 422),
        ({"handoffs": []}, 422),
        ({"completion_args": {"temperature": 1.1}}, 422),
        ({"completion_args": {"colour": 1}}, 422),
        ({"version_message": "x" * 501}, 422),
        ({"model": "absent"}, 400),
        ({"model": "mistral-embed"}, 400),
    ],
)
def test_an_agent_that_cannot_be_made_is_refused(
    wire: Wire, fields: dict[str, Any], status: int
) -> None:
    answer = wire.post(AGENTS, {"model": MODEL, "name": "guide", **fields})

    assert answer.status_code == status


def test_a_change_to_an_unknown_model_or_field_is_refused(wire: Wire) -> None:
    path = f"{AGENTS}/{made(wire)['id']}"

    assert wire.ask("PATCH", path, json={"model": "absent"}).status_code == 400
    assert wire.ask("PATCH", path, json={"colour": 1}).status_code == 422
    assert wire.get(path).json()["versions"] == [0]
