"""The paths under /v1/conversations."""

from typing import Annotated

from pydantic import Field

from tools.simulator.agent_store import AgentStore
from tools.simulator.call import Answer, Call, empty_answer, json_answer
from tools.simulator.conversation_events import streamed
from tools.simulator.conversation_schema import (
    AppendToConversation,
    Json,
    RestartConversation,
    StartConversation,
    TurnFields,
)
from tools.simulator.conversation_store import Conversation, ConversationStore
from tools.simulator.parsing import Query, parse, parse_query
from tools.simulator.turn import TurnTaken, take_turn

PAGE_SIZE_MAX = 1_000


class ConversationsQuery(Query):
    """Which page of the list."""

    page: Annotated[int, Field(ge=0)] = 0
    page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)] = 100


class Conversations:
    """The endpoints, around the conversations and the agents they may be had with."""

    def __init__(self, agents: AgentStore) -> None:
        self._agents = agents
        self._store = ConversationStore()

    def start(self, call: Call) -> Answer:
        """POST /v1/conversations."""
        start = parse(StartConversation, call.body)
        conversation = _new(call, start, [])
        return self._answer(call, conversation, start, is_new=True)

    def append(self, call: Call) -> Answer:
        """POST /v1/conversations/{conversation_id}."""
        turn = parse(AppendToConversation, call.body)
        return self._answer(call, self._asked_for(call), turn, is_new=False)

    def restart(self, call: Call) -> Answer:
        """POST /v1/conversations/{conversation_id}/restart: a new one, from an entry of the old."""
        turn = parse(RestartConversation, call.body)
        old = self._asked_for(call)
        kept = {
            name: getattr(turn, name)
            for name in ("agent_version", "guardrails", "metadata")
            if getattr(turn, name) is not None
        }
        start = StartConversation.model_validate({**dict(old.started_with), **kept})
        conversation = _new(call, start, old.until(turn.from_entry_id))
        return self._answer(call, conversation, turn, is_new=True)

    def show_all(self, call: Call) -> Answer:
        """GET /v1/conversations, a bare array."""
        query = parse_query(ConversationsQuery, call.query)
        start = query.page * query.page_size
        found = self._store.newest_first()[start : start + query.page_size]
        return json_answer([conversation.as_json() for conversation in found])

    def retrieve(self, call: Call) -> Answer:
        """GET /v1/conversations/{conversation_id}."""
        return json_answer(self._asked_for(call).as_json())

    def show_history(self, call: Call) -> Answer:
        """GET /v1/conversations/{conversation_id}/history."""
        conversation = self._asked_for(call)
        return json_answer(
            {
                "object": "conversation.history",
                "conversation_id": conversation.id,
                "entries": conversation.entries,
            }
        )

    def show_messages(self, call: Call) -> Answer:
        """GET /v1/conversations/{conversation_id}/messages."""
        conversation = self._asked_for(call)
        said = ("message.input", "message.output")
        return json_answer(
            {
                "object": "conversation.messages",
                "conversation_id": conversation.id,
                "messages": [entry for entry in conversation.entries if entry["type"] in said],
            }
        )

    def delete(self, call: Call) -> Answer:
        """DELETE /v1/conversations/{conversation_id}."""
        self._store.delete(call.path_params["conversation_id"])
        return empty_answer()

    def _asked_for(self, call: Call) -> Conversation:
        return self._store.get(call.path_params["conversation_id"])

    def _answer(
        self, call: Call, conversation: Conversation, turn: TurnFields, *, is_new: bool
    ) -> Answer:
        start = conversation.started_with
        taken = take_turn(call, start, turn, conversation.entries, self._agents)

        def keep() -> None:
            if not turn.store:
                return
            conversation.entries = [*conversation.entries, *taken.inputs, *taken.outputs]
            conversation.updated_at = call.at_unix_seconds
            if is_new:
                self._store.add(conversation)

        if turn.stream:
            answer = streamed(conversation.id, taken.outputs, taken.bill, taken.usage)
        else:
            answer = json_answer(_response(conversation.id, taken), taken.usage)
        return Answer(
            answer.status, answer.parts, answer.content_type, usage=answer.usage, keep=keep
        )


def _new(call: Call, start: StartConversation, entries: list[Json]) -> Conversation:
    at = call.at_unix_seconds
    return Conversation(f"conv_{next(call.new_ids('conversation'))}", start, at, at, entries)


def _response(conversation_id: str, taken: TurnTaken) -> Json:
    return {
        "object": "conversation.response",
        "conversation_id": conversation_id,
        "outputs": taken.outputs,
        "usage": taken.bill,
    }
