"""What a subscriber gets: headers, signature and body."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from relay import __version__
from relay.domain.content import result_key
from relay.domain.event import event_of
from relay.domain.ids import TenantId
from relay.domain.job import Callback, Job, StatusReason
from relay.domain.job_view import RESULT_BYTES_MAX
from relay.domain.signing import callback_secret
from relay.domain.webhook_exchange import WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    OTHER_TENANT,
    SOME_ERROR,
    TENANT,
    a_completed_job,
    a_job,
    a_job_id,
    completed,
)
from tests.fakes.trouble import Trouble
from tests.fakes.webhook_sender import answered
from tests.unit.functions.deliverer_on_fakes import API_URL, MASTER_SECRET, Deliverer

THIN = Callback(url="https://example.com/hooks", payload="thin")
LEGACY = Callback(url="https://example.com/hooks", legacy_signature=True)


def secret_of(tenant_id: TenantId) -> str:
    return callback_secret(MASTER_SECRET, tenant_id).text


def expected_signature(post: WebhookRequest, secret: str) -> str:
    """Return what the receivers' own library makes of what was posted.

    Its ``verify`` reads the machine's clock, so the signature is made anew and compared.
    """
    sent_at = datetime.fromtimestamp(int(post.headers["webhook-timestamp"]), tz=UTC)
    signature: str = Webhook(secret).sign(
        msg_id=post.headers["webhook-id"], timestamp=sent_at, data=post.body.decode()
    )
    return signature


def test_the_signature_is_the_one_that_standard_webhooks_makes() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()
    deliverer.clock.wait(timedelta(seconds=1.999))

    deliverer.run()

    (post,) = deliverer.posts
    assert post.headers["webhook-id"] == delivery.event_id
    assert post.headers["webhook-timestamp"] == str(int(NOON.timestamp()) + 1)
    assert post.headers["webhook-signature"] == expected_signature(post, secret_of(TENANT))


def test_each_tenant_s_webhooks_are_signed_with_its_own_secret() -> None:
    deliverer = Deliverer()
    deliverer.add(a_completed_job(tenant_id=OTHER_TENANT), callback=THIN)

    deliverer.run()

    (post,) = deliverer.posts
    assert post.headers["webhook-signature"] == expected_signature(post, secret_of(OTHER_TENANT))
    assert post.headers["webhook-signature"] != expected_signature(post, secret_of(TENANT))


def test_it_is_posted_as_json_to_the_callback_and_says_who_we_are() -> None:
    deliverer = Deliverer()
    deliverer.add()

    deliverer.run()

    (post,) = deliverer.posts
    assert post.url == "https://example.com/hooks"
    assert post.headers.keys() == {
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    assert post.headers["content-type"] == "application/json"
    assert post.headers["user-agent"] == f"mistral-relay/{__version__}"


def test_the_full_body_is_the_envelope_with_the_whole_job() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()

    deliverer.run()

    body = deliverer.posted()
    data = body.pop("data")
    assert body == {
        "id": delivery.event_id,
        "type": "job.completed",
        "timestamp": "2026-11-21T12:00:01.000Z",
        "api_version": "v1",
        "sequence": 3,
    }
    assert data["id"] == a_job_id()
    assert data["status"] == "completed"
    assert data["result"] == {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    assert data["output_text"] == "Hello"
    assert data["usage"]["total_tokens"] == 14
    assert data["urls"] == {"self": f"{API_URL}/v1/jobs/{a_job_id()}"}
    assert data["result_url"] is None
    assert "result_omitted" not in data


def test_the_thin_body_holds_ids_and_status_and_none_of_the_content() -> None:
    deliverer = Deliverer()
    deliverer.add(a_completed_job(metadata={"order": "4711"}), callback=THIN)

    deliverer.run()

    assert deliverer.posted()["data"] == {
        "id": a_job_id(),
        "object": "job",
        "tenant_id": TENANT,
        "status": "completed",
        "status_reason": None,
        "rerun_of": None,
        "batch_id": None,
        "submission": {"source": "http", "message_id": None, "idempotency_key": None},
        "metadata": {"order": "4711"},
    }


def test_the_older_scheme_is_signed_with_the_secret_as_it_is_written() -> None:
    deliverer = Deliverer()
    deliverer.add(callback=LEGACY)

    deliverer.run()

    (post,) = deliverer.posts
    key = secret_of(TENANT)
    assert key.startswith("whsec_")
    assert (
        post.headers["x-webhook-signature"]
        == hmac.new(key.encode(), post.body, hashlib.sha256).hexdigest()
    )
    assert post.headers["x-webhook-timestamp"] == "2026-11-21T12:00:00.000Z"
    assert post.headers["webhook-signature"] == expected_signature(post, key)


def test_the_older_scheme_s_body_repeats_the_type_as_event() -> None:
    deliverer = Deliverer()
    deliverer.add(callback=LEGACY)

    deliverer.run()

    body = deliverer.posted()
    assert body["event"] == body["type"] == "job.completed"


def test_without_the_older_scheme_nothing_of_it_is_sent() -> None:
    deliverer = Deliverer()
    deliverer.add()

    deliverer.run()

    assert "event" not in deliverer.posted()
    assert not [name for name in deliverer.posts[0].headers if name.startswith("x-")]


@pytest.mark.parametrize("callback", [THIN, LEGACY])
def test_each_attempt_has_the_same_id_and_the_same_bytes_and_a_signature_of_its_own(
    callback: Callback,
) -> None:
    deliverer = Deliverer(answered(500))
    job = a_job(callback=callback).claimed(NOON, LEASE_MARGIN)
    result = deliverer.contents.put(job, result_key(job.fence), b'{"choices":[]}')
    deliverer.add(completed(job, result=result), callback=callback)

    deliverer.run_to_the_end()

    assert len(deliverer.posts) == 10
    assert len({post.headers["webhook-id"] for post in deliverer.posts}) == 1
    assert len({post.body for post in deliverer.posts}) == 1
    assert len({post.headers["webhook-timestamp"] for post in deliverer.posts}) == 10
    for post in deliverer.posts:
        assert post.headers["webhook-signature"] == expected_signature(post, secret_of(TENANT))


def chat_answer(size_bytes: int) -> bytes:
    frame = b'{"choices":[{"message":{"content":"%s"}}]}'
    return frame % (b"x" * (size_bytes - len(frame) + 2))


def test_a_result_of_exactly_64_kib_is_told() -> None:
    deliverer = Deliverer()
    answer = chat_answer(RESULT_BYTES_MAX)
    assert len(answer) == RESULT_BYTES_MAX
    deliverer.add(answer=answer)

    deliverer.run()

    data = deliverer.posted()["data"]
    assert data["result"] == json.loads(answer)
    assert "result_omitted" not in data


def test_a_larger_result_is_not_even_read_but_omitted_and_that_is_said() -> None:
    deliverer = Deliverer(seam=Trouble("contents.get"))
    deliverer.add(answer=chat_answer(RESULT_BYTES_MAX + 1))

    deliverer.run()

    data = deliverer.posted()["data"]
    assert data["result_omitted"] is True
    assert data["result"] is None
    assert data["output_text"] is None
    assert data["result_url"] is None
    assert data["usage"]["total_tokens"] == 14


@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [
        (
            lambda job: job.failed(NOON, error=SOME_ERROR, attempts=1),
            "job.failed",
            "service_unavailable",
        ),
        (lambda job: job.expired(NOON), "job.expired", "timeout"),
    ],
)
def test_an_end_without_an_answer_tells_its_error_and_omits_nothing(
    end: Any, kind: str, code: str
) -> None:
    deliverer = Deliverer()
    deliverer.add(end(a_job().claimed(NOON, LEASE_MARGIN)))

    deliverer.run()

    body = deliverer.posted()
    assert body["type"] == kind
    assert body["data"]["error"]["code"] == code
    assert body["data"]["error"]["message"]
    assert body["data"]["result"] is None
    assert "result_omitted" not in body["data"]


def lives_of_a_started_job() -> list[Any]:
    started = a_job(notify_started=True).claimed(NOON, LEASE_MARGIN)
    later = NOON + timedelta(seconds=9)
    released = started.released(
        later, ready_at=later, reason=StatusReason.RETRYING, error=SOME_ERROR, attempts=1
    )
    return [
        pytest.param(started, id="still at work"),
        pytest.param(released, id="waiting"),
        pytest.param(released.claimed(later, LEASE_MARGIN), id="at work again"),
        pytest.param(completed(started), id="completed"),
        pytest.param(started.failed(later, error=SOME_ERROR, attempts=1), id="failed"),
        pytest.param(released.expired(later), id="expired"),
    ]


@pytest.mark.parametrize("now", lives_of_a_started_job())
@pytest.mark.parametrize("callback", [THIN, Callback(url="https://example.com/hooks")])
def test_a_start_that_is_told_late_is_still_the_start(now: Job, callback: Callback) -> None:
    started = a_job(notify_started=True).claimed(NOON, LEASE_MARGIN)
    event = event_of(None, started)
    at_once, late = Deliverer(), Deliverer()
    at_once.add(started, callback=callback, event=event)
    late.add(now, callback=callback, event=event)

    at_once.run()
    late.run()

    assert late.posts[0].body == at_once.posts[0].body
    assert late.posted()["type"] == "job.started"
    assert late.posted()["data"]["status"] == "in_progress"
    assert late.posted()["sequence"] == 2


def test_text_beyond_ascii_goes_as_utf_8() -> None:
    deliverer = Deliverer()
    deliverer.add(answer='{"choices":[{"message":{"content":"Grüße 🌍"}}]}'.encode())

    deliverer.run()

    (post,) = deliverer.posts
    assert "Grüße 🌍".encode() in post.body
    assert post.headers["webhook-signature"] == expected_signature(post, secret_of(TENANT))
