"""One call and its answer: what passes between the gate and the endpoints.

An endpoint is a plain function of the call. It neither waits nor fails at random; the gate does
both, so that a batch can answer its lines with the very same functions.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any
from uuid import UUID

from tools.simulator.errors import RefusalError

ID_BYTES = 16
NO_CONTENT = 204
JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that got past the door; ``number`` counts them and makes the ids differ.

    ``query`` has a list for each name, as a name may be repeated. ``address`` is the simulator's
    own, as the client wrote it.
    """

    number: int
    at_unix_seconds: float
    body: bytes = b""
    path_params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    address: str = ""
    seed: int = 0

    def new_id(self) -> str:
        """Return the 32 hex digits that name this call's answer."""
        return blake2b(str(self.number).encode(), digest_size=ID_BYTES).hexdigest()

    def new_ids(self, kind: str) -> Iterator[str]:
        """Yield ids, each of 32 hex digits, for the things of one kind that this call makes."""
        for place in count():  # ends with whoever asks for no more
            parts = f"{self.seed}/{self.number}/{kind}/{place}"
            yield blake2b(parts.encode(), digest_size=ID_BYTES).hexdigest()

    def new_uuid(self, kind: str) -> str:
        """Return the id of the one thing of this kind that this call makes, as a UUID."""
        return str(UUID(next(self.new_ids(kind)), version=4))


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens an answer costs."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Tokens in and out."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """All that goes on the wire; a streamed body has an entry per event, a whole one has one.

    ``keep`` stores what the call made. It is called once the limits have let the answer pass, so
    that a call refused for its tokens leaves nothing behind.
    """

    status: int
    parts: tuple[bytes, ...]
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = Usage()
    keep: Callable[[], None] | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the parts are events."""
        return self.content_type == EVENTS_TYPE


type Endpoint = Callable[[Call], Answer]


def to_json(value: Any) -> bytes:
    """Return compact UTF-8.

    Half a surrogate pair, which JSON may smuggle in as an escape, becomes a question mark.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")


def json_answer(value: Any, usage: Usage | None = None) -> Answer:
    """Return 200 with this JSON."""
    return Answer(200, (to_json(value),), usage=usage or Usage())


def empty_answer() -> Answer:
    """Return 204, which has no body."""
    return Answer(NO_CONTENT, (b"",))


def refusal_answer(refusal: RefusalError) -> Answer:
    """Return the refusal as it goes on the wire."""
    return Answer(refusal.status, (to_json(refusal.body),), headers=refusal.headers)
