"""The paths under /v1/agents, but for the older completions."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tools.simulator.agent_schema import AgentChanges, AgentFields
from tools.simulator.agent_store import Agent, AgentStore, Alias
from tools.simulator.call import Answer, Call, empty_answer, json_answer
from tools.simulator.errors import not_found
from tools.simulator.models import find_model
from tools.simulator.moments import written
from tools.simulator.parsing import Query, parse, parse_query

PAGE_SIZE_MAX = 1_000

Page = Annotated[int, Field(ge=0)]
PageSize = Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)]


class AgentsQuery(Query):
    """The filters of the list."""

    page: Page = 0
    page_size: PageSize = 20
    page_token: Page = 0
    deployment_chat: bool | None = None
    sources: tuple[Literal["api", "playground", "agent_builder_v1"], ...] = ()
    name: str | None = None
    search: str | None = None
    id: str | None = None

    def admits(self, agent: Agent) -> bool:
        """Say whether the agent passes every filter; all agents here come from the API."""
        name = agent.in_use.name
        return (
            self.deployment_chat in (None, agent.deployment_chat)
            and (not self.sources or "api" in self.sources)
            and self.name in (None, name)
            and self.id in (None, agent.id)
            and (self.search is None or self.search.lower() in name.lower())
        )


class VersionQuery(Query):
    """Which version is meant: a number, or in ``agent_version`` an alias."""

    agent_version: str | None = None
    version: Page = 0
    alias: str = ""


class BetaAgents:
    """The endpoints, around the agents they share with conversations."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store

    def create(self, call: Call) -> Answer:
        """POST /v1/agents."""
        fields = parse(AgentFields, call.body)
        find_model(fields.model, "chat")
        at = call.at_unix_seconds
        agent = Agent(f"ag_{next(call.new_ids('agent'))}", at, at, [fields])
        self._store.add(agent)
        return json_answer(agent.as_json())

    def show_all(self, call: Call) -> Answer:
        """GET /v1/agents, a bare array."""
        query = parse_query(AgentsQuery, call.query)
        start = query.page * query.page_size
        return json_answer(self._found(query)[start : start + query.page_size])

    def show_page(self, call: Call) -> Answer:
        """GET /v1/agents/pages; a token is the number of the first agent of its page."""
        query = parse_query(AgentsQuery, call.query)
        found = self._found(query)
        end = query.page_token + query.page_size
        return json_answer(
            {
                "object": "list",
                "data": found[query.page_token : end],
                "next_page_token": str(end) if end < len(found) else None,
            }
        )

    def retrieve(self, call: Call) -> Answer:
        """GET /v1/agents/{agent_id}."""
        version = parse_query(VersionQuery, call.query).agent_version
        return json_answer(self._asked_for(call).as_json(version))

    def change(self, call: Call) -> Answer:
        """PATCH /v1/agents/{agent_id}."""
        changes = parse(AgentChanges, call.body)
        agent = self._asked_for(call)
        if changes.model is not None:
            find_model(changes.model, "chat")
        agent.change(changes, at=call.at_unix_seconds)
        return json_answer(agent.as_json())

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/agents/{agent_id}."""
        self._store.delete(call.path_params["agent_id"])
        return empty_answer()

    def switch_version(self, call: Call) -> Answer:
        """PATCH /v1/agents/{agent_id}/version."""
        agent = self._asked_for(call)
        agent.current = agent.number(parse_query(VersionQuery, call.query).version)
        agent.updated_at = call.at_unix_seconds
        return json_answer(agent.as_json())

    def show_versions(self, call: Call) -> Answer:
        """GET /v1/agents/{agent_id}/versions, the newest first."""
        agent = self._asked_for(call)
        query = parse_query(AgentsQuery, call.query)
        versions = [agent.as_json(number) for number in reversed(range(len(agent.versions)))]
        start = query.page * query.page_size
        return json_answer(versions[start : start + query.page_size])

    def retrieve_version(self, call: Call) -> Answer:
        """GET /v1/agents/{agent_id}/versions/{version}."""
        return json_answer(self._asked_for(call).as_json(call.path_params["version"]))

    def set_alias(self, call: Call) -> Answer:
        """PUT /v1/agents/{agent_id}/aliases."""
        agent = self._asked_for(call)
        query = parse_query(VersionQuery, call.query)
        at = call.at_unix_seconds
        before = agent.aliases.get(query.alias)
        created_at = at if before is None else before.created_at
        agent.aliases[query.alias] = Alias(agent.number(query.version), created_at, at)
        return json_answer(_alias(query.alias, agent))

    def show_aliases(self, call: Call) -> Answer:
        """GET /v1/agents/{agent_id}/aliases."""
        agent = self._asked_for(call)
        return json_answer([_alias(name, agent) for name in agent.aliases])

    def delete_alias(self, call: Call) -> Answer:
        """DELETE /v1/agents/{agent_id}/aliases."""
        agent = self._asked_for(call)
        name = parse_query(VersionQuery, call.query).alias
        if agent.aliases.pop(name, None) is None:
            raise not_found("Alias", name)
        return empty_answer()

    def _found(self, query: AgentsQuery) -> list[dict[str, Any]]:
        return [agent.as_json() for agent in self._store.newest_first() if query.admits(agent)]

    def _asked_for(self, call: Call) -> Agent:
        return self._store.get(call.path_params["agent_id"])


def _alias(name: str, agent: Agent) -> dict[str, Any]:
    alias = agent.aliases[name]
    return {
        "alias": name,
        "version": alias.version,
        "created_at": written(alias.created_at),
        "updated_at": written(alias.updated_at),
    }
