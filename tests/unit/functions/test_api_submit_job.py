"""``POST /v1/jobs``: what is taken in, and how."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from relay.domain.content import Place
from relay.domain.endpoints import Endpoint
from relay.domain.job import Callback, JobStatus
from relay.domain.job_request import BodyDefaults
from relay.domain.messages import job_message
from relay.domain.moments import to_iso
from tests.fakes.clock import NOON
from tests.fakes.examples import TENANT
from tests.unit.functions.api_on_fakes import HELLO, Api
from tests.unit.functions.sample_events import sample

HOST = "abcdefghij.execute-api.eu-west-1.amazonaws.com"


def sent_to_mistral(api: Api) -> Any:
    (job,) = api.jobs.all()
    return json.loads(api.contents.get(job, job.request))


def test_an_accepted_job_has_exactly_the_shape_of_the_contract() -> None:
    api = Api()

    answer = api.submit({**HELLO, "metadata": {"order": "4711"}})

    (job,) = api.jobs.all()
    assert answer.status == 202
    assert answer.json == {
        "id": job.id,
        "object": "job",
        "status": "queued",
        "status_reason": None,
        "endpoint": "/v1/chat/completions",
        "model": "mistral-small-latest",
        "model_used": None,
        "lane": "live",
        "stream": False,
        "created_at": "2026-11-21T12:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "next_attempt_at": None,
        "deadline": "2026-11-22T12:00:00.000Z",
        "purge_at": "2026-12-21T12:00:00.000Z",
        "attempts": 0,
        "attempts_max": 5,
        "output_text": None,
        "tool_calls": None,
        "result": None,
        "result_url": None,
        "error": None,
        "usage": None,
        "cost": None,
        "required_action": None,
        "metadata": {"order": "4711"},
        "callback_url": None,
        "rerun_of": None,
        "batch_id": None,
        "submission": {"source": "http", "message_id": None, "idempotency_key": None},
        "urls": {
            "self": f"https://{HOST}/v1/jobs/{job.id}",
            "cancel": f"https://{HOST}/v1/jobs/{job.id}/cancel",
            "stream": None,
        },
    }


def test_the_answer_says_where_the_job_is_and_is_kept_by_nobody() -> None:
    answer = Api().submit()

    assert answer.headers["location"] == answer.json["urls"]["self"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def test_links_start_with_the_public_address_where_there_is_one() -> None:
    answer = Api(public_url="https://relay.example.com").submit()

    job_id = answer.json["id"]
    assert answer.headers["location"] == f"https://relay.example.com/v1/jobs/{job_id}"


def test_the_job_is_kept_and_one_message_that_only_names_it_is_queued() -> None:
    api = Api()

    api.submit()

    (job,) = api.jobs.all()
    (message,) = api.queue.messages
    assert job.status is JobStatus.QUEUED
    assert job.tenant_id == TENANT
    assert json.loads(message.body) == job_message(job)
    assert message.group == TENANT


def test_the_sample_event_is_accepted() -> None:
    answer = Api().handle(sample("api_submit_job"))

    assert answer.status == 202
    assert answer.json["metadata"] == {"order": "4711"}


def test_the_model_and_nothing_else_is_filled_in_by_default() -> None:
    api = Api()

    api.submit()

    assert sent_to_mistral(api) == {**HELLO["body"], "model": "mistral-small-latest"}


def test_the_deployment_s_own_defaults_are_filled_in() -> None:
    api = Api(defaults=BodyDefaults(model="mistral-large-latest", max_tokens=7, temperature=0.0))

    answer = api.submit()

    assert answer.json["model"] == "mistral-large-latest"
    assert sent_to_mistral(api) == {
        **HELLO["body"],
        "model": "mistral-large-latest",
        "max_tokens": 7,
        "temperature": 0.0,
    }


def test_what_the_body_says_goes_before_every_default() -> None:
    api = Api(defaults=BodyDefaults(model="mistral-large-latest", max_tokens=7, temperature=0.5))
    body = {**HELLO["body"], "model": "m", "max_tokens": 1, "temperature": 2, "top_p": 0.1}

    api.submit({"body": body})

    assert sent_to_mistral(api) == body


def test_everything_that_a_client_may_choose_is_kept() -> None:
    api = Api()

    answer = api.submit(
        {
            "endpoint": "/v1/embeddings",
            "body": {"input": ["one", "two"]},
            "lane": "live",
            "stream": False,
            "callback": {
                "url": "https://example.com/hooks",
                "payload": "thin",
                "legacy_signature": True,
            },
            "metadata": {"a": "b"},
            "deadline": "2026-11-21T15:00:00+02:00",
            "attempts_max": 3,
            "timeout_seconds": 600,
            "fallback_models": ["a", "b"],
            "on_tool_calls": "return",
            "notify_started": True,
        }
    )

    (job,) = api.jobs.all()
    assert answer.status == 202
    assert answer.json["callback_url"] == "https://example.com/hooks"
    assert answer.json["deadline"] == "2026-11-21T13:00:00.000Z"
    assert job.endpoint is Endpoint.EMBEDDINGS
    assert job.model == "mistral-embed"
    assert job.attempts_max == 3
    assert job.timeout == timedelta(minutes=10)
    assert job.fallback_models == ("a", "b")
    assert job.notify_started
    assert job.callback == Callback(
        url="https://example.com/hooks", payload="thin", legacy_signature=True
    )


def test_a_callback_url_alone_means_the_full_job_without_the_older_signature() -> None:
    api = Api()

    api.submit({**HELLO, "callback_url": "https://example.com/hooks"})

    (job,) = api.jobs.all()
    assert job.callback == Callback(url="https://example.com/hooks")


@pytest.mark.parametrize(
    "deadline", [NOON + timedelta(milliseconds=1), NOON + timedelta(days=7)], ids=["next", "last"]
)
def test_a_deadline_may_lie_anywhere_within_seven_days(deadline: Any) -> None:
    answer = Api().submit({**HELLO, "deadline": to_iso(deadline)})

    assert answer.status == 202
    assert answer.json["deadline"] == to_iso(deadline)


def test_a_body_in_base_64_is_the_same_body() -> None:
    api = Api()
    body = json.dumps({"body": {"messages": [{"role": "user", "content": "Grüße 🌍"}]}})

    answer = api.submit(base64.b64encode(body.encode()).decode(), is_base64=True)

    assert answer.status == 202
    assert sent_to_mistral(api)["messages"][0]["content"] == "Grüße 🌍"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
)
def test_json_may_say_its_character_set(content_type: str) -> None:
    assert Api().submit(headers={"content-type": content_type}).status == 202


def test_a_large_request_lies_beside_the_job_and_not_in_its_row() -> None:
    api = Api()
    text = "".join(f"{number:x}" for number in range(900))

    answer = api.submit({"body": {"messages": [{"role": "user", "content": text}]}})

    (job,) = api.jobs.all()
    assert answer.status == 202
    assert job.request.place is not Place.INLINE
    assert sent_to_mistral(api)["messages"][0]["content"] == text


def test_two_jobs_have_two_ids_that_sort_by_creation() -> None:
    api = Api()

    first = api.submit().json["id"]
    api.clock.wait(timedelta(milliseconds=1))
    second = api.submit().json["id"]

    assert first < second


def test_a_log_line_names_the_job_and_holds_nothing_of_its_content() -> None:
    api = Api()

    answer = api.submit(
        {
            "body": {"messages": [{"role": "user", "content": "canary-prompt"}]},
            "metadata": {"order": "canary-metadata"},
            "callback_url": "https://example.com/canary-url",
        }
    )

    (line,) = api.log.named("request.answered")
    assert line["route"] == "POST /v1/jobs"
    assert line["api_status_code"] == 202
    assert line["job_id"] == answer.json["id"]
    assert "canary" not in api.log.text
