"""A job's end is told, signed, once, whatever fails on the way."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests.e2e.conftest import Stack, Subscriber


def verifier(stack: Stack) -> Webhook:
    return Webhook(stack.api.get("/v1/webhook_secret").json()["secret"])


def test_a_webhook_arrives_and_the_receivers_library_verifies_it(
    stack: Stack, subscriber: Subscriber
) -> None:
    job = stack.job_at_its_end(stack.submit(callback_url=subscriber.url))

    subscriber.wait_until(lambda s: len(s.requests) == 1)

    headers, body = subscriber.requests[0]
    event = verifier(stack).verify(body, headers)
    assert event["type"] == "job.completed"
    assert event["id"] == headers["webhook-id"]
    assert event["data"]["output_text"] == job["output_text"]
    assert event["data"]["urls"] == {"self": job["urls"]["self"]}


def test_a_thin_webhook_carries_ids_and_no_content(stack: Stack, subscriber: Subscriber) -> None:
    stack.submit(
        callback={"url": subscriber.url, "payload": "thin", "legacy_signature": True},
        metadata={"order": "4711"},
    )

    subscriber.wait_until(lambda s: len(s.requests) == 1)

    headers, body = subscriber.requests[0]
    event = verifier(stack).verify(body, headers)
    assert event["event"] == event["type"] == "job.completed"
    assert event["data"]["metadata"] == {"order": "4711"}
    assert "result" not in event["data"]
    assert len(headers["x-webhook-signature"]) == 64


def test_a_job_that_starts_is_told_when_asked_for(stack: Stack, subscriber: Subscriber) -> None:
    stack.submit(callback_url=subscriber.url, notify_started=True)

    subscriber.wait_until(lambda s: len(s.requests) == 2)

    by_type = {event["type"]: event for event in subscriber.events()}
    assert by_type["job.started"]["data"]["status"] == "in_progress"
    assert by_type["job.started"]["sequence"] < by_type["job.completed"]["sequence"]


def test_a_subscriber_that_fails_twice_is_told_in_the_end_under_one_id(
    stack: Stack, subscriber: Subscriber
) -> None:
    subscriber.answers = [503, 500]
    job = stack.submit(callback_url=subscriber.url)

    subscriber.wait_until(lambda s: len(s.requests) == 2)  # the second comes after five seconds
    make_due(stack, job["id"], after_attempts=2)
    subscriber.wait_until(lambda s: len(s.requests) == 3)

    assert len({body for _, body in subscriber.requests}) == 1
    assert len({headers["webhook-id"] for headers, _ in subscriber.requests}) == 1
    for headers, body in subscriber.requests:
        verifier(stack).verify(body, headers)


def test_jobs_end_once_and_are_told_once_while_mistral_fails_now_and_then(
    stack: Stack, subscriber: Subscriber
) -> None:
    stack.faults(
        seed=7, rate={"429": 0.1, "500": 0.1, "503": 0.05, "cut": 0.05, "invalid_json": 0.03}
    )
    jobs = [
        stack.submit(f"Question {number}", callback_url=subscriber.url, attempts_max=20)
        for number in range(30)
    ]

    ended = [stack.job_at_its_end(job) for job in jobs]
    subscriber.wait_until(lambda s: len(s.requests) >= len(jobs))

    assert Counter(job["status"] for job in ended) == {"completed": len(jobs)}
    told = Counter(event["data"]["id"] for event in subscriber.events())
    assert told == dict.fromkeys((job["id"] for job in jobs), 1)
    answers = stack.simulator.get("/_simulator/stats").json()["answers"]
    assert sum(count for status, count in answers.items() if status != "200") > 0


def test_a_forbidden_target_is_refused_and_nothing_is_stored(stack: Stack) -> None:
    rows = row_count(stack)

    for url in ("http://example.com/", "https://169.254.169.254/", "https://localhost/"):
        answer = stack.api.post(
            "/v1/jobs",
            json={"body": {"messages": [{"role": "user", "content": "Hi"}]}, "callback_url": url},
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "#/callback_url"

    assert row_count(stack) == rows


def row_count(stack: Stack) -> int:
    pages = stack.aws("dynamodb").get_paginator("scan")
    found = pages.paginate(TableName=stack.facts["table_name"], Select="COUNT")
    return sum(page["Count"] for page in found)


def make_due(stack: Stack, job_id: str, *, after_attempts: int) -> None:
    """Bring a pending delivery's next attempt forward to now, so that no test waits for minutes."""
    dynamodb: Any = stack.aws("dynamodb")
    names = {"table": stack.facts["table_name"], "pk": f"D#{job_id}"}

    def row() -> dict[str, Any]:
        found = dynamodb.query(
            TableName=names["table"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": names["pk"]}},
        )
        delivery: dict[str, Any] = found["Items"][0]
        return delivery

    delivery = row()
    while len(delivery["attempts"]["L"]) < after_attempts or "lease_until" in delivery:
        httpx.get(stack.facts["mistral_url"] + "/_simulator/stats")  # lets a moment pass
        delivery = row()
    now = int(datetime.now(UTC).timestamp() * 1000)  # noqa: TID251 - the stack runs in real time
    dynamodb.update_item(
        TableName=names["table"],
        Key={"pk": delivery["pk"], "sk": delivery["sk"]},
        UpdateExpression="SET next_attempt_at = :now",
        ExpressionAttributeValues={":now": {"N": str(now)}},
    )
    queues = stack.aws("sqs")
    url = next(u for u in queues.list_queues()["QueueUrls"] if "DeliveriesQueue" in u)
    message = {"schema": "1", "target_id": job_id, "delivery_id": delivery["sk"]["S"]}
    queues.send_message(QueueUrl=url, MessageBody=json.dumps(message), MessageGroupId="test")
