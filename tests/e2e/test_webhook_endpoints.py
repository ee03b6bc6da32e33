"""Registered endpoints: told, signed, listed, rotated, told again, and left alone once deleted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.e2e.conftest import Stack, Subscriber

POLLS_MAX = 20
NEVER = "webhook_endpoint.disabled"
"""A type of which nothing happens here, so that asking for it takes as long as it may."""


@contextmanager
def registered(stack: Stack, url: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """Register an endpoint, and remove it in the end, so that no other test meets it."""
    answer = stack.api.post(
        "/v1/webhook_endpoints", json={"url": url, "event_types": ["job.*"]} | fields
    )
    assert answer.status_code == 201, answer.text
    endpoint: dict[str, Any] = answer.json()
    yield endpoint
    stack.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")


def only_delivery(stack: Stack, **filters: str) -> dict[str, Any]:
    """Return the one delivery of a list, once it has ended."""
    for _ in range(POLLS_MAX):
        found = stack.api.get("/v1/deliveries", params=filters).json()["data"]
        if found and found[0]["status"] != "pending":
            (delivery,) = found
            ended: dict[str, Any] = delivery
            return ended
        stack.api.get("/v1/events", params={"wait": "1", "type": NEVER})  # a second
    raise AssertionError(f"no delivery has ended for {filters}")


def test_an_event_reaches_an_endpoint_signed_and_its_attempt_is_in_the_log(
    stack: Stack, subscriber: Subscriber
) -> None:
    with registered(stack, subscriber.url) as endpoint:
        job = stack.job_at_its_end(stack.submit())
        subscriber.wait_until(lambda s: len(s.requests) == 1)
        delivery = only_delivery(stack, endpoint_id=endpoint["id"])

    headers, body = subscriber.requests[0]
    event = Webhook(endpoint["secret"]).verify(body, headers)
    assert event["data"]["id"] == job["id"]
    assert event["data"]["output_text"] == job["output_text"]
    assert delivery["event_id"] == headers["webhook-id"]
    assert delivery["status"] == "delivered"
    assert [it["status_code"] for it in delivery["attempts"]] == [200]
    shown = stack.api.get(f"/v1/events/{headers['webhook-id']}").json()
    assert shown == json.loads(body)


def test_both_secrets_sign_after_a_rotation(stack: Stack, subscriber: Subscriber) -> None:
    with registered(stack, subscriber.url) as endpoint:
        rotated = stack.api.post(f"/v1/webhook_endpoints/{endpoint['id']}/rotate_secret").json()
        stack.submit(wait=20)
        subscriber.wait_until(lambda s: len(s.requests) == 1)

    headers, body = subscriber.requests[0]
    assert rotated["secret"] != endpoint["secret"]
    for secret in (rotated["secret"], endpoint["secret"]):
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(stack.api.get("/v1/webhook_secret").json()["secret"]).verify(body, headers)


def test_an_event_is_sent_again_to_another_endpoint_under_its_id(
    stack: Stack, subscriber: Subscriber
) -> None:
    with (
        registered(stack, subscriber.url) as first,
        registered(stack, subscriber.url, event_types=["submission.*"]) as second,
    ):
        stack.submit(wait=20)
        subscriber.wait_until(lambda s: len(s.requests) == 1)
        event_id = subscriber.requests[0][0]["webhook-id"]
        answer = stack.api.post(
            f"/v1/events/{event_id}/redeliver", json={"endpoint_id": second["id"]}
        )
        subscriber.wait_until(lambda s: len(s.requests) == 2)

    assert answer.status_code == 202
    assert answer.json()["event_id"] == event_id
    (headers, body), (headers_again, body_again) = subscriber.requests
    assert headers_again["webhook-id"] == headers["webhook-id"]
    assert body_again == body
    Webhook(first["secret"]).verify(body, headers)
    Webhook(second["secret"]).verify(body_again, headers_again)


def test_a_test_reaches_the_endpoint_and_a_delivery_can_be_sent_again(
    stack: Stack, subscriber: Subscriber
) -> None:
    subscriber.answers = [500]
    with registered(stack, subscriber.url) as endpoint:
        tested = stack.api.post(f"/v1/webhook_endpoints/{endpoint['id']}/test")
        failed = only_delivery(stack, endpoint_id=endpoint["id"])
        again = stack.api.post(f"/v1/deliveries/{failed['id']}/redeliver")
        subscriber.wait_until(lambda s: len(s.requests) == 2)
        delivered = only_delivery(stack, endpoint_id=endpoint["id"], status="delivered")

    assert tested.status_code == again.status_code == 202
    assert failed["status"] == "exhausted"
    assert delivered["id"] == failed["id"] == tested.json()["id"]
    assert [it["status_code"] for it in delivered["attempts"]] == [500, 200]


def test_what_a_disabled_endpoint_missed_is_recovered(stack: Stack, subscriber: Subscriber) -> None:
    with registered(stack, subscriber.url) as endpoint:
        address = f"/v1/webhook_endpoints/{endpoint['id']}"
        disabled = stack.api.patch(address, json={"status": "disabled"}).json()
        job = stack.job_at_its_end(stack.submit())
        enabled = stack.api.post(f"{address}/enable").json()
        recovery = stack.api.post(f"{address}/recover", json={"since": job["created_at"]})
        subscriber.wait_until(lambda s: len(s.requests) == 1, minutes=3)  # the wheel's next turns

    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "manual")
    assert enabled["status"] == "enabled"
    assert recovery.status_code == 202
    assert [event["data"]["id"] for event in subscriber.events()] == [job["id"]]


def test_a_deleted_endpoint_is_told_no_more(stack: Stack, subscriber: Subscriber) -> None:
    subscriber.answers = [503]
    with registered(stack, subscriber.url) as endpoint:
        stack.submit(wait=20)
        subscriber.wait_until(lambda s: len(s.requests) == 1)
        deleted = stack.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
        delivery = only_delivery(stack, endpoint_id=endpoint["id"])  # when its retry comes round

    assert deleted.status_code == 204
    assert delivery["status"] == "cancelled"
    assert len(subscriber.requests) == 1
    assert stack.api.get(f"/v1/webhook_endpoints/{endpoint['id']}").status_code == 404


def test_a_follower_hears_of_an_end_while_it_waits(stack: Stack) -> None:
    page = stack.api.get("/v1/events", params={"limit": "100"}).json()
    while page["has_more"]:
        page = stack.api.get("/v1/events", params={"cursor": page["next_cursor"]}).json()
    job = stack.submit()

    heard: list[str] = []
    for _ in range(POLLS_MAX):
        asked = {"wait": "20", "type": "job.*"}
        if page["next_cursor"]:
            asked["cursor"] = page["next_cursor"]
        page = stack.api.get("/v1/events", params=asked).json()
        heard += [event["data"]["id"] for event in page["data"]]
        if job["id"] in heard:
            break

    assert heard.count(job["id"]) == 1


def test_listening_posts_events_to_this_machine_as_they_happen(
    stack: Stack, subscriber: Subscriber
) -> None:
    program = str(Path(sys.executable).parent / "relay")
    with subprocess.Popen(  # noqa: S603 - our own command
        [program, "listen", "--forward-to", subscriber.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as listening:
        assert listening.stdout is not None
        listening.stdout.readline()  # it says that it listens
        job = stack.job_at_its_end(stack.submit())
        subscriber.wait_until(lambda s: any(e["data"]["id"] == job["id"] for e in s.events()))
        listening.terminate()
        listening.stdout.read()

    secret = stack.api.get("/v1/webhook_secret").json()["secret"]
    for headers, body in subscriber.requests:
        Webhook(secret).verify(body, headers)


def test_a_table_dump_holds_no_secret(stack: Stack, subscriber: Subscriber) -> None:
    with registered(stack, subscriber.url) as endpoint:
        stack.submit(wait=20)
        subscriber.wait_until(lambda s: len(s.requests) == 1)
        pages = stack.aws("dynamodb").get_paginator("scan")
        rows = [
            row
            for page in pages.paginate(TableName=stack.facts["table_name"])
            for row in page["Items"]
        ]

    dump = str(rows)
    assert endpoint["id"] in dump
    assert endpoint["secret"] not in dump
    assert endpoint["secret"].removeprefix("whsec_") not in dump


@pytest.mark.parametrize("url", ["http://example.com/", "https://169.254.169.254/latest"])
def test_an_endpoint_at_a_forbidden_target_is_not_registered(stack: Stack, url: str) -> None:
    answer: httpx.Response = stack.api.post(
        "/v1/webhook_endpoints", json={"url": url, "event_types": ["*"]}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/url"
