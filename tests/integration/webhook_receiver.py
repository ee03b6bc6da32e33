"""A receiver of webhooks on loopback, which reads a request and then behaves as told."""

import asyncio
import re
import ssl
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Respond = Callable[[StreamWriter, asyncio.Event], Awaitable[None]]
"""Answers on the writer; the event is set when the receiver is about to stop."""


class Receiver:
    def __init__(self, respond: Respond) -> None:
        self.requests: list[bytes] = []
        self.port = 0
        self._respond = respond
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                yield
            finally:
                self._stopping.set()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(ConnectionError, IncompleteReadError, ssl.SSLError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            self.requests.append(head + await reader.readexactly(int(length[1])))
            await self._respond(writer, self._stopping)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def answering(response: bytes) -> Respond:
    async def respond(writer: StreamWriter, _stopping: asyncio.Event) -> None:
        writer.write(response)
        await writer.drain()

    return respond


def hanging_after(response: bytes) -> Respond:
    async def respond(writer: StreamWriter, stopping: asyncio.Event) -> None:
        writer.write(response)
        await writer.drain()
        await stopping.wait()

    return respond
