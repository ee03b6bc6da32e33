from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.retry_after import RETRY_AFTER_MAX, parse_retry_after
from relay.domain.webhook_exchange import (
    RESPONSE_HEAD_CHARACTERS_MAX,
    WebhookAnswer,
    WebhookFailure,
    WebhookRequest,
    response_head,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("86401", RETRY_AFTER_MAX),
        ("9" * 5_000, RETRY_AFTER_MAX),
        ("Mon, 02 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Monday, 02-Mar-26 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon Mar  2 12:05:00 2026", timedelta(minutes=5)),
        ("Mon, 02 Mar 2026 12:00:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX),
        ("Mon, 02 Mar 2026 11:59:59 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("+5", None),
        ("٣", None),
        ("²", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Mar 2026 12:05:00 GMT", None),
        ("Mon, 02 Mar 99999999999999999999 12:05:00 GMT", None),
        ("Mon, 02 Mar 2026 12:05:00 GMT" + " " * 100 + "x", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_ahead(value: str, wait: timedelta | None) -> None:
    assert parse_retry_after(value, now=NOON) == wait


@given(st.text() | st.from_regex(r"\A[A-Za-z0-9,:+\- ]{0,40}\Z"))
def test_whatever_a_receiver_writes_retry_after_is_within_bounds(value: str) -> None:
    wait = parse_retry_after(value, now=NOON)

    assert wait is None or timedelta(0) <= wait <= RETRY_AFTER_MAX


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (b"", ""),
        (b"ok", "ok"),
        (b"a\r\nb\tc\nd", "a b c d"),
        (b"\x1b[31mred\x00\x07", "[31mred"),
        ("caf\u00e9 \u202eabc".encode(), "caf\u00e9 abc"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 2_000, "x" * 1_024),
        ("\u20ac".encode() * 2_000, "\u20ac" * 1_024),
    ],
)
def test_the_head_of_a_response_is_short_and_printable(body: bytes, head: str) -> None:
    assert response_head(body) == head


@given(st.binary(max_size=6_000))
def test_whatever_a_receiver_sends_its_head_can_be_stored_and_shown(body: bytes) -> None:
    head = response_head(body)

    assert len(head) <= RESPONSE_HEAD_CHARACTERS_MAX
    assert head.isprintable()
    head.encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-a", "b\r\nx-evil: 1"),
        ("x-a", "b\nc"),
        ("x-a", "b\x00"),
        ("x-a", " b"),
        ("x-a", "b "),
        ("x-a", "caf\u00e9"),
        ("x a", "b"),
        ("x-a:", "b"),
        ("", "b"),
        ("x-a\n", "b"),
    ],
)
def test_a_header_that_would_leave_its_line_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="one line of visible ASCII") as refused:
        WebhookRequest("https://example.com/", {name: value}, b"")

    assert "evil" not in str(refused.value)


def test_a_request_shows_nothing_of_itself() -> None:
    request = WebhookRequest("https://example.com/?token=1", {"webhook-id": "evt_1"}, b"secret")

    assert repr(request) == "WebhookRequest()"


@pytest.mark.parametrize(("status_code", "failure"), [(None, None), (200, WebhookFailure.TIMEOUT)])
def test_an_answer_is_either_a_status_or_a_failure(
    status_code: int | None, failure: WebhookFailure | None
) -> None:
    with pytest.raises(AssertionError, match="either a status or a failure"):
        WebhookAnswer(status_code, failure, None, "", timedelta(0))
