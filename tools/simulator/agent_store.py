"""The agents of one simulator, each with all its versions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tools.simulator.agent_schema import AgentChanges, AgentFields
from tools.simulator.errors import not_found
from tools.simulator.moments import written
from tools.simulator.prompts import mentions


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for a version; times are Unix seconds."""

    version: int
    created_at: float
    updated_at: float


@dataclass(slots=True)
class Agent:
    """One agent. Versions are never changed, and ``current`` is the one in use."""

    id: str
    created_at: float
    updated_at: float
    versions: list[AgentFields]
    current: int = 0
    deployment_chat: bool = False
    aliases: dict[str, Alias] = field(default_factory=dict)

    @property
    def in_use(self) -> AgentFields:
        """The version in use."""
        return self.versions[self.current]

    def number(self, version: str | int | None) -> int:
        """Return the number of a version by its number or alias, or raise the 404."""
        if version is None:
            return self.current
        if str(version) in self.aliases:
            return self.aliases[str(version)].version
        if str(version).isdecimal() and int(version) < len(self.versions):
            return int(version)
        raise not_found("Agent version", f"{self.id}/{version}")

    def change(self, changes: AgentChanges, *, at: float) -> None:
        """Make a new version and put it in use."""
        changed = changes.model_dump(exclude_unset=True, by_alias=True)
        self.deployment_chat = bool(changed.pop("deployment_chat", self.deployment_chat))
        kept = self.in_use.model_dump(exclude_unset=True, by_alias=True)
        # What is set to null goes back to what it is without being set.
        merged = {name: part for name, part in {**kept, **changed}.items() if part is not None}
        self.versions.append(AgentFields.model_validate(merged))
        self.current = len(self.versions) - 1
        self.updated_at = at

    def as_json(self, version: str | int | None = None) -> dict[str, Any]:
        """Return a version of the agent, by default the one in use, as it is on the wire."""
        number = self.number(version)
        fields = self.versions[number]
        sent = fields.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return {
            "object": "agent",
            "id": self.id,
            "version": number,
            "versions": list(range(len(self.versions))),
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
            "deployment_chat": self.deployment_chat,
            "source": "api",
            "version_message": fields.version_message,
            "model": fields.model,
            "name": fields.name,
            "description": fields.description,
            "instructions": fields.instructions,
            "tools": sent.get("tools", []),
            "completion_args": sent.get("completion_args", {}),
            "guardrails": sent.get("guardrails"),
            "handoffs": fields.handoffs,
            "metadata": fields.metadata,
        }


class AgentStore:
    """Finds agents by id."""

    def __init__(self) -> None:
        self._agents: dict[str, Agent] = {}

    def add(self, agent: Agent) -> None:
        """Keep an agent."""
        self._agents[agent.id] = agent

    def get(self, agent_id: str) -> Agent:
        """Return the agent, or raise the 404."""
        if agent_id not in self._agents:
            raise not_found("Agent", agent_id)
        return self._agents[agent_id]

    def named(self, agent_ids: Iterable[str], text: str) -> Agent | None:
        """Return the first of these agents whose id or name stands in the text."""
        for agent in (self._agents[each] for each in agent_ids if each in self._agents):
            if mentions(text, agent.id) or mentions(text, agent.in_use.name):
                return agent
        return None

    def delete(self, agent_id: str) -> None:
        """Forget the agent, or raise the 404."""
        self.get(agent_id)
        del self._agents[agent_id]

    def newest_first(self) -> list[Agent]:
        """Return all agents."""
        return list(reversed(self._agents.values()))
