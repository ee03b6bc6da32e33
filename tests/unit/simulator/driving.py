"""How these tests drive the simulator: in process by ASGI, or on a port of this machine."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Self

import httpx

from tools.simulator.app import create_app
from tools.simulator.serving import listen, server
from tools.simulator.simulator import Simulator

CHAT = "/v1/chat/completions"
BEGINNING = 1_790_000_000.0
KEY = "a-key"
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}


class HandTurnedClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self._now = BEGINNING

    def __call__(self) -> float:
        return self._now

    def turn(self, seconds: float) -> None:
        self._now += seconds


class RecordedSleep:
    """Takes no time, and remembers how long each pause would have been."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Wire:
    """A client in the same process; every call runs to its end before it returns."""

    def __init__(self, simulator: Simulator, **options: Any) -> None:
        self.app = create_app(simulator, **options)
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://simulator.invalid",
            headers={"authorization": f"Bearer {KEY}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def post(self, path: str, body: object, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, json=body, **options))

    def send(self, path: str, content: bytes) -> httpx.Response:
        return self._runner.run(self._client.post(path, content=content))

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._client.get(path))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    def upload(self, content: bytes, name: str = "in.jsonl", **fields: Any) -> httpx.Response:
        data = {"purpose": "batch", **fields}
        return self.ask("POST", "/v1/files", files={"file": (name, content)}, data=data)

    def behave(self, **behaviour: Any) -> None:
        assert self.post("/_simulator/faults", behaviour).status_code == 200

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self.get("/_simulator/stats").json()
        return stats


@contextmanager
def served(simulator: Simulator) -> Iterator[str]:
    """Serve the simulator on a free port and give its address."""
    with listen("127.0.0.1", 0) as listening:
        running = server(create_app(simulator))
        thread = Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()


def chat(content: str = "Why do bees build hexagons?", **fields: Any) -> dict[str, Any]:
    """Return the body of a chat with one message."""
    messages = [{"role": "user", "content": content}]
    return {"model": "mistral-small-latest", "messages": messages, **fields}


def message_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the first choice's message."""
    assert answer.status_code == 200, answer.text
    message: dict[str, Any] = answer.json()["choices"][0]["message"]
    return message


def chunks_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream that ended as it should."""
    *events, done, nothing = answer.text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def text_of(chunks: list[dict[str, Any]], index: int = 0) -> str:
    """Return what the deltas of one choice add up to."""
    choices = [chunk["choices"][0] for chunk in chunks]
    return "".join(each["delta"].get("content", "") for each in choices if each["index"] == index)


def shape(value: object) -> object:
    """Return the keys and kinds of a JSON value; a list is as its first entry."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return type(value).__name__
