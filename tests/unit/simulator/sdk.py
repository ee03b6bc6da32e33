"""Mistral's own SDK, blocking and not, behind one way of calling it; what came back is kept."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2
from mistralai.client import Mistral

from tests.unit.simulator.driving import KEY, HandTurnedClock
from tools.simulator.simulator import Simulator


@dataclass(frozen=True)
class Stage:
    """A simulator that is served, and what turns its clock."""

    url: str
    simulator: Simulator
    clock: HandTurnedClock


class Sdk(Protocol):
    """Calls a method by its dotted name and returns its answer, a stream as a list of events."""

    received: list[httpx2.Response]

    def __call__(self, method: str, **arguments: Any) -> Any: ...


class BlockingSdk:
    def __init__(self, url: str) -> None:
        self.received: list[httpx2.Response] = []
        self._http = httpx2.Client(event_hooks={"response": [self._keep]})
        self._client = Mistral(api_key=KEY, server_url=url, client=self._http)

    def __call__(self, method: str, **arguments: Any) -> Any:
        answer = _found(self._client, method)(**arguments)
        if not hasattr(answer, "__enter__"):
            return answer
        with answer as stream:
            return list(stream)

    def close(self) -> None:
        self._http.close()

    def _keep(self, response: httpx2.Response) -> None:
        response.read()
        self.received.append(response)


class AsyncSdk:
    def __init__(self, url: str) -> None:
        self.received: list[httpx2.Response] = []
        self._runner = asyncio.Runner()
        self._http = httpx2.AsyncClient(event_hooks={"response": [self._keep]})
        self._client = Mistral(api_key=KEY, server_url=url, async_client=self._http)

    def __call__(self, method: str, **arguments: Any) -> Any:
        return self._runner.run(self._call(f"{method}_async", arguments))

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()

    async def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        answer = await _found(self._client, method)(**arguments)
        if not hasattr(answer, "__aenter__"):
            return answer
        async with answer as stream:
            return [event async for event in stream]

    async def _keep(self, response: httpx2.Response) -> None:
        await response.aread()
        self.received.append(response)


@contextmanager
def sdk_of(kind: str, url: str) -> Iterator[Sdk]:
    """Give an SDK of the kind, blocking or async."""
    sdk = BlockingSdk(url) if kind == "blocking" else AsyncSdk(url)
    try:
        yield sdk
    finally:
        sdk.close()


def _found(client: Mistral, method: str) -> Any:
    found: Any = client
    for name in method.split("."):
        found = getattr(found, name)
    return found
