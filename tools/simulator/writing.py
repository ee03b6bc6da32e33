"""Texts that look like a model's, and are a function of the prompt and the seed alone."""

import json
import random
import re
from hashlib import blake2b
from typing import Any

CHARACTERS_PER_TOKEN = 4  # the usual rule of thumb for English; exactness would gain nobody
TOKENS_USUAL_MIN = 24
TOKENS_USUAL_MAX = 64
TOKENS_LONG = 600
TOKENS_MAX = 4_096
TOKENS_PER_WORD = 1.5
TOPIC_CHARACTERS_SEARCHED = 2_000
TOPICS_MAX = 12

_ASKS_FOR_LENGTH = re.compile(
    r"\b(long|lengthy|detailed|essay|story|thorough|exhaustive|article)\b", re.IGNORECASE
)
_ASKS_FOR_WORDS = re.compile(r"\b(\d{2,5})[ -]words?\b", re.IGNORECASE)
_TOPIC = re.compile(r"[^\W\d_]{4,24}")
_EVERYDAY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "about after again also answer because been before being brief briefly could does explain "
        "from give have help here into just like make many more most much need only other please "
        "should some tell than that their them then there these they this those very want "
        "what when where which while will with word words would write your",
    )
)
_OPENINGS = (
    "In short, {a} comes down to {b}.",
    "The main thing about {a} is how it meets {b}.",
    "There are two sides to {a}: the idea itself and {b}.",
    "People who work with {a} usually start from {b}.",
    "A good way into {a} is to look at {b} first.",
)
_SENTENCES = (
    "It helps to keep {a} apart from {b} at first.",
    "In practice {a} changes slowly, and {b} follows.",
    "Most of the trouble with {a} begins where {b} is taken for granted.",
    "Small steps work better here than one large change to {a}.",
    "Compare {a} before and after, and the part of {b} becomes plain.",
    "Nobody has measured {a} without finding some trace of {b}.",
    "The cost of {a} is low as long as {b} stays simple.",
    "If {b} is uncertain, treat {a} as an estimate.",
    "Experience says that {a} rewards patience.",
    "What holds for {a} holds for {b} with few exceptions.",
    "A short test of {a} tells more than a long debate about {b}.",
    "That is why {a} and {b} are so often named together.",
)
_CODE_LINES = (
    "    {a} = [item for item in {b} if item]",
    "    if not {a}:\n        return {b}",
    "    for index, value in enumerate({a}):\n        {b} += index * value",
    "    {a}.append(len({b}))",
    "    {b} = sorted({a}, reverse=True)",
    "    return {a}",
)


def count_tokens(text: str) -> int:
    """Return the tokens of a text, a quarter of its characters rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def dice(*parts: object) -> random.Random:
    """Return a generator that these parts alone decide, the same in each process."""
    digest = blake2b(json.dumps(parts, default=str).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))  # noqa: S311 - repeatable on purpose


def cut(text: str, *, stop: str | list[str] | None, tokens_max: int | None) -> tuple[str, str]:
    """Return what is left of the text, and the finish reason.

    A stop text goes first and is not part of the answer; only then do the tokens run out.
    """
    stops = [stop] if isinstance(stop, str) else stop or []
    places = [text.find(mark) for mark in stops if mark and mark in text]
    text = text[: min(places)] if places else text
    if tokens_max is None or count_tokens(text) <= tokens_max:
        return text, "stop"
    return text[: tokens_max * CHARACTERS_PER_TOKEN], "length"


def compose(prompt: str, rolls: random.Random) -> str:
    """Return prose about the prompt, of the length it asks for within ``TOKENS_MAX``."""
    topics = _topics(prompt) or ["the question", "its context"]
    wanted = _tokens_wanted(prompt, rolls)
    sentences = [_fill(rolls.choice(_OPENINGS), topics, rolls)]
    characters = len(sentences[0])
    while characters < wanted * CHARACTERS_PER_TOKEN:  # each turn adds a sentence
        sentences.append(_fill(rolls.choice(_SENTENCES), topics, rolls))
        characters += len(sentences[-1]) + 1
    return " ".join(sentences)


def compose_code(prompt: str, rolls: random.Random) -> str:
    """Return a few lines that could stand between a prefix and a suffix of Python."""
    names = [*(name.lower() for name in _topics(prompt)), "items", "result"]
    lines = [_fill(rolls.choice(_CODE_LINES), names, rolls) for _ in range(rolls.randint(2, 5))]
    return "\n".join(lines)


def compose_json(prompt: str, rolls: random.Random) -> dict[str, Any]:
    """Return an object for a caller who wants JSON and names no schema."""
    return {
        "answer": compose(prompt, rolls),
        "topics": _topics(prompt)[:3],
        "confidence": round(rolls.uniform(0.5, 1), 2),
    }


def _fill(template: str, topics: list[str], rolls: random.Random) -> str:
    first, second = rolls.sample(topics, 2) if len(topics) > 1 else (topics[0], "its context")
    return template.format(a=first, b=second)


def _topics(prompt: str) -> list[str]:
    words = _TOPIC.findall(prompt[-TOPIC_CHARACTERS_SEARCHED:])
    kept = [word for word in words if word.lower() not in _EVERYDAY_WORDS]
    return list(dict.fromkeys(kept))[:TOPICS_MAX]


def _tokens_wanted(prompt: str, rolls: random.Random) -> int:
    usual = rolls.randint(TOKENS_USUAL_MIN, TOKENS_USUAL_MAX)
    if words := _ASKS_FOR_WORDS.search(prompt):
        return min(TOKENS_MAX, int(int(words[1]) * TOKENS_PER_WORD))
    return TOKENS_LONG if _ASKS_FOR_LENGTH.search(prompt) else usual
