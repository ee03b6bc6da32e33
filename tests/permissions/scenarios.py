"""What the functions are made to do, so that every call that they can make is made.

A scenario is a story in which things happen one after the other. It asserts how far it came, since
a function that gives up early calls less. Add one, or a line to one, for each new call of AWS.
"""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial

from relay.domain.content import REQUEST_KEY
from relay.domain.idempotency import SUBMISSIONS, IdempotencyKey, fingerprint_of, reservation
from relay.domain.ids import JobId
from relay.domain.job import JobStatus
from relay.domain.moments import to_iso
from relay.domain.wheel import FIRST_LOOK, SPREAD_MINUTES
from tests.cloud import BUCKET
from tests.fakes.examples import TENANT, a_job_id
from tests.fakes.mistral import chat_answer, refusal
from tests.flows.gateway import Reply
from tests.permissions.scenarios_of_webhooks import WEBHOOK_SCENARIOS
from tests.permissions.wired import OPERATORS_KEY, Recording, WiredRelay, wired_relay

A_MINUTE = timedelta(minutes=1)
HELLO = '{"body":{"messages":[{"role":"user","content":"Hello"}]}}'


def noise(characters: int) -> str:
    """Return a text that cannot be made smaller: 20,000 fill an object, 300,000 a link's."""
    chance = random.Random(1)  # noqa: S311 - an example
    return "".join(
        chance.choices(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=characters
        )
    )


def hook(relay: WiredRelay) -> str:
    return f"{relay.outside.url}/hook"


def told(relay: WiredRelay) -> int:
    """Let what has happened be told, up to the subscriber; return how often that was posted to."""
    relay.publish()
    relay.let("fanout")
    before = relay.outside.paths.count("/hook")
    relay.let("deliverer")
    return relay.outside.paths.count("/hook") - before


def a_small_job_is_told_read_run_again_and_deleted(relay: WiredRelay) -> None:
    key = {"idempotency-key": "small"}
    job_id = relay.submit(callback_url=hook(relay), headers=key)
    assert relay.submit(callback_url=hook(relay), headers=key) == job_id
    relay.let("worker", again=1)  # the second request sent a message too, for a job at work now
    assert told(relay) == 1
    for path in (f"/v1/jobs/{job_id}", "/v1/jobs", "/v1/webhook_secret"):
        assert relay.request("GET", path).status == 200
    assert relay.request("POST", f"/v1/jobs/{job_id}/rerun").status == 202
    assert relay.request("DELETE", f"/v1/jobs/{job_id}").status == 204


def large_content_is_kept_in_the_bucket(relay: WiredRelay) -> None:
    relay.outside.answers = [chat_answer(noise(300_000))]
    job_id = relay.submit(noise(20_000))
    relay.let("worker")
    assert relay.request("GET", f"/v1/jobs/{job_id}").json["result_url"]
    assert relay.request("POST", f"/v1/jobs/{job_id}/rerun").status == 202
    assert relay.request("DELETE", f"/v1/jobs/{job_id}").status == 204


def a_webhook_carries_an_answer_from_the_bucket_until_that_is_gone(relay: WiredRelay) -> None:
    relay.outside.answers = [chat_answer(noise(20_000)), refusal(500)]
    relay.submit(callback_url=hook(relay))
    relay.let("worker")
    relay.publish()
    relay.let("fanout")
    messages = relay.let("deliverer", again=1)
    _empty_bucket(relay)
    relay.clock.at += A_MINUTE
    relay.send("DeliveriesQueue", *messages)
    relay.let("deliverer")


def _empty_bucket(relay: WiredRelay) -> None:
    s3 = relay.cloud.s3()
    for kept in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=kept["Key"])


def a_webhook_that_waits_long_is_the_wheels(relay: WiredRelay) -> None:
    relay.outside.answers = [chat_answer(), refusal(500)]
    relay.submit(callback_url=hook(relay))
    relay.let("worker")
    relay.publish()
    relay.let("fanout")
    relay.let("deliverer", receives=9)


def a_request_that_is_gone_fails_its_job(relay: WiredRelay) -> None:
    job_id = relay.submit(noise(20_000))
    _empty_bucket(relay)
    relay.let("worker")
    assert relay.job(job_id).status is JobStatus.FAILED


