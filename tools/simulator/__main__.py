"""Serve the simulator: ``python -m tools.simulator --port 8100``."""

import argparse
import ipaddress
from collections.abc import Sequence

from tools.simulator.app import create_app
from tools.simulator.serving import listen, server

PORT_MAX = 65_535


def _loopback(host: str) -> str:
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError(f"{host} is not a loopback address")
    return host


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"{port} is not a port")
    return port


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulator", description=__doc__)
    parser.add_argument("--port", type=_port, required=True, help="0 takes any free port")
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="loopback only")
    arguments = parser.parse_args(argv)

    with listen(arguments.host, arguments.port) as listening:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        print(f"Simulated Mistral on http://{shown}:{port}", flush=True)
        server(create_app()).run(sockets=[listening])


if __name__ == "__main__":
    main()
