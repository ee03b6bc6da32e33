"""What the API refuses, and that nothing comes of what it refuses."""

import base64
import json
from typing import Any

import pytest

from functions.api.routes import ROUTES
from relay.domain.errors import UnavailableError
from relay.domain.ids import TenantId
from tests.fakes.examples import OTHER_TENANT, a_job, a_job_id
from tests.fakes.trouble import Trouble
from tests.unit.functions.api_on_fakes import HELLO, REQUEST_BYTES_MAX, Api, HttpAnswer
from tests.unit.functions.sample_events import ALL_SCOPES, http_event


def refused(api: Api, answer: HttpAnswer, status: int, code: str) -> dict[str, Any]:
    """Return the problem, having looked at what is the same in all of them."""
    problem = answer.problem
    assert answer.status == status
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:mistral-relay:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers["cache-control"] == "no-store"
    assert api.has_taken_nothing
    return problem


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="half an object"),
        pytest.param('{"body": {"x": "\\ud800"}}', id="half a character"),
        pytest.param("[" * 1000, id="too deep"),
    ],
)
def test_what_is_not_json_is_400(body: str) -> None:
    api = Api()

    refused(api, api.submit(body), 400, "unreadable_request")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("A", id="cut short"),
        pytest.param("é", id="not of its alphabet"),
        pytest.param("{}", id="plain JSON"),
        pytest.param(base64.b64encode(b'{"a": "\xff"}').decode(), id="not UTF-8"),
    ],
)
def test_what_is_not_utf_8_in_base_64_though_it_says_so_is_400(body: str) -> None:
    api = Api()

    refused(api, api.submit(body, is_base64=True), 400, "unreadable_request")


def test_half_a_character_in_the_event_itself_is_400() -> None:
    api = Api()

    refused(api, api.submit('{"body": "\ud800"}'), 400, "unreadable_request")


