"""Checks of a deployment over HTTP alone: that it answers, and what a key of it may do."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from tools.cli.calls import Call, Caller
from tools.cli.errors import UnreachableError
from tools.cli.findings import Finding, State
from tools.cli.machine import Machine
from tools.cli.settings import Settings
from tools.cli.version import version

CLOCK_WARNING_SECONDS = 30
CLOCK_FAILED_SECONDS = 300  # beyond this AWS refuses what is signed, and subscribers our webhooks
NO_JOB = "job_00000000000000000000000000"
PROBES = (
    ("read jobs", "GET", "/v1/jobs?limit=1"),
    ("submit jobs", "POST", f"/v1/jobs/{NO_JOB}/cancel"),
    ("manage its tenant's keys", "GET", "/v1/api_keys?limit=1"),
    ("manage tenants and senders", "GET", "/v1/tenants?limit=1"),
)
"""What a key may do, and a request that tells and changes nothing."""
AGAIN = "Try again in a moment; if it stays so, see the API's log."


def check_api(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Ask for a sign of life; its answer also tells the version and the time."""
    caller = Caller(settings, machine)
    try:
        response = caller.send(Call(method="GET", url=f"{settings.api_url}/v1/health", headers={}))
    except UnreachableError as error:
        yield Finding.of("API", error)
        return
    finally:
        caller.close()
    if (deployed := _version_in(response)) is None:
        yield _no_relay(settings, response)
        return
    yield Finding(check="API", state=State.OK, text=f"It answers at {settings.api_url}.")
    yield _about_version(deployed)
    yield _about_clock(response.headers.get("date", ""), machine)


def check_key(settings: Settings, machine: Machine, name: str) -> Finding:
    """Find out what a key may do."""
    caller = Caller(settings, machine)
    allowed = []
    try:
        for act, method, path in PROBES:
            headers = {"Authorization": f"Bearer {settings.api_key}"}
            url = f"{settings.api_url}{path}"
            response = caller.send(Call(method=method, url=url, headers=headers))
            if response.status_code == HTTPStatus.UNAUTHORIZED:
                return _refused(settings, name)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                text = f"The API answered {response.status_code}."
                return Finding(check=name, state=State.FAILED, text=text, advice=AGAIN)
            if response.status_code != HTTPStatus.FORBIDDEN:
                allowed.append(act)
    except UnreachableError as error:
        return Finding.of(name, error)
    finally:
        caller.close()
    if not allowed:
        text = f"The key from {settings.source} is known, but may neither submit nor read jobs."
        advice = "Make another with: relay keys create"
        return Finding(check=name, state=State.WARNING, text=text, advice=advice)
    text = f"The key from {settings.source} is accepted. It may {', '.join(allowed)}."
    return Finding(check=name, state=State.OK, text=text)


def _version_in(response: httpx.Response) -> str | None:
    try:
        data = response.json()
    except ValueError:
        return None
    if not (response.is_success and isinstance(data, dict)):
        return None
    return str(data["version"]) if data.get("status") == "ok" and "version" in data else None


def _no_relay(settings: Settings, response: httpx.Response) -> Finding:
    advice = f"Check the address, which came from {settings.source}. {AGAIN}"
    text = f"{settings.api_url}/v1/health answered {response.status_code}, not as the API does."
    return Finding(check="API", state=State.FAILED, text=text, advice=advice)


def _about_version(deployed: str) -> Finding:
    ours = version()
    if deployed == ours:
        return Finding(check="version", state=State.OK, text=f"Both are {ours}.")
    text = f"The deployment is {deployed}, this command line {ours}."
    advice = "Deploy the same version, or install that of the deployment."
    return Finding(check="version", state=State.WARNING, text=text, advice=advice)


def _about_clock(date: str, machine: Machine) -> Finding:
    try:
        seconds = (machine.now() - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        text = "The API's answer tells no time."
        return Finding(check="clock", state=State.CANNOT_TELL, text=text)
    apart = abs(seconds)
    if apart < CLOCK_WARNING_SECONDS:
        return Finding(check="clock", state=State.OK, text="This machine and the API agree.")
    side = "ahead of" if seconds > 0 else "behind"
    state = State.FAILED if apart >= CLOCK_FAILED_SECONDS else State.WARNING
    text = f"This machine's clock is {apart:.0f} s {side} the API's."
    return Finding(check="clock", state=state, text=text, advice="Set this machine's clock.")


def _refused(settings: Settings, name: str) -> Finding:
    text = f"The key from {settings.source} is refused: it is unknown, mistyped or revoked."
    advice = "Run relay init again, or have another made with: relay keys create"
    return Finding(check=name, state=State.FAILED, text=text, advice=advice)
