"""What the messages of a request say, weigh, and may not be."""

import re
from collections.abc import Sequence
from itertools import pairwise

from tools.simulator.errors import invalid_message_order, invalid_tool_call_id
from tools.simulator.schema import (
    AssistantMessage,
    ConversationFields,
    FunctionTool,
    Message,
    TextChunk,
    ToolMessage,
    UserMessage,
)
from tools.simulator.writing import count_tokens

TOKENS_PER_MESSAGE = 4  # the marks between turns
TOKENS_PER_ATTACHMENT = 256  # one flat price for an image, a file or a sound, whatever its size

_TOOL_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def message_text(message: Message) -> str:
    """Return the text of a message, its attachments left out."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(chunk.text for chunk in message.content if isinstance(chunk, TextChunk))


def question(messages: Sequence[Message]) -> str:
    """Return what the answer should be about: the last user's message and all that follows it."""
    texts: list[str] = []
    for message in reversed(messages):
        texts.append(message_text(message))
        if isinstance(message, UserMessage):
            break
    return "\n".join(reversed(texts))


def mentions(text: str, name: str) -> bool:
    """Say whether the name stands in the text as a word."""
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def prefix(messages: Sequence[Message]) -> str:
    """Return the beginning that the caller has written for the model."""
    last = messages[-1]
    return message_text(last) if isinstance(last, AssistantMessage) else ""


def prompt_tokens(request: ConversationFields) -> int:
    """Return what the prompt weighs, tools included."""
    return messages_tokens(request.messages) + sum(
        count_tokens(tool.model_dump_json())
        for tool in request.tools or ()
        if isinstance(tool, FunctionTool)
    )


def messages_tokens(messages: Sequence[Message]) -> int:
    """Return what the messages weigh."""
    return sum(
        TOKENS_PER_MESSAGE
        + count_tokens(message_text(message))
        + TOKENS_PER_ATTACHMENT * _attachments(message)
        for message in messages
    )


def check_messages(messages: Sequence[Message]) -> None:
    """Raise the 400 for roles in an order, or ids in a form, that Mistral refuses."""
    for message in messages:
        for tool_call_id in _tool_call_ids(message):
            if not _TOOL_CALL_ID.fullmatch(tool_call_id):
                raise invalid_tool_call_id(tool_call_id)
    for earlier, later in pairwise(messages):
        if isinstance(earlier, ToolMessage) and isinstance(later, UserMessage):
            raise invalid_message_order("Unexpected role 'user' after role 'tool'")
    last = messages[-1]
    begun = isinstance(last, AssistantMessage) and last.prefix
    if not (begun or isinstance(last, UserMessage | ToolMessage)):
        raise invalid_message_order(
            "Expected last role User or Tool (or Assistant with prefix True) for serving "
            f"but got {last.role}"
        )


def _tool_call_ids(message: Message) -> list[str]:
    if isinstance(message, ToolMessage):
        return [] if message.tool_call_id is None else [message.tool_call_id]
    if isinstance(message, AssistantMessage):
        return [call.id for call in message.tool_calls or () if call.id is not None]
    return []


def _attachments(message: Message) -> int:
    if message.content is None or isinstance(message.content, str):
        return 0
    return sum(chunk.type not in ("text", "thinking") for chunk in message.content)
