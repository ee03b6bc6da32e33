"""The native API: one address to begin with, and from there the links that it gives.

Source: the service's own description, ``GET /openapi.json``.
"""

import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from tools.cli.calls import IDEMPOTENCY_KEY, Call, Caller
from tools.cli.errors import RefusedError, UnreachableError
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.refusals import refusal
from tools.cli.settings import Settings

HOLD_SECONDS_MAX = 25  # the most that `Prefer: wait` may ask for


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A job, the link to ask for it again, and the pause the service asked for, if any."""

    job: JobView
    link: str
    retry_after_seconds: float | None


class RelayClient:
    """Shows the API key to the API alone; use as a context manager."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._caller = Caller(settings, machine)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._caller.close()

    def submit(self, body: bytes, *, idempotency_key: str, hold_seconds: int = 0) -> Answer:
        """Make a job of ``body``, which is the JSON that the API takes.

        By its key the service knows a repetition, so that a lost connection is tried again.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer; the job may exist.
        """
        headers = {"Content-Type": "application/json", IDEMPOTENCY_KEY: idempotency_key}
        call = Call(
            method="POST",
            url=f"{self._settings.api_url}/v1/jobs",
            headers=self._with_key(headers, hold_seconds),
            body=body,
            hold_seconds=hold_seconds,
        )
        return self._job_in(self._caller.send(call))

    def find(self, job_id: str, *, hold_seconds: int = 0, until: float | None = None) -> Answer:
        """Return a job by its id: the one address that is built, for an id comes without link."""
        link = f"{self._settings.api_url}/v1/jobs/{job_id}"
        return self.ask(link, hold_seconds=hold_seconds, until=until)

    def ask(self, link: str, *, hold_seconds: int = 0, until: float | None = None) -> Answer:
        """Return the job at its own link, held until its end or for ``hold_seconds``.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer, also after a few attempts before ``until``.
        """
        if not self._settings.is_at(link):
            raise UnreachableError(
                f"The service's link leads away from {self._settings.api_url}, to {link}",
                advice=["If that is the API's host, set RELAY_API_URL to it. No key was sent."],
            )
        headers = self._with_key({}, hold_seconds)
        call = Call(method="GET", url=link, headers=headers, hold_seconds=hold_seconds, until=until)
        return self._job_in(self._caller.send(call))

    def result(self, link: str) -> Any:
        """Return a result too large for its job; the link is the permission, so no key is sent.

        Raises:
            RefusedError: The link is no longer good.
            UnreachableError: There was no answer, or one that is not JSON.
        """
        response = self._caller.send(Call(method="GET", url=link, headers={}))
        if not response.is_success:
            raise RefusedError(
                f"The result's link was refused ({response.status_code}); it is good for a while.",
                advice=["Look at the job again: every look makes a new link."],
            )
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise UnreachableError("What is behind the result's link is not JSON.") from error

    def _with_key(self, headers: dict[str, str], hold_seconds: int) -> dict[str, str]:
        prefer = {"Prefer": f"wait={hold_seconds}"} if hold_seconds else {}
        return {**headers, **prefer, "Authorization": f"Bearer {self._settings.api_key}"}

    def _job_in(self, response: httpx.Response) -> Answer:
        if response.is_error:
            raise refusal(response, api_key=self._settings.api_key)
        if not response.is_success:
            raise self._stranger(f"it answered {response.status_code}")
        try:
            job = JobView.read(json.loads(response.content))
            given = (job and job.self_url) or response.headers.get("location", "")
            link = urljoin(str(response.request.url), given)  # without either, the same again
        except (ValueError, RecursionError) as error:
            raise self._stranger("its answer cannot be read") from error
        if job is None:
            raise self._stranger("its answer is not a job")
        pause = self._caller.retry_after_seconds(response)
        return Answer(job=job, link=link, retry_after_seconds=pause)

    def _stranger(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"What is at {self._settings.api_url} does not seem to be Mistral Relay: {why}.",
            advice=[f"Check the address, which came from {self._settings.source}."],
        )