def an_answer_comes_too_late(relay: WiredRelay) -> None:
    for characters in (10, 20_000):
        relay.outside.answers = [chat_answer(noise(characters))]
        job = relay.job(relay.submit())
        relay.outside.meanwhile = [partial(_cancel, relay, job.id)]
        relay.let("worker", again=1)
        assert relay.job(job.id).usage is not None


def _cancel(relay: WiredRelay, job_id: JobId) -> None:
    job = relay.job(job_id)
    relay.jobs.save(job, job.cancelled(relay.clock.at))


def an_answer_comes_after_its_job_is_deleted(relay: WiredRelay) -> None:
    job = relay.job(relay.submit())
    assert relay.request("POST", f"/v1/jobs/{job.id}/cancel").status == 200
    assert relay.request("DELETE", f"/v1/jobs/{job.id}").status == 204
    for key, size in ((REQUEST_KEY, 10), ("result#1", 20_000)):
        relay.contents.put(job, key, noise(size).encode())
    relay.let("worker")


def mistral_is_busy(relay: WiredRelay) -> None:
    relay.outside.answers = [refusal(503, retry_after="60")]
    job_id = relay.submit()
    messages = relay.let("worker", again=1)
    relay.clock.at += 2 * A_MINUTE
    relay.outside.answers = [refusal(503, retry_after="60")]
    relay.send("JobsQueue", *messages)
    relay.let("worker", receives=9)
    assert relay.job(job_id).status is JobStatus.QUEUED


def mistral_refuses_the_key_and_takes_it_again(relay: WiredRelay) -> None:
    relay.outside.answers = [refusal(401)]
    first = relay.submit()
    messages = relay.let("worker")
    second = relay.submit()
    relay.let("worker")
    assert relay.job(second).status_reason == relay.job(first).status_reason is not None
    relay.publish()
    relay.clock.at += 10 * A_MINUTE
    relay.send("JobsQueue", *messages)
    relay.let("worker")
    assert relay.job(first).status is JobStatus.COMPLETED


def producers_send_jobs(relay: WiredRelay) -> None:
    relay.produce(HELLO)
    relay.produce(HELLO, idempotency_key="order-1")
    relay.produce(HELLO, idempotency_key="order-1")
    relay.produce(json.dumps({"body": {"messages": [{"role": "user", "content": noise(20_000)}]}}))
    relay.let("intake")
    relay.produce("not JSON")
    relay.let("intake")
    relay.publish()


def a_producers_job_is_taken_over_from_one_who_stopped(relay: WiredRelay) -> None:
    key = IdempotencyKey(
        tenant_id=TENANT,
        route=SUBMISSIONS,
        key="order-2",
        fingerprint=fingerprint_of(HELLO.encode()),
    )
    relay.idempotency.reserve(reservation(key, a_job_id(99), relay.clock.at), at=relay.clock.at)
    relay.produce(HELLO, idempotency_key="order-2")
    relay.let("intake", again=1)
    relay.clock.at += A_MINUTE
    relay.produce(HELLO, idempotency_key="order-2")
    relay.let("intake")
    assert relay.job(a_job_id(99)).status is JobStatus.QUEUED


def a_change_that_nobody_can_read_is_parked(relay: WiredRelay) -> None:
    job = relay.job(relay.submit())
    row = {"pk": {"S": f"J#{TENANT}#1"}, "sk": {"S": job.id}, "schema": {"N": "999"}}
    change = {
        "eventName": "INSERT",
        "dynamodb": {"Keys": row, "NewImage": row, "SequenceNumber": "1"},
    }
    assert relay.call("publisher", {"Records": [change]}) == {"batchItemFailures": []}
    assert list(_texts_in(relay, "UnpublishedDeadLetterQueue"))


def _texts_in(relay: WiredRelay, queue: str) -> list[str]:
    url = relay.names.physical(queue)
    found = relay.cloud.sqs().receive_message(QueueUrl=url).get("Messages", [])
    return [message["Body"] for message in found]


