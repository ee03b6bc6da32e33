"""A refusal turned into words: problem+json (RFC 9457), or whatever a gateway says instead."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx

from tools.cli.errors import RefusedError, makes_job, same_job_advice

EXCERPT_CHARACTERS_MAX = 300
REQUEST_ID_HEADERS = ("x-request-id", "apigw-requestid", "x-amzn-requestid")
ADVICE = {
    400: "Correct the request and send it again.",
    401: "Check the key in RELAY_API_KEY or the settings file; it may have been revoked.",
    402: "Raise the budget, or wait for its next period.",
    403: "Use a key that has the scope: jobs:write to submit, jobs:read to look, or admin.",
    404: "Check the id and the key: what is another tenant's or long gone looks the same.",
    409: "Look at what is there now.",
    413: "Send less at once; the limit is 4 MiB a request unless the deployment says otherwise.",
    415: "Check that RELAY_API_URL is the address of Mistral Relay.",
    422: "Correct what is named above and send it again.",
}


def refusal(response: httpx.Response, *, api_key: str) -> RefusedError:
    """Return the error for an answer of 400 or above; ``api_key`` is struck out of its text."""
    problem = _json_object(response)
    status = response.status_code
    title = _text(problem, "title") or _reason(status)
    code = _text(problem, "code")
    headline = f"Refused: {title} ({status}{f' {code}' if code else ''})"
    lines = [line.replace(api_key, "[API key]") for line in _lines(response, problem)]
    return RefusedError(
        headline.replace(api_key, "[API key]"),
        lines=lines,
        advice=_advice(response),
        status_code=status,
    )


def _lines(response: httpx.Response, problem: dict[str, Any]) -> Iterator[str]:
    # API Gateway's own refusals are {"message": "..."}; some of its parts write it "Message".
    detail = (
        _text(problem, "detail") or _text(problem, "message") or _text(problem, "Message") or ""
    )
    if detail:
        yield detail
    elif not problem and response.text.strip():
        yield f"The answer is not JSON: {_excerpt(response.text)}"
    errors = problem.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            message = _text(error, "message") or "is not right"
            yield f"{_text(error, 'pointer') or '#'}: {message}"
    request_id = _text(problem, "request_id") or _header(response, REQUEST_ID_HEADERS)
    if request_id:
        yield f"Request id: {request_id}"


def _advice(response: httpx.Response) -> list[str]:
    status = response.status_code
    is_job = makes_job(str(response.request.url))
    key = response.request.headers.get("idempotency-key") if is_job else None
    after = response.headers.get("retry-after")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        when = f"in {after} s" if after and after.isdigit() else "in a moment"
        advice = f"Try again {when}; if it stays so, tell the operator the request id."
        return [advice, *same_job_advice(key)]
    if status == HTTPStatus.CONFLICT and after:
        return ["The same request is still being accepted.", *same_job_advice(key)]
    return [ADVICE.get(status, ADVICE[400])]


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        data = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def _header(response: httpx.Response, names: tuple[str, ...]) -> str | None:
    return next((response.headers[name] for name in names if name in response.headers), None)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    is_long = len(line) > EXCERPT_CHARACTERS_MAX
    return line[:EXCERPT_CHARACTERS_MAX] + ("..." if is_long else "")
