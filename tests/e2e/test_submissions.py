"""A job by a message, a message that cannot be one, and a job that is cancelled at work."""

import json
from secrets import token_hex

from tests.e2e.conftest import Stack, Subscriber

LOOKS_MAX = 30
SLOW_MS = 3_000


def submission(subscriber: Subscriber, prompt: str = "By the queue") -> str:
    body = {"messages": [{"role": "user", "content": prompt}]}
    return json.dumps({"body": body, "callback_url": subscriber.url})


def sent(stack: Stack, body: str, **notes: str) -> str:
    """Send a message as a producer does and return its id."""
    answer = stack.aws("sqs").send_message(
        QueueUrl=stack.facts["submissions_queue_url"],
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": text} for name, text in notes.items()
        },
    )
    return str(answer["MessageId"])


def reason_of(stack: Stack, message_id: str) -> str:
    """Return why a message was refused, once it lies among the dead letters."""
    sqs, url = stack.aws("sqs"), stack.facts["submissions_dlq_url"]
    for _ in range(LOOKS_MAX):
        received = sqs.receive_message(
            QueueUrl=url,
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            VisibilityTimeout=20,  # so that others which lie there are looked at once
        )
        for message in received.get("Messages", []):
            notes = message["MessageAttributes"]
            if notes["message_id"]["StringValue"] == message_id:
                return str(notes["reason"]["StringValue"])
    raise AssertionError(f"{message_id} was not laid down")


def test_a_message_becomes_a_job_that_its_producer_finds(
    stack: Stack, subscriber: Subscriber
) -> None:
    message_id = sent(stack, submission(subscriber))
    subscriber.wait_until(lambda it: len(it.requests) == 1)
    (event,) = subscriber.events()

    (found,) = stack.api.get("/v1/jobs", params={"message_id": message_id}).json()["data"]

    assert event["type"] == "job.completed"
    assert event["data"]["id"] == found["id"]
    assert found["submission"] == {
        "source": "sqs",
        "message_id": message_id,
        "idempotency_key": None,
    }


def test_another_request_under_a_producers_key_is_laid_down_with_its_reason(
    stack: Stack, subscriber: Subscriber
) -> None:
    key = token_hex(8)
    sent(stack, submission(subscriber), idempotency_key=key)
    subscriber.wait_until(lambda it: len(it.requests) == 1)

    message_id = sent(stack, submission(subscriber, "Something else"), idempotency_key=key)

    assert "was used for another request" in reason_of(stack, message_id)


def test_a_message_that_cannot_be_a_job_is_laid_down_with_its_reason(stack: Stack) -> None:
    message_id = sent(stack, "no JSON")

    assert reason_of(stack, message_id).startswith("it is not JSON")


def test_a_job_that_is_cancelled_at_work_keeps_what_it_cost_and_not_its_answer(
    stack: Stack,
) -> None:
    stack.faults(latency_ms=SLOW_MS)
    job = stack.submit("Take your time", wait=1)
    assert job["status"] == "in_progress"

    cancelled = stack.api.post(f"/v1/jobs/{job['id']}/cancel").json()
    stack.job_at_its_end(stack.submit("Take the same time"))  # so that the first is over too

    after = stack.api.get(f"/v1/jobs/{job['id']}").json()
    assert cancelled["status"] == after["status"] == "cancelled"
    assert after["usage"]["total_tokens"] > 0
    assert results_of(stack, job["id"]) == []


def results_of(stack: Stack, job_id: str) -> list[str]:
    found = stack.aws("dynamodb").query(
        TableName=stack.facts["table_name"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :result)",
        ExpressionAttributeValues={":pk": {"S": f"B#{job_id}"}, ":result": {"S": "res#"}},
    )
    return [row["sk"]["S"] for row in found["Items"]]
