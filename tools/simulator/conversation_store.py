"""The conversations of one simulator."""

from dataclasses import dataclass, field

from tools.simulator.conversation_schema import Json, StartConversation
from tools.simulator.errors import not_found
from tools.simulator.moments import written


@dataclass(slots=True)
class Conversation:
    """One conversation: how it was started, and the entries since; times are Unix seconds."""

    id: str
    started_with: StartConversation
    created_at: float
    updated_at: float
    entries: list[Json] = field(default_factory=list)

    def until(self, entry_id: str) -> list[Json]:
        """Return the entries up to this one and with it, or raise the 404."""
        for place, entry in enumerate(self.entries, start=1):
            if entry["id"] == entry_id:
                return self.entries[:place]
        raise not_found("Entry", entry_id)

    def as_json(self) -> Json:
        """Return the conversation as it is described on the wire."""
        head = {
            "object": "conversation",
            "id": self.id,
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
        }
        start = self.started_with
        extra = {} if start.metadata is None else {"metadata": start.metadata}
        if start.agent_id is not None:
            return {**head, "agent_id": start.agent_id, **extra}
        sent = start.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return {
            **head,
            "model": start.model,
            "name": start.name,
            "description": start.description,
            "instructions": start.instructions,
            "tools": sent.get("tools") or [],
            "completion_args": sent.get("completion_args") or {},
            **extra,
        }


class ConversationStore:
    """Finds conversations by id."""

    def __init__(self) -> None:
        self._conversations: dict[str, Conversation] = {}

    def add(self, conversation: Conversation) -> None:
        """Keep a conversation."""
        self._conversations[conversation.id] = conversation

    def get(self, conversation_id: str) -> Conversation:
        """Return the conversation, or raise the 404."""
        if conversation_id not in self._conversations:
            raise not_found("Conversation", conversation_id)
        return self._conversations[conversation_id]

    def delete(self, conversation_id: str) -> None:
        """Forget the conversation, or raise the 404."""
        self.get(conversation_id)
        del self._conversations[conversation_id]

    def newest_first(self) -> list[Conversation]:
        """Return all conversations."""
        return list(reversed(self._conversations.values()))