@pytest.mark.parametrize("route", [route.key for route in ROUTES if route.scope])
def test_whoever_the_authorizer_did_not_know_is_401(route: str) -> None:
    api = Api()

    answer = api.ask(route, a_job_id(), tenant_id=None)

    refused(api, answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="mistral-relay"'


def test_a_request_that_never_passed_the_authorizer_is_401() -> None:
    api = Api()
    event = http_event("GET /v1/webhook_secret", path="/v1/webhook_secret")
    del event["requestContext"]["authorizer"]

    refused(api, api.handle(event), 401, "unauthorized")


def test_a_key_without_any_scope_is_401() -> None:
    api = Api()

    refused(api, api.submit(scopes=""), 401, "unauthorized")


@pytest.mark.parametrize(
    ("route", "needed"),
    [
        ("POST /v1/jobs", "jobs:write"),
        ("GET /v1/jobs", "jobs:read"),
        ("GET /v1/jobs/{job_id}", "jobs:read"),
        ("DELETE /v1/jobs/{job_id}", "jobs:write"),
        ("POST /v1/jobs/{job_id}/cancel", "jobs:write"),
        ("POST /v1/jobs/{job_id}/rerun", "jobs:write"),
        ("GET /v1/webhook_secret", "webhooks:write"),
    ],
)
def test_a_key_without_the_scope_of_a_route_is_403(route: str, needed: str) -> None:
    api = Api()
    scopes = " ".join(scope for scope in ALL_SCOPES.split() if scope != needed)
    event = http_event(route, path="/", scopes=scopes)

    problem = refused(api, api.handle(event), 403, "missing_scope")

    assert needed in problem["detail"]


def test_an_admin_key_may_do_everything() -> None:
    api = Api()

    job_id = api.submit(scopes="admin").json["id"]

    assert api.get(job_id, scopes="admin").status == 200
    assert api.ask("GET /v1/webhook_secret", scopes="admin").status == 200


@pytest.mark.parametrize(
    "job_id",
    [
        pytest.param(a_job_id(2), id="unknown"),
        pytest.param("job_1", id="too short"),
        pytest.param("", id="empty"),
        pytest.param("evt_01M7YZMHG00000000000000001", id="another kind"),
        pytest.param("job_../../../../etc/passwd", id="a path"),
        pytest.param("job_01M7YZMHG00000000000000001\n", id="with a line feed"),
        pytest.param("job_01M7YZMHG0000000000000000é", id="not ASCII"),
    ],
)
def test_a_job_that_is_not_there_is_404(job_id: str) -> None:
    api = Api()

    problem = refused(api, api.get(job_id), 404, "not_found")

    assert problem["detail"] == "There is no such job."


def test_another_tenant_s_job_answers_just_as_an_unknown_one() -> None:
    api = Api()
    api.jobs.submit(a_job(tenant_id=OTHER_TENANT))

    others = api.get(a_job_id())
    unknown = api.get(a_job_id(2))
    malformed = api.get("job_x")

    assert others.status == unknown.status == malformed.status == 404
    assert others.headers == unknown.headers == malformed.headers
    assert others.problem == unknown.problem == malformed.problem


def test_a_job_whose_time_is_over_is_404_though_its_row_is_still_there() -> None:
    api = Api()
    job = a_job()
    api.jobs.submit(job)
    api.clock.at = job.purge_at

    assert api.get(job.id).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/jobs", "GET, POST"),
        ("POST", "/v1/jobs/job_1", "DELETE, GET"),
        ("PUT", f"/v1/jobs/{a_job_id()}", "DELETE, GET"),
        ("GET", f"/v1/jobs/{a_job_id()}/cancel", "POST"),
        ("DELETE", f"/v1/jobs/{a_job_id()}/rerun", "POST"),
        ("PUT", "/v1/webhook_secret", "GET"),
        ("POST", "/v1/health", "GET"),
        ("POST", "/openapi.json", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_is_right(
    method: str, path: str, allowed: str
) -> None:
    api = Api()

    answer = api.ask_anything(method, path)

    problem = refused(api, answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert allowed.replace(", ", " and ") in problem["detail"]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/jobs/", "/v1/jobs/a/b", "/v2/jobs", "/v1/jobsx", "/openapiXjson"]
)
def test_a_path_that_is_none_of_ours_is_404_whatever_the_method(path: str) -> None:
    api = Api()

    for method in ("GET", "POST", "DELETE"):
        refused(api, api.ask_anything(method, path), 404, "not_found")


def test_a_body_above_the_limit_is_413_and_one_at_the_limit_is_not() -> None:
    api = Api()
    small = json.dumps({**HELLO, "metadata": {}})
    exact = small + " " * (REQUEST_BYTES_MAX - len(small))

    problem = refused(api, api.submit(exact + " "), 413, "request_too_large")

    assert str(REQUEST_BYTES_MAX) in problem["detail"]
    assert api.submit(exact).status == 202


def test_the_limit_counts_bytes_and_not_characters() -> None:
    api = Api()
    body = {"body": {"messages": [{"role": "user", "content": "é" * (REQUEST_BYTES_MAX // 2)}]}}

    answer = api.submit(json.dumps(body, ensure_ascii=False))

    refused(api, answer, 413, "request_too_large")


def test_the_limit_counts_what_base_64_stands_for() -> None:
    api = Api()
    small = json.dumps(HELLO).encode()
    exact = small + b" " * (REQUEST_BYTES_MAX - len(small))

    answer = api.submit(base64.b64encode(exact + b" ").decode(), is_base64=True)

    refused(api, answer, 413, "request_too_large")
    assert api.submit(base64.b64encode(exact).decode(), is_base64=True).status == 202


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415(content_type: str) -> None:
    api = Api()

    answer = api.submit(headers={"content-type": content_type})

    problem = refused(api, answer, 415, "unsupported_media_type")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize(
    ("job", "pointers"),
    [
        pytest.param({}, ["#/body"], id="no body"),
        pytest.param([], ["#"], id="a list"),
        pytest.param({"body": []}, ["#/body"], id="a body that is a list"),
        pytest.param({"body": {}}, ["#/body/messages"], id="no messages"),
        pytest.param({"body": {"messages": []}}, ["#/body/messages"], id="no message"),
        pytest.param(
            {"body": {"messages": [{"role": "user"}, {"role": "robot"}]}},
            ["#/body/messages/1/role"],
            id="an unknown role",
        ),
        pytest.param(
            {"body": HELLO["body"] | {"stream": True}}, ["#/body/stream"], id="a stream in the body"
        ),
        pytest.param(
            {"body": HELLO["body"] | {"temperature": 2.1, "max_tokens": 0}},
            ["#/body/temperature", "#/body/max_tokens"],
            id="numbers out of their range",
        ),
        pytest.param(
            {"body": HELLO["body"] | {"tools": [{"type": "function", "function": {}}]}},
            ["#/body/tools/0/function/name"],
            id="a tool without a name",
        ),
        pytest.param({**HELLO, "lane": "batch"}, ["#/lane"], id="a lane that is not offered"),
        pytest.param({**HELLO, "stream": True}, ["#/stream"], id="a stream"),
        pytest.param(
            {**HELLO, "endpoint": "/v1/conversations"}, ["#/endpoint"], id="an unknown endpoint"
        ),
        pytest.param({**HELLO, "nonsense": 1}, ["#/nonsense"], id="an unknown field"),
        pytest.param(
            {**HELLO, "fallback_models": ["m"] * 6}, ["#/fallback_models"], id="6 fallback models"
        ),
        pytest.param({**HELLO, "attempts_max": 0}, ["#/attempts_max"], id="no attempt"),
        pytest.param(
            {**HELLO, "timeout_seconds": 601}, ["#/timeout_seconds"], id="too long an attempt"
        ),
        pytest.param(
            {**HELLO, "deadline": "2026-11-21T12:00:00Z"}, ["#/deadline"], id="a deadline now"
        ),
        pytest.param(
            {**HELLO, "deadline": "2026-11-28T12:00:00.001Z"}, ["#/deadline"], id="too far ahead"
        ),
        pytest.param(
            {**HELLO, "deadline": "2026-11-22T12:00:00"}, ["#/deadline"], id="without a zone"
        ),
        pytest.param(
            {**HELLO, "metadata": {str(n): "" for n in range(17)}}, ["#/metadata"], id="17 entries"
        ),
        pytest.param({**HELLO, "metadata": {"a": "x" * 513}}, ["#/metadata/a"], id="a long entry"),
        pytest.param({**HELLO, "metadata": {"a/b": 1}}, ["#/metadata/a~1b"], id="an escaped name"),
        pytest.param(
            {**HELLO, "callback_url": "http://example.com/"}, ["#/callback_url"], id="no TLS"
        ),
        pytest.param(
            {**HELLO, "callback_url": "https://169.254.169.254/"},
            ["#/callback_url"],
            id="the metadata service",
        ),
        pytest.param(
            {**HELLO, "callback": {"url": "http://127.0.0.1:8080/"}},
            ["#/callback/url"],
            id="this machine",
        ),
        pytest.param(
            {
                **HELLO,
                "callback_url": "https://example.com/",
                "callback": {"url": "https://example.com/"},
            },
            ["#"],
            id="two callbacks",
        ),
    ],
)
def test_what_cannot_be_right_is_422_and_the_pointers_say_where(
    job: Any, pointers: list[str]
) -> None:
    api = Api()

    problem = refused(api, api.submit(json.dumps(job)), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert all(error["message"] for error in problem["errors"])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    api = Api()

    answer = api.submit({"body": {"stream": True}, "deadline": "2020-01-01T00:00:00Z"})

    problem = refused(api, answer, 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == [
        "#/body/messages",
        "#/body/stream",
        "#/deadline",
    ]


@pytest.mark.parametrize("call", ["wheel.put", "jobs.submit"])
def test_an_outage_before_anything_was_kept_is_503_with_retry_after(call: str) -> None:
    api = Api(Trouble(call, UnavailableError("canary")))

    answer = api.submit()

    refused(api, answer, 503, "service_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "canary" not in answer.text


def test_an_outage_of_the_queue_is_503_since_nothing_would_run_the_job() -> None:
    api = Api(Trouble("jobs.send"))

    answer = api.submit()

    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    assert not api.queue.messages


def test_an_outage_that_hides_a_write_is_503_and_queues_nothing() -> None:
    api = Api(Trouble("jobs.submit", is_after=True))

    answer = api.submit()

    assert answer.status == 503
    assert not api.queue.messages


def test_an_outage_while_reading_is_503() -> None:
    api = Api(Trouble("jobs.get"))

    answer = api.get(a_job_id())

    refused(api, answer, 503, "service_unavailable")
    assert answer.headers["retry-after"] == "5"


def test_an_outage_of_the_secret_s_store_is_503() -> None:
    api = Api(Trouble("secrets.get"))

    refused(api, api.ask("GET /v1/webhook_secret"), 503, "service_unavailable")


def test_a_defect_is_500_and_tells_only_the_log_where_it_is() -> None:
    api = Api(Trouble("jobs.submit", RuntimeError("canary: the text of somebody's exception")))

    answer = api.submit()

    refused(api, answer, 500, "internal_error")
    (line,) = api.log.named("request.answered")
    assert "canary" not in answer.text
    assert "canary" not in api.log.text
    assert line["level"] == "ERROR"
    assert line["error_type"] == "RuntimeError"
    assert "before" in line["error_at"]
    assert line["request_id"] == answer.json["request_id"]


def test_the_client_is_told_the_gateway_s_id_of_its_request() -> None:
    answer = Api().get("job_x")

    assert answer.json["request_id"] == "JKJaXmPLvHcESHA="


@pytest.mark.parametrize("tenant_id", [None, TenantId("")])
def test_a_refusal_is_logged_with_its_status(tenant_id: TenantId | None) -> None:
    api = Api()

    api.submit(tenant_id=tenant_id)

    (line,) = api.log.named("request.answered")
    assert line["api_status_code"] == 401
    assert line["level"] == "INFO"
