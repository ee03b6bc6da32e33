"""One local stack, from its start to its end. Runs in the foreground; `make up` detaches it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tools.local import parts
from tools.local.aws import client
from tools.local.deploy import Deployment, deploy
from tools.local.folder import BUILD, StackFile, held
from tools.local.function_logs import save_function_logs
from tools.local.greeting import greeting
from tools.local.parts import Addresses
from tools.local.processes import Part, Processes
from tools.local.seed import SIMULATED_MISTRAL_KEY, TENANT, put_mistral_key, seed_keys
from tools.local.verify import verify

REAL_MISTRAL = "https://api.mistral.ai"
SIMULATED_REQUESTS_PER_SECOND = "1000"
BUILD_SECONDS_MAX = 300.0
START_SECONDS_MAX = 30.0
LOOK_EVERY_SECONDS = 0.5
STDIN = 0


class StoppedError(Exception):
    """Someone asked the stack to end."""


type Say = Callable[[str], None]


def run(*, attached: bool) -> None:
    """Start the stack and hold it until it is told to end.

    An attached stack also ends when the process that started it, or its terminal, is gone.

    Raises:
        StoppedError: it was told to end, by Ctrl-C, a signal or a closed terminal.
        AlreadyRunningError: this folder has a stack already.
        PartError, DeployError, VerifyError: it did not start, or a part of it died.
    """
    still_wanted = _attachment() if attached else lambda: True
    with _stopped_by_signals(), held(), Processes() as processes:
        say = progress()
        started = _start(processes, say)
        started.file.write()
        print(greeting(started.file), flush=True)
        try:
            _hold(started.parts, still_wanted)
        finally:
            save_function_logs(started.deployment, started.file.aws_endpoint_url)


@dataclass(frozen=True, slots=True)
class _Started:
    """A stack that answers."""

    file: StackFile
    deployment: Deployment
    parts: list[Part]


def _start(processes: Processes, say: Say) -> _Started:
    real_key = os.environ.get("MISTRAL_API_KEY")
    addresses = Addresses(
        front=parts.address(parts.free_port(parts.FRONT_PORT)),
        aws=parts.address(parts.free_port(parts.AWS_PORT)),
        mistral=REAL_MISTRAL if real_key else parts.address(parts.free_port(parts.MISTRAL_PORT)),
    )
    # All at once: the build takes longest, and nothing but the deployment waits for it.
    build = processes.start("build", parts.build_command(), parts.build_environment())
    aws = processes.start("ministack", parts.aws_command(), parts.aws_environment(addresses.aws))
    running = [aws]
    if not real_key:
        running.append(_start_simulator(processes, addresses.mistral))
    aws.wait_for(f"{addresses.aws}/_ministack/health", seconds=START_SECONDS_MAX)
    say(f"local cloud at {addresses.aws}, Mistral at {addresses.mistral}")
    build.finish(seconds=BUILD_SECONDS_MAX)
    say("template built")
    deployment = deploy(
        addresses.aws,
        BUILD,
        parameters=_parameters(is_mistral_real=bool(real_key)),
        environment={"PUBLIC_API_URL": addresses.front, "MISTRAL_API_URL": addresses.mistral},
    )
    say("stack deployed")
    verify(deployment, addresses.aws)
    file = _seeded(deployment, addresses, real_key or SIMULATED_MISTRAL_KEY)
    front = processes.start(
        "front",
        parts.front_command(addresses.front, aws=addresses.aws, api_id=deployment.id_of("HttpApi")),
        os.environ,
    )
    running.append(front)
    front.wait_for(f"{addresses.front}/v1/health", seconds=START_SECONDS_MAX)
    say(f"API answers at {addresses.front}")
    return _Started(file, deployment, running)


def _parameters(*, is_mistral_real: bool) -> dict[str, str]:
    """Return the parameters that differ from the template's defaults.

    The simulated Mistral has limits of its own; the real one is not ours to be faster with.
    """
    faster = {} if is_mistral_real else {"MistralRequestsPerSecond": SIMULATED_REQUESTS_PER_SECOND}
    return {"DefaultSqsTenant": TENANT} | faster


def _start_simulator(processes: Processes, address: str) -> Part:
    simulator = processes.start("simulator", parts.mistral_command(address), os.environ)
    simulator.wait_for(f"{address}/_simulator/stats", seconds=START_SECONDS_MAX)
    return simulator


def _seeded(deployment: Deployment, addresses: Addresses, mistral_key: str) -> StackFile:
    """Fill the new stack with what its users need, and return what they must know."""
    table = deployment.id_of("Table")
    secrets = client("secretsmanager", addresses.aws)
    put_mistral_key(secrets, deployment.id_of("MistralApiKey"), mistral_key)
    keys = seed_keys(client("dynamodb", addresses.aws), table)
    return StackFile(
        api_url=addresses.front,
        stream_url=addresses.front,
        api_key=keys.api_key,
        admin_key=keys.admin_key,
        tenant_id=keys.tenant_id,
        submissions_queue_url=deployment.queue_url("SubmissionsQueue"),
        submissions_dlq_url=deployment.queue_url("SubmissionsDeadLetterQueue"),
        event_bus_name=deployment.id_of("EventBus"),
        table_name=table,
        aws_endpoint_url=addresses.aws,
        region=parts.REGION,
        mistral_url=addresses.mistral,
        console_url="",
    )


def _hold(running: list[Part], still_wanted: Callable[[], bool]) -> None:
    while still_wanted():
        for part in running:
            part.assert_alive()
        time.sleep(LOOK_EVERY_SECONDS)
    raise StoppedError("whoever started it is gone")


def _attachment() -> Callable[[], bool]:
    """Return what tells whether the starter and the terminal, if any, are still there.

    Signals would tell too, but make does not pass all of them on.
    """
    parent = os.getppid()
    terminal = os.isatty(STDIN)
    return lambda: os.getppid() == parent and os.isatty(STDIN) == terminal


def progress() -> Say:
    """Return a function that prints a line after the seconds since now."""
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", flush=True)

    return say


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Turn the first signal to end into a StoppedError; then let the end go on undisturbed."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, _: FrameType | None) -> None:
        for it in numbers:
            signal.signal(it, signal.SIG_IGN)
        raise StoppedError(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
