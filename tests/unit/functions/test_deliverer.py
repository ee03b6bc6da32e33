"""When a webhook is posted, how often, and what ends it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from functions.deliverer.deliver import LOOK_AGAIN_AFTER
from relay.domain.backoff import WEBHOOK_JITTER, WEBHOOK_SCHEDULE
from relay.domain.delivery import DELIVERY_LEASE
from relay.domain.job import Callback
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.dice import FakeDice
from tests.fakes.examples import a_completed_job, a_job_id
from tests.fakes.trouble import Crash, Trouble
from tests.fakes.webhook_sender import answered, unanswered
from tests.unit.functions.deliverer_on_fakes import Deliverer
from tests.unit.functions.sample_events import failures, sample, sqs_event

NO = answered(500)
YES = answered(200)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_delivers(status: int) -> None:
    deliverer = Deliverer(answered(status))
    deliverer.add()

    assert deliverer.run() == []

    assert deliverer.status == "delivered"
    assert deliverer.delivery.finished_at == NOON
    (attempt,) = deliverer.delivery.attempts
    assert attempt.number == 1
    assert attempt.status_code == status
    assert attempt.outcome == "delivered"
    assert attempt.duration == timedelta(milliseconds=12)
    assert attempt.at == NOON - timedelta(milliseconds=12)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 408, 429, 500, 503])
def test_anything_else_is_tried_again(status: int) -> None:
    deliverer = Deliverer(answered(status))
    deliverer.add()

    assert deliverer.run() == ["deliveries-message-1"]

    assert deliverer.status == "pending"
    (attempt,) = deliverer.delivery.attempts
    assert attempt.outcome == "retry"
    assert attempt.status_code == status
    assert str(status) in attempt.reason


def test_a_redirect_says_that_it_is_not_followed() -> None:
    deliverer = Deliverer(answered(307))
    deliverer.add()

    deliverer.run()

    assert "redirects are not followed" in deliverer.delivery.attempts[0].reason


@pytest.mark.parametrize("failure", list(WebhookFailure))
def test_whatever_keeps_an_answer_away_is_tried_again(failure: WebhookFailure) -> None:
    deliverer = Deliverer(unanswered(failure), YES)
    deliverer.add()

    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    first, second = deliverer.delivery.attempts
    assert first.status_code is None
    assert first.reason == failure
    assert second.outcome == "delivered"


def test_a_410_ends_the_delivery() -> None:
    deliverer = Deliverer(answered(410))
    deliverer.add()

    assert deliverer.run() == []

    assert deliverer.status == "exhausted"
    assert deliverer.delivery.attempts[0].outcome == "gave_up"


def test_ten_attempts_are_made_as_the_schedule_says_and_then_it_is_exhausted() -> None:
    deliverer = Deliverer(NO)
    deliverer.add()

    deliverer.run_to_the_end()

    attempts = deliverer.delivery.attempts
    waits = [later.at - earlier.at for earlier, later in pairwise(attempts)]
    assert deliverer.status == "exhausted"
    assert len(deliverer.posts) == len(attempts) == 10
    for wait, planned in zip(waits, WEBHOOK_SCHEDULE, strict=True):
        assert planned <= wait < planned + timedelta(seconds=2)
    assert [attempt.outcome for attempt in attempts] == ["retry"] * 9 + ["gave_up"]


@pytest.mark.parametrize("seed", range(5))
def test_the_schedule_is_spread_by_a_fifth_either_way(seed: int) -> None:
    deliverer = Deliverer(NO, dice=FakeDice(seed))
    deliverer.add()

    deliverer.run()

    wait = deliverer.delivery.next_attempt_at - NOON
    planned = WEBHOOK_SCHEDULE[0]
    assert abs(wait - planned) <= planned * WEBHOOK_JITTER
    assert wait != planned


def test_each_attempt_takes_one_invocation_and_none_is_spent_on_waiting() -> None:
    deliverer = Deliverer(NO)
    deliverer.add()

    invocations = deliverer.run_to_the_end()

    assert invocations == len(deliverer.posts) == 10


def test_a_shorter_retry_after_does_not_hurry_us() -> None:
    deliverer = Deliverer(answered(503, retry_after=timedelta(seconds=1)))
    deliverer.add()

    deliverer.run()

    assert deliverer.delivery.next_attempt_at == NOON + WEBHOOK_SCHEDULE[0]


def test_a_message_that_comes_too_early_posts_nothing() -> None:
    deliverer = Deliverer(NO)
    delivery = deliverer.add()
    deliverer.run()
    deliverer.send(delivery)

    deliverer.run()

    assert len(deliverer.posts) == 1
    assert deliverer.log.lines[-1]["outcome"] == "not_due"


def test_two_messages_about_one_delivery_in_one_batch_make_one_post() -> None:
    deliverer = Deliverer()
    deliverer.send(deliverer.add())

    deliverer.run_to_the_end()

    assert len(deliverer.posts) == 1
    assert deliverer.status == "delivered"


def test_a_message_about_what_is_delivered_posts_nothing() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()
    deliverer.run()
    deliverer.send(delivery)

    assert deliverer.run() == []

    assert len(deliverer.posts) == 1
    assert deliverer.log.lines[-1]["outcome"] == "final_already"


def test_a_message_about_a_delivery_that_is_not_there_goes() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()
    deliverer.queue.messages.clear()
    body = f'{{"schema":"1","target_id":"{a_job_id(9)}","delivery_id":"{delivery.id}"}}'

    assert failures(deliverer.handle(sqs_event(body), None)) == []

    assert deliverer.posts == []


def test_a_job_that_is_deleted_ends_its_deliveries_without_a_post() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()
    deliverer.clock.at = delivery.purge_at

    assert deliverer.run() == []

    assert deliverer.status == "cancelled"
    assert deliverer.posts == []


def test_a_result_that_is_deleted_ends_its_deliveries_without_a_post() -> None:
    deliverer = Deliverer()
    deliverer.add(a_completed_job())

    assert deliverer.run() == []

    assert deliverer.status == "cancelled"
    assert deliverer.posts == []


@pytest.mark.parametrize("call", ["deliveries.claim", "jobs.get", "contents.get", "secrets.get"])
def test_an_outage_before_the_post_is_looked_at_again_and_is_no_attempt(call: str) -> None:
    deliverer = Deliverer(seam=Trouble(call, times=1))
    deliverer.add()

    assert len(deliverer.run()) == 1
    assert deliverer.comes_back_at == NOON + LOOK_AGAIN_AFTER
    assert deliverer.posts == []
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    assert len(deliverer.delivery.attempts) == len(deliverer.posts) == 1


def test_an_outage_after_the_post_does_not_post_again_while_the_lease_lasts() -> None:
    deliverer = Deliverer(seam=Trouble("deliveries.save", times=2))
    deliverer.add()

    assert deliverer.run() == []

    assert len(deliverer.posts) == 1
    assert deliverer.status == "delivered"


def test_an_outage_that_outlasts_the_lease_posts_the_same_again() -> None:
    trouble = Trouble("deliveries.save")
    deliverer = Deliverer(seam=trouble)
    deliverer.add()

    assert len(deliverer.run()) == 1
    trouble.end()
    deliverer.run_to_the_end()

    first, second = deliverer.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert deliverer.status == "delivered"


def test_an_outage_that_hides_what_was_recorded_posts_nothing_more() -> None:
    deliverer = Deliverer(seam=Trouble("deliveries.save", is_after=True, times=1))
    deliverer.add()

    deliverer.run_to_the_end()

    assert len(deliverer.posts) == 1
    assert deliverer.status == "delivered"


def test_a_delivery_whose_deliverer_is_gone_is_posted_again_after_its_lease() -> None:
    deliverer = Deliverer(seam=Trouble("webhooks.post", Crash(), is_after=True, times=1))
    deliverer.add()
    with pytest.raises(BaseExceptionGroup):
        deliverer.run()
    deliverer.clock.wait(DELIVERY_LEASE)

    deliverer.run_to_the_end()

    first, second = deliverer.posts
    assert first.body == second.body
    assert deliverer.status == "delivered"
    assert deliverer.delivery.fence == 2


def test_an_answer_that_comes_after_another_deliverer_s_changes_nothing() -> None:
    deliverer = Deliverer()
    delivery = deliverer.add()

    def overrun(_: WebhookRequest) -> WebhookAnswer:
        deliverer.clock.wait(DELIVERY_LEASE + timedelta(seconds=1))
        claimed = deliverer.deliveries.claim(
            delivery.target_id, delivery.id, at=deliverer.clock.at, lease=DELIVERY_LEASE
        )
        rival = claimed.attempted(YES, at=deliverer.clock.at, chance=0.5)
        deliverer.deliveries.save(claimed, rival)
        return NO

    deliverer.sender.script = overrun
    assert len(deliverer.run()) == 1
    assert deliverer.log.lines[-1]["outcome"] == "lost"
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    assert len(deliverer.delivery.attempts) == 1


@pytest.mark.parametrize("body", ["canary", "{}", '{"schema":"1","target_id":"canary"}'])
def test_a_message_that_cannot_be_read_is_reported_and_the_others_are_done(body: str) -> None:
    deliverer = Deliverer()
    deliverer.queue.send_text(body)
    deliverer.add()

    assert deliverer.run() == ["deliveries-message-1"]

    assert deliverer.status == "delivered"
    assert deliverer.comes_back_at == NOON + LOOK_AGAIN_AFTER
    assert "canary" not in deliverer.log.text


def test_a_defect_in_one_delivery_does_not_touch_the_others() -> None:
    deliverer = Deliverer(seam=Trouble("webhooks.post", RuntimeError("canary"), times=1))
    deliverer.add(callback=Callback(url="https://one.example.com/"))
    claimed = a_completed_job(id=a_job_id(2))
    deliverer.add(claimed, callback=Callback(url="https://two.example.com/", payload="thin"))

    assert deliverer.run() == ["deliveries-message-1"]

    assert [delivery.status for delivery in deliverer.deliveries.all()] == ["pending", "delivered"]
    assert deliverer.log.lines[0]["error_type"] == "RuntimeError"
    assert "canary" not in deliverer.log.text


def test_the_sample_event_delivers() -> None:
    deliverer = Deliverer()
    deliverer.add(a_completed_job(), callback=Callback(url="https://example.com/", payload="thin"))

    assert failures(deliverer.handle(sample("deliverer_deliveries"), None)) == []

    assert deliverer.status == "delivered"


def test_an_outage_of_the_queue_loses_no_message() -> None:
    deliverer = Deliverer(NO, seam=Trouble("deliveries.postpone"))
    deliverer.add()

    assert len(deliverer.run()) == 1

    assert deliverer.comes_back_at is not None


def test_one_wide_line_says_what_became_of_the_attempt_and_not_where_it_went() -> None:
    deliverer = Deliverer(answered(503))
    delivery = deliverer.add(callback=Callback(url="https://example.com/canary"))

    deliverer.run()

    (line,) = deliverer.log.lines
    assert line["message"] == "delivery.attempted"
    assert line["outcome"] == "retried"
    assert line["delivery_id"] == delivery.id
    assert line["event_id"] == delivery.event_id
    assert line["status_code"] == 503
    assert line["attempts"] == 1
    assert line["duration_ms"] == 12
    assert "canary" not in deliverer.log.text
    assert "Hello" not in deliverer.log.text
    assert deliverer.posts[0].headers["webhook-signature"] not in deliverer.log.text
