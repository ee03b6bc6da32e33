"""The receivers of docs/webhooks.md take what we sign, once, and nothing else."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.adapters.system_clock import SystemClock
from relay.domain.backoff import WEBHOOK_JITTER, WEBHOOK_SCHEDULE
from relay.domain.event import envelope
from relay.domain.event_types import EVENT_TYPES
from relay.domain.ids import EventId
from relay.domain.signing import WebhookSecret, legacy_headers, signature_headers
from relay.domain.webhook_endpoint import DISABLED_AFTER, PACED_AFTER, SLOW, TURNS_APART
from tests.receivers.guide import GUIDE, Receiver, Request, block

SECRET = WebhookSecret(b"0123456789abcdef0123456789abcdef")
OTHER = WebhookSecret(b"fedcba9876543210fedcba9876543210")
NOW = timedelta(0)

RECEIVERS = [
    Receiver(language, way)
    for language in ("python", "javascript")
    for way in ("with the library", "by hand")
]


@pytest.fixture(params=RECEIVERS, ids=lambda one: f"{one.language} {one.way}")
def receiver(request: pytest.FixtureRequest) -> Receiver:
    found = request.param
    assert isinstance(found, Receiver)
    return found


def body_of(event_id: str = "evt_1", sequence: int = 3, status: str = "completed") -> bytes:
    data = {"id": "job_1", "status": status, "output_text": "Grüße, 東京"}
    happened = datetime.fromisoformat("2026-11-21T12:00:00Z")
    told = envelope(
        EventId(event_id), f"job.{status}", occurred_at=happened, sequence=sequence, data=data
    )
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signed(
    *secrets: WebhookSecret, body: bytes | None = None, ago: timedelta = NOW, **changes: str
) -> Request:
    """Return a request that was signed some time ago; ``changes`` were made on its way."""
    sent = body_of() if body is None else body
    sent_at = SystemClock().now() - ago
    headers = signature_headers(secrets or [SECRET], message_id="evt_1", sent_at=sent_at, body=sent)
    replaced = {f"webhook-{name}": value for name, value in changes.items()}
    return Request({**headers, **replaced}, sent)


def without(name: str) -> Request:
    request = signed()
    return Request({key: text for key, text in request.headers.items() if key != name}, b"{}")


def test_what_we_sign_is_kept_as_it_was_sent(receiver: Receiver, tmp_path: Path) -> None:
    received = receiver.receive(tmp_path, SECRET.text, signed())

    assert received.statuses == [204]
    assert received.kept == [json.loads(body_of())]


def test_retries_are_taken_and_kept_once(receiver: Receiver, tmp_path: Path) -> None:
    minutes_ago = timedelta(minutes=4)

    received = receiver.receive(tmp_path, SECRET.text, signed(ago=minutes_ago), signed(), signed())

    assert received.statuses == [204, 204, 204]
    assert len(received.kept) == 1


@pytest.mark.parametrize("secrets", [(SECRET, OTHER), (OTHER, SECRET)])
def test_while_a_secret_rotates_either_verifies(
    receiver: Receiver, tmp_path: Path, secrets: Sequence[WebhookSecret]
) -> None:
    received = receiver.receive(tmp_path, SECRET.text, signed(*secrets))

    assert received.statuses == [204]


def test_all_else_is_refused_and_none_of_it_kept(receiver: Receiver, tmp_path: Path) -> None:
    ten_minutes = timedelta(minutes=10)
    good = signed()
    signature = good.headers["webhook-signature"]
    refused = {
        "somebody else's signature": signed(OTHER),
        "another body": Request(good.headers, good.body.replace(b"completed", b"cancelled")),
        "an old request": signed(ago=ten_minutes),
        "an old request with a new time stamp": signed(
            ago=ten_minutes, timestamp=good.headers["webhook-timestamp"]
        ),
        "a request from the future": signed(ago=-ten_minutes),
        "another id": signed(id="evt_2"),
        "no time at all": signed(timestamp="soon"),
        "an empty signature": signed(signature=""),
        "a signature without a version": signed(signature=signature.removeprefix("v1,")),
        "a signature of another version": signed(signature=signature.replace("v1,", "v2,")),
        "half a signature": signed(signature=signature[:20]),
        **{f"no {name}": without(name) for name in good.headers},
    }

    received = receiver.receive(tmp_path, SECRET.text, *refused.values())

    statuses = dict(zip(refused, received.statuses, strict=True))
    assert statuses == dict.fromkeys(refused, 400)
    assert received.kept == []


def names_in(title: str) -> dict[str, Any]:
    """Run a block that stands alone, and return what it defines."""
    names: dict[str, Any] = {}
    exec(compile(block(title), title, "exec"), names)  # noqa: S102 - our own page
    return names


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (3, 3, 1)])
def test_the_newest_state_wins_in_whatever_order_it_comes(order: Sequence[int]) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, sequence INTEGER, status TEXT)")
    states = {1: "queued", 2: "in_progress", 3: "completed"}
    apply = names_in("apply.py")["apply"]

    for sequence in order:
        apply(database, json.loads(body_of(sequence=sequence, status=states[sequence])))

    assert database.execute("SELECT sequence, status FROM jobs").fetchall() == [(3, "completed")]
    database.close()


def test_the_older_scheme_verifies_what_we_sign_by_it_and_nothing_else() -> None:
    verify_older = names_in("verify_older.py")["verify_older"]
    body = body_of()
    headers = legacy_headers(SECRET, sent_at=SystemClock().now(), body=body)

    assert verify_older(headers, body, SECRET.text) == json.loads(body)
    for given, sent, secret in (
        (headers, body, OTHER.text),
        (headers, body + b" ", SECRET.text),
        ({}, body, SECRET.text),
    ):
        with pytest.raises(ValueError, match="somebody else"):
            verify_older(given, sent, secret)


def test_the_guides_numbers_are_those_of_the_code() -> None:
    def text_of(wait: timedelta) -> str:
        seconds = int(wait.total_seconds())
        for unit, length in (("h", 3600), ("min", 60)):
            if seconds >= length:
                return f"{seconds // length} {unit}"
        return f"{seconds} s"

    *waits, last = map(text_of, WEBHOOK_SCHEDULE)
    hours = sum(WEBHOOK_SCHEDULE, timedelta()) / timedelta(hours=1)

    assert f"Retries come {', '.join(waits)} and {last} after" in GUIDE
    longest = hours * (1 + WEBHOOK_JITTER)
    assert f"which is {round(hours)} hours, {round(longest)} where chance" in GUIDE
    slow, failing, apart = (int(it.total_seconds()) for it in (SLOW, PACED_AFTER, TURNS_APART))
    pacing = f"more than {slow} seconds, or has only failed for {failing // 60} minutes"
    assert f"{pacing}, gets one request at a time, {apart} seconds apart" in GUIDE
    assert f"has only failed for {DISABLED_AFTER.days} days is disabled" in GUIDE


def test_the_guide_names_every_type_that_there_is() -> None:
    not_there_yet = {"job.requires_action"}

    table = GUIDE.partition("## Types")[2]

    assert {name for name in EVENT_TYPES if f"`{name}`" not in table} == not_there_yet
