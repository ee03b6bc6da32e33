"""One plain address for the API: a reverse proxy to the local cloud.

The local cloud tells APIs apart by names below ``localhost``, which curl resolves and most other
clients do not.
Usage: ``python -m tools.local.front <port> <local cloud's address> <API's id>``.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tools.local.parts import LOOPBACK

TIMEOUT_SECONDS = 35.0  # an HTTP API waits 30 s at most
KEEP_ALIVE_SECONDS = 75  # longer than clients keep a connection that they may use again
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# They speak of one connection, and here there are two.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


def create_app(aws: str, api_id: str, transport: httpx.AsyncBaseTransport) -> Starlette:
    """Return the proxy to one API of the local cloud at *aws*.

    It takes a transport, not a client, which would add headers of its own and undo compression.
    """
    host = f"{api_id}.execute-api.localhost:{aws.rpartition(':')[2]}".encode()

    async def forward(request: Request) -> Response:
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        answer = await transport.handle_async_request(
            httpx.Request(
                request.method,
                httpx.URL(aws).copy_with(raw_path=path + b"?" + query if query else path),
                headers=[(b"host", host), *_end_to_end(request.headers.raw)],
                content=await request.body(),
                extensions={"timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()},
            )
        )
        try:
            body = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        response = Response(body, answer.status_code)
        response.raw_headers = _end_to_end(answer.headers.raw)
        return response

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with transport:
            yield

    return Starlette(routes=[Route("/{path:path}", forward, methods=METHODS)], lifespan=lifespan)


def _end_to_end(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    lowered = [(name.lower(), value) for name, value in headers]
    return [(name, value) for name, value in lowered if name not in HOP_BY_HOP]


def main() -> None:
    """Serve until told to end."""
    port, aws, api_id = sys.argv[1:]
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None))
    uvicorn.run(
        create_app(aws, api_id, transport),
        host=LOOPBACK,
        port=int(port),
        access_log=False,
        date_header=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
