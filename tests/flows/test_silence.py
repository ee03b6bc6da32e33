"""Nothing that a tenant or the operator keeps to themselves turns up where others may read it."""

import json
from collections.abc import Callable

import pytest

from relay.domain.errors import MistralCallError
from relay.domain.job_error import ErrorCode
from relay.domain.webhook_exchange import WebhookAnswer
from tests.fakes.mistral import Script, always, chat_answer, in_turn, refusal
from tests.fakes.seam import QUIET, Seam
from tests.fakes.trouble import Trouble
from tests.fakes.webhook_sender import Script as SubscriberScript
from tests.fakes.webhook_sender import answered
from tests.flows.deployment import MASTER_SECRET, Function
from tests.flows.world import KEY, World

PROMPT = "canary-prompt"
ANSWER = "canary-answer"
METADATA = "canary-metadata"
HOOK = "https://example.com/canary-path?token=canary-token"
MISTRAL_SAYS = "canary-error"
LIBRARY_SAYS = "canary-exception"

FAULT = MistralCallError(ErrorCode.CONNECTION_FAILED, LIBRARY_SAYS)
DEFECT = RuntimeError(f"{LIBRARY_SAYS} {PROMPT}")
PLOTS: dict[str, Callable[[], Script]] = {
    "completes": lambda: always(chat_answer(ANSWER)),
    "fails": lambda: always(refusal(400, f"{MISTRAL_SAYS} {PROMPT}")),
    "waits": lambda: in_turn(refusal(429, MISTRAL_SAYS), chat_answer(ANSWER)),
    "is tried again": lambda: in_turn(FAULT, chat_answer(ANSWER)),
    "meets a defect": lambda: in_turn(DEFECT, chat_answer(ANSWER)),
}
JOB = {
    "body": {"messages": [{"role": "user", "content": PROMPT}]},
    "metadata": {"order": METADATA},
    "callback": {"url": HOOK, "legacy_signature": True},
    "notify_started": True,
}


def whole_history(script: Script, seam: Seam = QUIET) -> World:
    """Let everything that there is happen once, with canaries in all that is confidential."""
    subscribers = in_turn_answers(answered(500), answered(200))
    world = World(seam=seam, mistral=script, subscriber=subscribers)
    job_id = world.submit(JOB)
    world.request("POST", "/v1/jobs", {**JOB, "body": {"nonsense": PROMPT}})
    world.request("POST", "/v1/jobs", JOB, key=KEY[:-1])
    world.request("GET", "/v1/webhook_secret")
    world.settle()
    world.job(job_id)
    return world


def in_turn_answers(*answers: WebhookAnswer) -> SubscriberScript:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture(params=PLOTS)
def history(request: pytest.FixtureRequest) -> World:
    return whole_history(PLOTS[request.param]())


def secrets_of(world: World) -> list[str]:
    secret = next(r.json["secret"] for r in world.replies if "whsec_" in r.text)
    signatures = [
        value
        for post in world.subscriber.posts
        for name, value in post.headers.items()
        if "signature" in name
    ]
    assert signatures
    return [KEY, KEY[:-1], MASTER_SECRET, secret, secret.removeprefix("whsec_"), *signatures]


CONTENT = [PROMPT, ANSWER, MISTRAL_SAYS, LIBRARY_SAYS, "canary-path", "canary-token"]


def test_no_log_line_tells_of_content_or_secrets(history: World) -> None:
    assert history.log_text.count("\n") > 10
    for canary in (*CONTENT, METADATA, *secrets_of(history), "canary"):
        assert canary not in history.log_text


def test_no_message_between_functions_tells_of_content_or_secrets(history: World) -> None:
    messages = history.sent_to(Function.WORKER) + history.sent_to(Function.DELIVERER)
    assert messages
    for message in messages:
        assert "canary" not in message
        for secret in secrets_of(history):
            assert secret not in message


def test_the_bus_is_told_ids_and_metadata_and_nothing_else(history: World) -> None:
    told = history.sent_to(Function.FANOUT)
    assert told
    for message in told:
        assert "canary" not in message.replace(METADATA, "")
        assert json.loads(message)["detail"]["data"]["metadata"] == {"order": METADATA}
        for secret in secrets_of(history):
            assert secret not in message


def test_each_line_of_the_log_is_one_json_object_with_a_name(history: World) -> None:
    for log in history.logs.values():
        for line in log.lines:
            assert line["message"].count(".") == 1
            assert line["service"]


@pytest.mark.parametrize(
    "call", ["jobs.claim", "jobs.save", "jobs.get", "deliveries.claim", "deliveries.save"]
)
def test_no_defect_makes_the_log_talk(call: str) -> None:
    trouble = Trouble(call, RuntimeError("canary-trouble"), times=1)

    world = whole_history(always(chat_answer(ANSWER)), trouble)

    assert "RuntimeError" in world.log_text
    assert "canary" not in world.log_text


def test_dead_letters_hold_names_and_metadata_and_nothing_else() -> None:
    trouble = Trouble("deliveries.create", RuntimeError(LIBRARY_SAYS))

    world = whole_history(always(chat_answer(ANSWER)), trouble)

    assert world.events_queue.dead
    for letter in world.dead_letters:
        assert "canary" not in letter.replace(METADATA, "")
        assert KEY not in letter
