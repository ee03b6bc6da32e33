"""What the worker sends is what Mistral's own SDK sends, but for the differences listed here."""

import asyncio
import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from relay.adapters.mistral_http import HttpMistral
from relay.domain.endpoints import Endpoint
from tests.fakes.offloading import offload
from tests.fakes.secret import FakeSecret
from tests.flows.one_job import run_one_job

CAPTURES_FOLDER = Path(__file__).parents[1] / "unit" / "simulator" / "fixtures" / "captures"
CAPTURES: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted(CAPTURES_FOLDER.glob("*.json"))
}
TO_THE_WORKERS_ENDPOINTS = {
    name: capture for name, capture in CAPTURES.items() if capture["path"] in set(Endpoint)
}
STREAMED = {
    name for name, it in TO_THE_WORKERS_ENDPOINTS.items() if it["request"]["body"].get("stream")
}
SENT = sorted(TO_THE_WORKERS_ENDPOINTS.keys() - STREAMED)

NOT_CAPTURED = {Endpoint.CHAT_CLASSIFICATIONS}
"""The SDK itself is asked for these; see the last test."""

# Every difference there may be, and why. All other headers, and the whole body, are the same.
HEADERS_THAT_DIFFER = {
    "user-agent": "we are not the SDK, and Mistral shall see who calls",
    "authorization": "the key differs; the form, Bearer and one space, does not",
}
FIELDS_LEFT_OUT = {
    "stream": (
        False,
        "the SDK writes Mistral's default out; whether a job streams is the job's own affair",
    ),
}
CHUNK_REFUSED = "/body/messages/0/content/3/file_id"
"""In ``chat.complete.vision``: a file kept at Mistral, which no tenant may name."""


class RecordingMistral:
    """Answers each request in one way and keeps it."""

    def __init__(self, answer: object) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self.adapter = HttpMistral(
            "https://mistral.invalid",
            FakeSecret("a-mistral-key"),
            offload,
            httpx.MockTransport(self._respond),
        )

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json=self._answer)

    @property
    def request(self) -> httpx.Request:
        (request,) = self.requests
        return request


def headers_of(request: httpx.Request | httpx2.Request) -> dict[str, str]:
    """Return the headers, but for those that follow from the address and the body."""
    following = {"host": request.url.netloc.decode(), "content-length": str(len(request.content))}
    headers = dict(request.headers.items())
    assert headers.items() >= following.items()
    return {name: value for name, value in headers.items() if name not in following}


def differences(captured: dict[str, Any], request: httpx.Request) -> dict[str, Any]:
    """Return every header and field in which a request is not what the SDK sent."""
    ours = {"headers": headers_of(request), "body": json.loads(request.content)}
    return {
        f"{part} {name}": (captured[part].get(name), ours[part].get(name))
        for part in ("headers", "body")
        for name in captured[part].keys() | ours[part].keys()
        if captured[part].get(name, ...) != ours[part].get(name, ...)
    }


def explained() -> set[str]:
    return {f"headers {name}" for name in HEADERS_THAT_DIFFER}


def as_a_job_takes_it(body: dict[str, Any]) -> dict[str, Any]:
    """Return the SDK's body without the fields that a job's body must leave out."""
    for name, (value, _) in FIELDS_LEFT_OUT.items():
        assert body.get(name, value) == value, f"{name} is no default"
    return {name: value for name, value in body.items() if name not in FIELDS_LEFT_OUT}


@pytest.mark.parametrize("name", SENT)
def test_the_adapter_sends_what_the_sdk_sends(name: str) -> None:
    capture = TO_THE_WORKERS_ENDPOINTS[name]
    mistral = RecordingMistral({})
    body = json.dumps(capture["request"]["body"], separators=(",", ":")).encode()

    asyncio.run(mistral.adapter.call(capture["path"], body, time_limit=timedelta(seconds=30)))

    assert (mistral.request.method, mistral.request.url.path) == (
        capture["method"],
        capture["path"],
    )
    assert differences(capture["request"], mistral.request).keys() == explained()
    assert mistral.request.headers["authorization"] == "Bearer a-mistral-key"
    assert mistral.request.headers["user-agent"] == "mistral-relay"


@pytest.mark.parametrize("name", SENT)
def test_a_job_of_what_the_sdk_sends_makes_the_worker_send_the_same(name: str) -> None:
    capture = deepcopy(TO_THE_WORKERS_ENDPOINTS[name])
    captured = {**capture["request"], "body": as_a_job_takes_it(capture["request"]["body"])}
    if name == "chat.complete.vision":
        del captured["body"]["messages"][0]["content"][3]
    answer = {**capture["answer"], "model": "a-model"}
    if "tool_choice" in captured["body"] and captured["body"]["tool_choice"] != "none":
        answer["choices"][0]["message"]["tool_calls"] = [{"id": "1", "function": {}}]
    mistral = RecordingMistral(answer)

    job = run_one_job(mistral.adapter, capture["path"], captured["body"])

    assert job.json["status"] == "completed", job.text
    assert (mistral.request.method, mistral.request.url.path) == (
        capture["method"],
        capture["path"],
    )
    assert differences(captured, mistral.request).keys() == explained()


@pytest.mark.parametrize("name", sorted(STREAMED))
def test_what_the_sdk_streams_is_refused_as_long_as_there_are_no_streams(name: str) -> None:
    capture = TO_THE_WORKERS_ENDPOINTS[name]
    mistral = RecordingMistral({})

    refused = run_one_job(mistral.adapter, capture["path"], capture["request"]["body"])

    assert refused.status == 422
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/body/stream"]
    assert mistral.requests == []


def test_the_one_part_of_a_captured_body_that_a_job_may_not_have_is_named_to_the_client() -> None:
    capture = TO_THE_WORKERS_ENDPOINTS["chat.complete.vision"]
    mistral = RecordingMistral({})

    body = as_a_job_takes_it(capture["request"]["body"])
    refused = run_one_job(mistral.adapter, capture["path"], body)

    assert refused.status == 422
    assert [error["pointer"] for error in refused.json["errors"]] == [f"#{CHUNK_REFUSED}"]


def test_every_endpoint_of_the_worker_is_captured_or_named_here() -> None:
    captured = {capture["path"] for capture in TO_THE_WORKERS_ENDPOINTS.values()}

    assert set(Endpoint) - captured == NOT_CAPTURED
    assert all("request" in capture for capture in TO_THE_WORKERS_ENDPOINTS.values())
    assert len(SENT) + len(STREAMED) == len(TO_THE_WORKERS_ENDPOINTS)


def test_chats_are_classified_by_the_request_that_the_sdk_makes() -> None:
    sent: list[httpx2.Request] = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(400)

    chats: Any = [{"messages": [{"role": "user", "content": "Hi"}]}]
    with httpx2.Client(transport=httpx2.MockTransport(respond)) as http, pytest.raises(SDKError):
        Mistral(api_key="a-key", client=http).classifiers.classify_chat(
            model="ft:classifier:1", input=chats
        )
    (theirs,) = sent
    captured = {"headers": headers_of(theirs), "body": json.loads(theirs.content)}
    mistral = RecordingMistral({"results": []})

    job = run_one_job(mistral.adapter, theirs.url.path, captured["body"])

    assert job.json["status"] == "completed", job.text
    assert mistral.request.url.path == theirs.url.path == Endpoint.CHAT_CLASSIFICATIONS
    assert differences(captured, mistral.request).keys() == explained()
