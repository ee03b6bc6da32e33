"""No prompt, answer, key or secret is in any log of the running stack."""

from typing import Any

from tests.e2e.conftest import Stack, Subscriber

CANARY = "kanarienvogel-7d41"


def test_no_log_holds_a_prompt_an_answer_a_key_or_a_secret(
    stack: Stack, subscriber: Subscriber
) -> None:
    secret = stack.api.get("/v1/webhook_secret").json()["secret"]
    job = stack.job_at_its_end(stack.submit(CANARY, callback_url=subscriber.url))
    subscriber.wait_until(lambda s: len(s.requests) == 1)
    stack.api.post("/v1/jobs", json={"body": {"messages": [{"role": CANARY}]}})

    logged = "\n".join(messages(stack.aws("logs")))

    assert job["id"] in logged
    for silent in (CANARY, job["output_text"], stack.facts["api_key"], secret, subscriber.url):
        assert silent not in logged


def messages(logs: Any) -> list[str]:
    found = []
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group["logGroupName"]):
            found += [event["message"] for event in page["events"]]
    return found