def what_got_lost_is_sent_again(relay: WiredRelay) -> None:
    """Many of each, so that some share a page of the wheel, and are written in one call."""
    jobs = [relay.submit(callback_url=hook(relay)) for _ in range(12)]
    relay.let("worker")
    relay.publish()
    relay.let("fanout")
    untold = [relay.submit() for _ in range(3)]
    relay.let("worker")
    relay.produce("not JSON")
    relay.let("intake")
    lost = [relay.submit() for _ in range(12)]
    relay.forget_messages()
    for _ in range(SPREAD_MINUTES + FIRST_LOOK // A_MINUTE + 2):
        relay.sweep(A_MINUTE)
    assert [relay.job(it).told_again for it in jobs[:1] + untold] == [0, 1, 1, 1]
    assert len(lost) >= len(_texts_in(relay, "JobsQueue")) > 0
    assert _texts_in(relay, "DeliveriesQueue")


def accounts_are_kept(relay: WiredRelay) -> None:
    def ask(method: str, path: str, body: object = None) -> int:
        answers.append(relay.request(method, path, body, key=OPERATORS_KEY, headers=once))
        return answers[-1].status

    answers: list[Reply] = []
    once = {"idempotency-key": "an-account"}
    assert [ask("POST", "/v1/tenants", {"name": "Aperture"}) for _ in range(2)] == [201, 200]
    tenant_id = answers[0].json["id"]
    sender = {"sender_id": "AROAEXAMPLE", "tenant_id": tenant_id}
    assert ask("POST", "/v1/senders", sender) == 201
    assert ask("POST", "/v1/api_keys", {}) == 201
    key_id = answers[-1].json["id"]
    for path in ("/v1/tenants", "/v1/senders", "/v1/api_keys"):
        assert ask("GET", path) == 200
    assert ask("DELETE", f"/v1/api_keys/{key_id}") == 204
    assert ask("DELETE", "/v1/senders/AROAEXAMPLE") == 204


def endpoints_are_kept_and_sent_events(relay: WiredRelay) -> None:
    def ask(method: str, path: str, body: object = None) -> Reply:
        return relay.request(method, path, body, headers=once if method == "POST" else None)

    once = {"idempotency-key": "an-endpoint"}
    made = ask("POST", "/v1/webhook_endpoints", {"url": hook(relay), "event_types": ["job.*"]})
    assert made.status == 201
    path = f"/v1/webhook_endpoints/{made.json['id']}"
    assert ask("PATCH", path, {"status": "disabled"}).status == 200
    for act in ("enable", "rotate_secret"):
        assert ask("POST", f"{path}/{act}").status == 200
    event_id = ask("POST", f"{path}/test").json["event_id"]
    assert ask("POST", f"{path}/test").json["event_id"] == event_id
    since = {"since": to_iso(relay.clock.at - A_MINUTE)}
    assert [ask("POST", f"{path}/recover", since).status for _ in range(2)] == [202, 202]
    assert ask("POST", "/v1/webhook_secret/rotate").status == 200
    again = {"endpoint_id": made.json["id"]}
    delivered = ask("POST", f"/v1/events/{event_id}/redeliver", again)
    assert delivered.status == 202
    delivery = f"/v1/deliveries/{delivered.json['id']}"
    assert ask("POST", f"{delivery}/redeliver").status == 202
    for listed in ("webhook_endpoints", "events", "deliveries"):
        assert ask("GET", f"/v1/{listed}").json["data"]
    for one in (path, f"/v1/events/{event_id}", delivery):
        assert ask("GET", one).status == 200
    assert ask("DELETE", path).status == 204


SCENARIOS: tuple[Callable[[WiredRelay], None], ...] = (
    a_small_job_is_told_read_run_again_and_deleted,
    large_content_is_kept_in_the_bucket,
    a_webhook_carries_an_answer_from_the_bucket_until_that_is_gone,
    a_webhook_that_waits_long_is_the_wheels,
    a_request_that_is_gone_fails_its_job,
    an_answer_comes_too_late,
    an_answer_comes_after_its_job_is_deleted,
    mistral_is_busy,
    mistral_refuses_the_key_and_takes_it_again,
    producers_send_jobs,
    a_producers_job_is_taken_over_from_one_who_stopped,
    a_change_that_nobody_can_read_is_parked,
    what_got_lost_is_sent_again,
    accounts_are_kept,
    endpoints_are_kept_and_sent_events,
    *WEBHOOK_SCENARIOS,
)


@cache
def recorded() -> Recording:
    """Play every scenario, once for all tests, and return what each function asked for."""
    with wired_relay() as relay:
        for scenario in SCENARIOS:
            relay.forget_messages()
            scenario(relay)
        calls = {function: frozenset(needs) for function, needs in relay.recorded.items()}
        return Recording(relay.names, calls)
