"""From a client's request to a subscriber's, through every function."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from relay.domain.job_view import RESULT_BYTES_MAX
from relay.domain.webhook_exchange import WebhookAnswer, WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.mistral import always, chat_answer, in_turn, refusal
from tests.fakes.webhook_sender import answered, unanswered
from tests.flows.deployment import Function
from tests.flows.world import KEY, OTHER_KEY, World

HOOK = "https://example.com/hooks/mistral"


def signed_by(secret: str, post: WebhookRequest) -> bool:
    """Tell whether a receiver that has this secret takes the post for ours."""
    at = datetime.fromtimestamp(int(post.headers["webhook-timestamp"]), tz=UTC)
    made: str = Webhook(secret).sign(post.headers["webhook-id"], at, post.body.decode())
    return made == post.headers["webhook-signature"]


def subscriber_that_fails(times: int) -> Any:
    answers = [answered(500), unanswered()] * times

    def script(_: WebhookRequest) -> WebhookAnswer:
        nonlocal times
        times -= 1
        return answers[times] if times >= 0 else answered(200)

    return script


def test_a_job_is_run_and_its_end_told_with_a_signature_that_the_client_can_check() -> None:
    world = World(mistral=always(chat_answer("Hello to you")))
    secret = world.request("GET", "/v1/webhook_secret").json["secret"]

    job_id = world.submit(callback_url=HOOK, metadata={"order": "4711"})
    assert world.job(job_id)["status"] == "queued"
    world.settle()

    view = world.job(job_id)
    assert view["status"] == "completed"
    assert view["output_text"] == "Hello to you"
    assert view["attempts"] == 1
    (post,) = world.subscriber.posts
    told = json.loads(post.body)
    assert post.url == HOOK
    assert signed_by(secret, post)
    assert told["type"] == "job.completed"
    assert told["data"]["metadata"] == {"order": "4711"}
    assert told["data"]["result"] == view["result"]
    assert world.next_at() is None
    assert world.dead_letters == []


def test_what_is_told_is_what_can_be_read() -> None:
    world = World()

    job_id = world.submit(callback_url=HOOK)
    world.settle()

    view = world.job(job_id)
    told = json.loads(world.subscriber.posts[0].body)["data"]
    view["urls"] = {"self": view["urls"]["self"]}
    assert told == view


def test_the_four_functions_do_it_in_turn_and_a_handful_of_invocations() -> None:
    world = World()
    world.submit(callback_url=HOOK)
    done = []

    while ready := world.ready():
        world.let(ready[0])
        done.append(ready[0])

    assert done == [
        Function.WORKER,
        Function.PUBLISHER,
        Function.FANOUT,
        Function.DELIVERER,
    ]
    assert len(world.subscriber.posts) == 1


def test_a_job_without_a_callback_tells_nobody_but_the_bus() -> None:
    world = World()

    world.submit()
    world.settle()

    assert [event.type for event in world.bus.taken] == ["job.completed"]
    assert world.subscriber.posts == []


@pytest.mark.parametrize("failures", [1, 2, 4])
def test_a_mistral_that_fails_at_first_delays_a_job_and_loses_none(failures: int) -> None:
    world = World(mistral=in_turn(*[refusal(503)] * failures, chat_answer()))

    job_id = world.submit(callback_url=HOOK)
    world.settle()

    view = world.job(job_id)
    assert view["status"] == "completed"
    assert view["attempts"] == failures + 1
    assert len(world.mistral.calls) == failures + 1
    assert len(world.subscriber.posts) == 1


def test_a_mistral_that_goes_on_failing_ends_the_job_and_that_is_told() -> None:
    world = World(mistral=always(refusal(503)))

    job_id = world.submit(callback_url=HOOK, attempts_max=4)
    world.settle()

    view = world.job(job_id)
    told = json.loads(world.subscriber.posts[0].body)
    assert view["status"] == "failed"
    assert view["error"]["code"] == "service_unavailable"
    assert view["error"]["reason"] == "attempts_exhausted"
    assert told["type"] == "job.failed"
    assert told["data"]["error"] == view["error"]
    assert len(world.mistral.calls) == 4


def test_a_rate_limit_that_lasts_until_the_deadline_expires_the_job() -> None:
    world = World(mistral=always(refusal(429)))

    job_id = world.submit(callback_url=HOOK)
    world.settle(until=NOON + timedelta(hours=23))
    assert world.job(job_id)["status"] == "queued"
    assert world.job(job_id)["status_reason"] == "rate_limited"
    world.settle()

    view = world.job(job_id)
    assert view["status"] == "expired"
    assert view["attempts"] == 0
    assert json.loads(world.subscriber.posts[0].body)["type"] == "job.expired"


def test_a_subscriber_that_fails_twice_is_told_one_end_under_one_id() -> None:
    world = World(subscriber=subscriber_that_fails(2))

    job_id = world.submit(callback_url=HOOK)
    world.settle()

    first, second, third = world.subscriber.posts
    (delivery,) = world.deliveries.all()
    assert world.states(job_id) == ["queued", "in_progress", "completed"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-id"] == third.headers["webhook-id"]
    assert first.body == second.body == third.body
    assert delivery.status == "delivered"
    assert len(delivery.attempts) == 3
    assert len(world.events.all()) == 1
    assert world.clock.at - NOON > timedelta(minutes=4)


def test_a_subscriber_that_is_gone_costs_ten_posts_and_leaves_the_job_as_it_is() -> None:
    world = World(subscriber=lambda _: unanswered())

    job_id = world.submit(callback_url=HOOK)
    world.settle()

    (delivery,) = world.deliveries.all()
    assert delivery.status == "exhausted"
    assert len(world.subscriber.posts) == 10
    assert world.job(job_id)["status"] == "completed"
    assert world.dead_letters == []


def test_every_message_and_every_change_may_come_twice() -> None:
    world = World(is_everything_twice=True)

    job_id = world.submit(callback_url=HOOK, notify_started=True)
    world.settle()

    told = [json.loads(post.body)["type"] for post in world.subscriber.posts]
    assert world.states(job_id) == ["queued", "in_progress", "completed"]
    assert len(world.mistral.calls) == 1
    assert sorted(told) == ["job.completed", "job.started"]
    assert len(world.events.all()) == len(world.deliveries.all()) == 2


def test_every_message_may_come_once_more_when_all_is_over() -> None:
    world = World()
    job_id = world.submit(callback_url=HOOK)
    world.settle()
    before = world.jobs.all(), world.deliveries.all()

    world.send_everything_again()
    world.settle()

    assert (world.jobs.all(), world.deliveries.all()) == before
    assert len(world.mistral.calls) == 1
    assert len(world.subscriber.posts) == 1
    assert world.job(job_id)["status"] == "completed"


def test_no_message_brings_a_job_back_whose_time_is_over() -> None:
    world = World()
    job_id = world.submit(callback_url=HOOK)
    world.settle()
    world.clock.at = world.row(job_id).purge_at

    world.send_everything_again()
    world.settle()

    assert world.request("GET", f"/v1/jobs/{job_id}").status == 404
    assert len(world.mistral.calls) == len(world.subscriber.posts) == 1


def test_a_start_is_told_before_the_end_and_its_sequence_is_lower() -> None:
    world = World(mistral=in_turn(refusal(503), refusal(503), refusal(503), chat_answer()))

    world.submit(callback_url=HOOK, notify_started=True)
    world.settle()

    first, second = (json.loads(post.body) for post in world.subscriber.posts)
    assert [first["type"], second["type"]] == ["job.started", "job.completed"]
    assert first["sequence"] < second["sequence"]
    assert first["data"]["status"] == "in_progress"
    assert first["data"]["result"] is None


def test_a_subscriber_of_the_older_scheme_can_check_what_it_gets() -> None:
    world = World()
    secret = world.request("GET", "/v1/webhook_secret").json["secret"]

    world.submit(callback={"url": HOOK, "legacy_signature": True})
    world.settle()

    (post,) = world.subscriber.posts
    expected = hmac.new(secret.encode(), post.body, hashlib.sha256).hexdigest()
    assert post.headers["x-webhook-signature"] == expected
    assert json.loads(post.body)["event"] == "job.completed"


def test_a_large_result_is_told_by_a_mark_and_read_by_a_link() -> None:
    world = World(mistral=always(chat_answer("x" * RESULT_BYTES_MAX)))

    job_id = world.submit(callback_url=HOOK)
    world.settle()

    told = json.loads(world.subscriber.posts[0].body)["data"]
    view = world.job(job_id)
    assert told["result_omitted"]
    assert told["result_url"] is None
    assert view["result"] is None
    assert view["result_url"]


def test_a_large_request_makes_the_same_way() -> None:
    world = World()
    text = "".join(f"{number:x}" for number in range(2000))

    world.submit(body={"messages": [{"role": "user", "content": text}]})
    world.settle()

    assert world.mistral.calls[0].json["messages"][0]["content"] == text


def test_a_client_that_waits_gets_the_answer_at_once() -> None:
    world = World()
    wait = world.clock.wait

    def work_meanwhile(duration: timedelta) -> None:
        wait(duration)
        world.settle()

    world.clock.wait = work_meanwhile  # type: ignore[method-assign]  # others work meanwhile
    reply = world.request(
        "POST",
        "/v1/jobs",
        {"body": {"messages": [{"role": "user", "content": "Hello"}]}},
        headers={"prefer": "wait=10"},
    )

    assert reply.status == 200
    assert reply.json["status"] == "completed"


def test_many_jobs_of_two_tenants_each_get_their_own() -> None:
    world = World(mistral=lambda call: chat_answer(call.json["messages"][0]["content"]))
    ids = {}
    for number in range(25):
        key = KEY if number % 2 else OTHER_KEY
        body = {"messages": [{"role": "user", "content": f"number {number}"}]}
        reply = world.request("POST", "/v1/jobs", {"body": body, "callback_url": HOOK}, key=key)
        ids[reply.json["id"]] = (key, f"number {number}")

    world.settle()

    for job_id, (key, text) in ids.items():
        others = OTHER_KEY if key == KEY else KEY
        assert world.job(job_id, key=key)["output_text"] == text
        assert world.request("GET", f"/v1/jobs/{job_id}", key=others).status == 404
    assert len(world.subscriber.posts) == len(world.posts_by_webhook_id()) == 25


def test_whoever_has_no_key_gets_in_nowhere_but_to_what_is_for_everybody() -> None:
    world = World()

    assert world.request("GET", "/v1/health", key=None).status == 200
    assert world.request("GET", "/openapi.json", key=None).status == 200
    assert world.request("POST", "/v1/jobs", {}, key=None).status == 401
    assert world.request("POST", "/v1/jobs", {}, key="mrl_live_x").status == 401
    assert world.request("DELETE", "/v1/jobs", key=None).status == 405
    assert world.jobs.all() == []
