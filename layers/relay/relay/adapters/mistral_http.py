"""Mistral's API over HTTP."""

import asyncio
import re
from datetime import timedelta
from http import HTTPStatus

import httpx

from relay.domain.answer import Answer
from relay.domain.errors import MistralCallError
from relay.domain.job_error import ErrorCode
from relay.ports import Offload, Secret

CALLS_PER_CLIENT = 10
"""httpx scans a client's whole pool for each call, so many calls on one cost their square."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Ten answers of a batch must fit into the worker's memory at once, and be read as JSON."""
_HEADER_SAFE = re.compile(r"[!-~]+")
_USER_AGENT = "mistral-relay"


class HttpMistral:
    """Calls Mistral. Connections are kept from one invocation to the next."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        offload: Offload,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url
        self._key = key
        self._offload = offload
        self._transport = transport
        self._clients: list[httpx.AsyncClient] = []
        self._in_flight: list[int] = []

    async def call(self, path: str, body: bytes, *, time_limit: timedelta) -> Answer:
        """Post and read the whole answer, all within ``time_limit``."""
        key = await self._offload(self._key.text)
        if not _HEADER_SAFE.fullmatch(key):  # mistyped: no header could carry it
            self._key.forget()
            raise MistralCallError(ErrorCode.INVALID_API_KEY, "not a key")
        index = self._free_client()
        self._in_flight[index] += 1
        try:
            async with asyncio.timeout(time_limit.total_seconds()):
                answer = await _exchange(self._clients[index], path, body, key)
                if answer.status == HTTPStatus.UNAUTHORIZED:
                    replaced = await self._key_replacing(key)
                    if replaced is not None:
                        answer = await _exchange(self._clients[index], path, body, replaced)
                return answer
        except TimeoutError as error:
            raise MistralCallError(ErrorCode.TIMEOUT, "no answer in time") from error
        except httpx.TransportError as error:
            name = type(error).__name__
            raise MistralCallError(ErrorCode.CONNECTION_FAILED, name) from error
        except httpx.DecodingError as error:
            raise MistralCallError(ErrorCode.INVALID_RESPONSE, "not decodable") from error
        finally:
            self._in_flight[index] -= 1

    async def _key_replacing(self, refused: str) -> str | None:
        """Return the key that took the place of one that is refused, ``None`` if none did.

        A key is kept for minutes, so that each sandbox meets its replacement with a refusal.
        """
        self._key.forget()
        key: str = await self._offload(self._key.text)
        return key if key != refused and _HEADER_SAFE.fullmatch(key) else None

    def _free_client(self) -> int:
        """Return a client with room, a new one where there is none."""
        for index, calls in enumerate(self._in_flight):
            if calls < CALLS_PER_CLIENT:
                return index
        limits = httpx.Limits(
            max_connections=CALLS_PER_CLIENT, max_keepalive_connections=CALLS_PER_CLIENT
        )
        client = httpx.AsyncClient(
            base_url=self._base_url,
            timeout=None,  # noqa: S113 - asyncio's limit covers the whole call; httpx's do not
            limits=limits,
            trust_env=False,
            transport=self._transport,
            headers={"user-agent": _USER_AGENT, "accept": "application/json"},
        )
        self._clients.append(client)
        self._in_flight.append(0)
        return len(self._clients) - 1

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.aclose()
        self._clients.clear()
        self._in_flight.clear()


async def _exchange(client: httpx.AsyncClient, path: str, body: bytes, key: str) -> Answer:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    async with client.stream("POST", path, content=body, headers=headers) as response:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                text = f"Mistral's answer is larger than {ANSWER_BYTES_MAX // 2**20} MiB."
                raise MistralCallError(ErrorCode.INVALID_RESPONSE, text, is_final=True)
            parts.append(part)
    return Answer(status=response.status_code, headers=dict(response.headers), body=b"".join(parts))
