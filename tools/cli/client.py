"""The native API: one address to begin with, and from there the links that it gives.

Source: the service's own description, ``GET /openapi.json``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode, urljoin

import httpx

from tools.cli.calls import IDEMPOTENCY_KEY, Call, Caller
from tools.cli.errors import RefusedError, UnreachableError
from tools.cli.job_view import JobView
from tools.cli.machine import Machine
from tools.cli.refusals import refusal
from tools.cli.settings import Settings

HOLD_SECONDS_MAX = 25  # the most that `Prefer: wait` may ask for
PAGE_SIZE_MAX = 100  # the most that a list gives at once


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A job, the link to ask for it again, and the pause the service asked for, if any."""

    job: JobView
    link: str
    retry_after_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Made:
    """Something new, or what an earlier request under the same key had made."""

    data: dict[str, Any]
    is_replay: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list. ``cursor`` is where it goes on, also where it has not grown so far yet."""

    data: list[dict[str, Any]]
    has_more: bool
    cursor: str | None


class RelayClient:
    """Shows the API key to the API alone; use as a context manager."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self._settings = settings
        self._caller = Caller(settings, machine)
        self.heard_at: datetime | None = None
        """The service's own clock, as its last answer told it."""

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

    def act_on(
        self, job_id: str, act: str, *, idempotency_key: str | None = None, hold_seconds: int = 0
    ) -> Answer:
        """Cancel or rerun a job by its id, and return the job that this is about afterwards.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer; it may be done.
        """
        headers = {IDEMPOTENCY_KEY: idempotency_key} if idempotency_key else {}
        call = Call(
            method="POST",
            url=f"{self._settings.api_url}/v1/jobs/{job_id}/{act}",
            headers=self._with_key(headers, hold_seconds),
            hold_seconds=hold_seconds,
        )
        return self._job_in(self._caller.send(call))

    def each(
        self, path: str, parameters: Mapping[str, str], *, limit: int
    ) -> Iterator[dict[str, Any]]:
        """Yield what is in a list, following its cursors, and one more than ``limit`` if there is.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer, or one that is not a list.
        """
        left = limit + 1
        asked = dict(parameters)
        while left > 0:  # ends with the list, else with what is left of the limit
            asked["limit"] = str(min(left, PAGE_SIZE_MAX))
            page = self.page(path, asked)
            yield from page.data[:left]
            left -= len(page.data)
            if not page.has_more or page.cursor is None:
                return
            asked["cursor"] = page.cursor

    def page(self, path: str, parameters: Mapping[str, str], *, hold_seconds: int = 0) -> Page:
        """Return one page of a list, held where ``parameters`` say so.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer, or one that is not a list.
        """
        url = f"{self._settings.api_url}{path}?{urlencode(parameters)}"
        headers = self._with_key({}, 0)
        call = Call(method="GET", url=url, headers=headers, hold_seconds=hold_seconds)
        page = self._object_in(self._caller.send(call))
        data, cursor = page.get("data"), page.get("next_cursor")
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            raise self._stranger("its answer is not a list")
        return Page(
            data=data,
            has_more=bool(page.get("has_more")),
            cursor=cursor if isinstance(cursor, str) else None,
        )

    def get(self, path: str) -> dict[str, Any]:
        """Return what is at a path and is not a job.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer.
        """
        url = f"{self._settings.api_url}{path}"
        call = Call(method="GET", url=url, headers=self._with_key({}, 0))
        return self._object_in(self._caller.send(call))

    def change(self, path: str, body: bytes) -> dict[str, Any]:
        """Change what is at a path, and return it as it is then.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer; it may be changed.
        """
        url = f"{self._settings.api_url}{path}"
        headers = self._with_key({"Content-Type": "application/json"}, 0)
        call = Call(method="PATCH", url=url, headers=headers, body=body)
        return self._object_in(self._caller.send(call))

    def make(self, path: str, body: bytes, *, idempotency_key: str) -> Made:
        """Make something other than a job, or have something done.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer; it may be made.
        """
        headers = {"Content-Type": "application/json", IDEMPOTENCY_KEY: idempotency_key}
        url = f"{self._settings.api_url}{path}"
        call = Call(method="POST", url=url, headers=self._with_key(headers, 0), body=body)
        response = self._caller.send(call)
        is_replay = response.headers.get("idempotent-replayed") == "true"
        return Made(data=self._object_in(response), is_replay=is_replay)

    def delete(self, path: str, parameters: Mapping[str, str] | None = None) -> None:
        """Delete what is at a path; a second time does no harm.

        Raises:
            RefusedError: The service said no.
            UnreachableError: There was no answer; it may be deleted.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        url = f"{self._settings.api_url}{path}{query}"
        response = self._caller.send(Call(method="DELETE", url=url, headers=self._with_key({}, 0)))
        if response.is_error:
            raise refusal(response, api_key=self._settings.api_key)
        if response.status_code != HTTPStatus.NO_CONTENT:
            raise self._stranger(f"it answered {response.status_code}")

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
        job = JobView.read(self._json_in(response))
        if job is None:
            raise self._stranger("its answer is not a job")
        given = job.self_url or response.headers.get("location", "")
        try:
            link = urljoin(str(response.request.url), given)  # without either, the same again
        except ValueError as error:
            raise self._stranger("its answer cannot be read") from error
        pause = self._caller.retry_after_seconds(response)
        return Answer(job=job, link=link, retry_after_seconds=pause)

    def _object_in(self, response: httpx.Response) -> dict[str, Any]:
        data = self._json_in(response)
        if not isinstance(data, dict):
            raise self._stranger("its answer is not an object")
        return data

    def _json_in(self, response: httpx.Response) -> Any:
        self.heard_at = _date_of(response) or self.heard_at
        if response.is_error:
            raise refusal(response, api_key=self._settings.api_key)
        if not response.is_success:
            raise self._stranger(f"it answered {response.status_code}")
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._stranger("its answer cannot be read") from error

    def _stranger(self, why: str) -> UnreachableError:
        return UnreachableError(
            f"What is at {self._settings.api_url} does not seem to be Mistral Relay: {why}.",
            advice=[f"Check the address, which came from {self._settings.source}."],
        )


def _date_of(response: httpx.Response) -> datetime | None:
    try:
        at = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):  # absent or unreadable
        return None
    return at if at.tzinfo else None
