"""What is refused is refused clearly, in the API's own format, and stores nothing."""

import httpx
import pytest

from tests.e2e.conftest import Stack
from tests.e2e.test_webhooks import row_count

GOOD = {"body": {"messages": [{"role": "user", "content": "Hi"}]}}


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "unreadable_request"),
        (b'{"body": {"messages": []}}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "wizard"}]}}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "user"}], "stream": true}}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "user"}], "temperature": 3}}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "user"}], "max_tokens": 0}}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "user"}], "tools": [{}]}}', 422, "invalid_request"),
        (b'{"body": {}, "lane": "express"}', 422, "invalid_request"),
        (b'{"body": {"messages": [{"role": "user"}]}, "surprise": 1}', 422, "invalid_request"),
    ],
)
def test_a_submission_that_cannot_be_right_is_refused_before_it_is_stored(
    stack: Stack, content: bytes, status: int, code: str
) -> None:
    rows = row_count(stack)

    answer = stack.api.post(
        "/v1/jobs", content=content, headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert row_count(stack) == rows


def test_too_large_and_of_another_type_are_refused(stack: Stack) -> None:
    large = stack.api.post(
        "/v1/jobs",
        content=b'{"body": "' + b"x" * (4 * 1024 * 1024) + b'"}',
        headers={"content-type": "application/json"},
    )
    xml = stack.api.post("/v1/jobs", content=b"<a/>", headers={"content-type": "text/xml"})

    assert (large.status_code, xml.status_code) == (413, 415)


def test_a_wrong_key_is_401_with_a_challenge_and_no_key_is_401(stack: Stack) -> None:
    wrong = httpx.get(
        f"{stack.facts['api_url']}/v1/jobs/job_01ARYZ6S410000000000000000",
        headers={"authorization": "Bearer mrl_live_wrong"},
    )
    none = httpx.post(f"{stack.facts['api_url']}/v1/jobs", json=GOOD)

    assert wrong.status_code == none.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Bearer")


def test_unknown_jobs_paths_and_methods_are_told_apart(stack: Stack) -> None:
    unknown = stack.api.get("/v1/jobs/job_01ARYZ6S410000000000000000")
    nonsense = stack.api.get("/v1/jobs/nonsense")
    path = stack.api.get("/v1/nothing")
    method = stack.api.put("/v1/jobs", json=GOOD)

    assert [a.status_code for a in (unknown, nonsense, path, method)] == [404, 404, 404, 405]
    assert unknown.json()["detail"] == nonsense.json()["detail"]
    assert method.headers["allow"] == "GET, POST"


def test_health_and_description_need_no_key(stack: Stack) -> None:
    health = httpx.get(f"{stack.facts['api_url']}/v1/health")
    description = httpx.get(f"{stack.facts['api_url']}/openapi.json")

    assert health.json()["status"] == "ok"
    assert "/v1/jobs" in description.json()["paths"]
