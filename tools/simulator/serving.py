"""How the simulator is served: by uvicorn, quietly, on a socket that the caller opened."""

import socket

import uvicorn
from starlette.types import ASGIApp

# A client's pooled connection must outlive its pauses: with uvicorn's 5 s the client now and then
# writes into a connection that is just being closed, a fault nobody asked for.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


def server(app: ASGIApp) -> uvicorn.Server:
    """Return a quiet server of the application, to be run on a listening socket."""
    config = uvicorn.Config(
        app,
        # Anything below critical would log an error for each connection cut on purpose.
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,  # calls that hang on purpose do not hold up Ctrl-C
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Not socket.create_server: asyncio turns Nagle's algorithm off only where the protocol is
    # named, and with it on each answer of two writes waits 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(BACKLOG)
    return listening
