"""Moderations and classifications, of texts and of chats.

A moderation flags a category when the text contains one of its words, so that a test can have
any category it wants; every other score is a low one.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from tools.simulator.call import Answer, Call, Usage, json_answer
from tools.simulator.errors import invalid_model
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.prompts import message_text, messages_tokens
from tools.simulator.schema import Closed, Messages
from tools.simulator.writing import count_tokens, dice

CATEGORIES = {
    "sexual": ("sexual",),
    "hate_and_discrimination": ("hate", "discrimination"),
    "violence_and_threats": ("violence", "threat", "threats"),
    "dangerous": ("dangerous",),
    "criminal": ("criminal",),
    "selfharm": ("selfharm",),
    "health": ("health",),
    "financial": ("financial",),
    "law": ("law",),
    "pii": ("pii",),
    "jailbreaking": ("jailbreaking",),
}
FINE_TUNED = "ft:"  # the only classifiers there are; each has this one target with these labels
TARGET = "intent"
LABELS = ("question", "request", "complaint")
FLAGGED_FROM = 0.5

_WORD = re.compile(r"[a-z]+")

type Results = list[dict[str, Any]]


class TextsRequest(Closed):
    """One text or several."""

    model: str
    input: str | list[str]
    metadata: dict[str, Any] | None = None

    def texts(self) -> list[str]:
        """Return the texts as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


class ModeratedChat(Closed):
    """One conversation or several."""

    model: str
    input: Messages | Annotated[list[Messages], Field(min_length=1)]


class ChatInstructions(Closed):
    """A conversation to classify."""

    messages: Messages


class ClassifiedChat(Closed):
    """One conversation or several, each in an object of its own."""

    model: str
    input: ChatInstructions | Annotated[list[ChatInstructions], Field(min_length=1)]
    metadata: dict[str, Any] | None = None


def moderate(call: Call) -> Answer:
    """POST /v1/moderations."""
    request = parse(TextsRequest, call.body)
    find_model(request.model, "moderation")
    return _answer(call, request.model, request.texts(), _moderation)


def moderate_chat(call: Call) -> Answer:
    """POST /v1/chat/moderations."""
    request = parse(ModeratedChat, call.body)
    find_model(request.model, "moderation")
    return _answer_chats(call, request.model, _conversations(request.input), _moderation)


def classify(call: Call) -> Answer:
    """POST /v1/classifications."""
    request = parse(TextsRequest, call.body)
    _check_classifier(request.model)
    return _answer(call, request.model, request.texts(), _classification)


def classify_chat(call: Call) -> Answer:
    """POST /v1/chat/classifications."""
    request = parse(ClassifiedChat, call.body)
    _check_classifier(request.model)
    inputs = request.input if isinstance(request.input, list) else [request.input]
    chats = [each.messages for each in inputs]
    return _answer_chats(call, request.model, chats, _classification)


def _conversations(given: Messages | list[Messages]) -> list[Messages]:
    messages = [each for each in given if not isinstance(each, list)]
    return [messages] if messages else [each for each in given if isinstance(each, list)]


def _check_classifier(model: str) -> None:
    if not model.startswith(FINE_TUNED):
        raise invalid_model(model)


def _answer_chats(
    call: Call, model: str, chats: list[Messages], judge: Callable[[str, str], dict[str, Any]]
) -> Answer:
    results = [judge(model, message_text(chat[-1])) for chat in chats]
    usage = Usage(prompt_tokens=sum(messages_tokens(chat) for chat in chats))
    return json_answer({"id": call.new_id(), "model": model, "results": results}, usage)


def _answer(
    call: Call, model: str, texts: list[str], judge: Callable[[str, str], dict[str, Any]]
) -> Answer:
    results = [judge(model, text) for text in texts]
    usage = Usage(prompt_tokens=sum(count_tokens(text) for text in texts))
    return json_answer({"id": call.new_id(), "model": model, "results": results}, usage)


def _moderation(model: str, text: str) -> dict[str, Any]:
    words = set(_WORD.findall(text.lower()))
    rolls = dice(model, text)
    scores = {
        category: round(rolls.uniform(0.9, 1) if words & set(marks) else rolls.uniform(0, 0.1), 6)
        for category, marks in CATEGORIES.items()
    }
    flags = {category: score >= FLAGGED_FROM for category, score in scores.items()}
    return {"categories": flags, "category_scores": scores}


def _classification(model: str, text: str) -> dict[str, Any]:
    rolls = dice(model, text)
    weights = [rolls.uniform(0.01, 1) for _ in LABELS]
    scores = {label: weight / sum(weights) for label, weight in zip(LABELS, weights, strict=True)}
    return {TARGET: {"scores": scores}}
