"""The programs that make up the stack: how each is started, and with what environment."""

import os
import socket
import sys
from dataclasses import dataclass

from tools.local.folder import BUILD, BUILD_CACHE, RECORDED_CALLS, REPOSITORY, SCRATCH
from tools.recording.sitecustomize import FILE_VARIABLE

LOOPBACK = "127.0.0.1"
REGION = "eu-west-1"
SAM = REPOSITORY / ".tools/sam/bin/sam"
MINISTACK_PYTHON = REPOSITORY / ".tools/ministack/bin/python"
RECORDING = REPOSITORY / "tools/recording"
RECORDING_VARIABLE = "RELAY_RECORD_CALLS"
"""Set to 1 it has the functions write down what each of their calls needs of IAM."""
# Where each part is found if nobody else is there, so that addresses stay the same from run to run.
FRONT_PORT = 8720
MISTRAL_PORT = 8721
AWS_PORT = 8722


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the parts listen."""

    front: str
    aws: str
    mistral: str


def free_port(preferred: int) -> int:
    """Return the preferred port, or any free one if it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def address(port: int) -> str:
    """Return the address of a part that listens on *port*."""
    return f"http://{LOOPBACK}:{port}"


def port_of(url: str) -> str:
    """Return the port of an address made here."""
    return url.rpartition(":")[2]


def build_command() -> list[str]:
    """Build the template for this machine. SAM builds anew only what has changed."""
    folders = ["--build-dir", str(BUILD), "--cache-dir", str(BUILD_CACHE)]
    return [str(SAM), "build", "--cached", "--parallel", *folders]


def build_environment() -> dict[str, str]:
    """Return the caller's environment, without what his own make may have put there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return environment | {
        "RELAY_BUILD_FOR_HOST": "1",
        "RELAY_PYTHON": sys.executable,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(SAM.parents[1]),
    }


def aws_command() -> list[str]:
    """Run the local cloud by its own Python, which also runs the functions."""
    return [str(MINISTACK_PYTHON), "-m", "ministack.app"]


def aws_environment(url: str) -> dict[str, str]:
    """Return a clean environment: the functions inherit all of it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(SCRATCH),
        "TMPDIR": str(SCRATCH),
        "STATE_DIR": str(SCRATCH),
        "S3_DATA_DIR": str(SCRATCH),
        "LANG": "C.UTF-8",
        "GATEWAY_PORT": port_of(url),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",  # functions have the rights of their own roles, and no others
        "IOT_MTLS_ENABLED": "0",  # would listen on all interfaces
    } | _recording()


def _recording() -> dict[str, str]:
    """Return what makes the functions record their calls, if that is asked for."""
    if os.environ.get(RECORDING_VARIABLE) != "1":
        return {}
    RECORDED_CALLS.touch()  # so that it is seen where nothing was recorded
    return {"PYTHONPATH": str(RECORDING), FILE_VARIABLE: str(RECORDED_CALLS)}


def mistral_command(url: str) -> list[str]:
    """Simulate Mistral."""
    return [sys.executable, "-m", "tools.simulator", "--port", port_of(url)]


def front_command(url: str, *, aws: str, api_id: str) -> list[str]:
    """Serve the API at one plain address."""
    return [sys.executable, "-m", "tools.local.front", port_of(url), aws, api_id]
