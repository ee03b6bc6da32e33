import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.idempotency import (
    ACCEPTING_TIME,
    KEPT_FOR,
    IdempotencyKey,
    fingerprint_of,
    is_key,
    message_key,
    message_key_hash,
    reservation,
)
from relay.domain.job_request import UnreadableSubmissionError
from tests.fakes.clock import NOON
from tests.fakes.examples import OTHER_TENANT, TENANT, a_job_id
from tests.unit.domain.test_job_request import check

KEY = IdempotencyKey(tenant_id=TENANT, route="POST /v1/jobs", key="k", fingerprint="f")
MILLISECOND = timedelta(milliseconds=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value: Any) -> Any:
    """Return the same JSON with the members of every object in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_spacing_order_and_escapes_leave_a_fingerprint_as_it_is(value: Any) -> None:
    plain = json.dumps(value).encode()
    other = json.dumps(shuffled(value), indent=3, ensure_ascii=False).encode(errors="surrogatepass")

    assert fingerprint_of(plain) == fingerprint_of(other)


@given(json_values, json_values)
def test_two_requests_have_the_same_fingerprint_only_if_they_are_the_same(
    one: Any, other: Any
) -> None:
    texts = [json.dumps(value, sort_keys=True) for value in (one, other)]

    fingerprints = [fingerprint_of(json.dumps(value).encode()) for value in (one, other)]

    assert (fingerprints[0] == fingerprints[1]) == (texts[0] == texts[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("1", "true"),
        ("0", "false"),
        ("null", '""'),
        ("[1,2]", "[2,1]"),
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":null}', "{}"),
        ("9007199254740993", "9007199254740992"),
        ('"é"', '"e\\u0301"'),
    ],
)
def test_what_looks_alike_is_not_the_same(one: str, other: str) -> None:
    assert fingerprint_of(one.encode()) != fingerprint_of(other.encode())


def test_a_request_without_a_body_has_a_fingerprint_too() -> None:
    assert fingerprint_of(b"") == fingerprint_of(b"")


@given(st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_whatever_is_readable_as_a_submission_has_a_fingerprint(raw: bytes) -> None:
    """The two are read by two JSON readers, and what only one of them took would be a defect."""
    try:
        check(b'{"body":' + raw + b"}")
    except UnreadableSubmissionError:
        return
    except ValueError:
        pass  # it can be read, and cannot be right

    assert fingerprint_of(b'{"body":' + raw + b"}")


@pytest.mark.parametrize("key", ["k", "!", "~", "k" * 255, '"quoted"', "a,b", "#\\"])
def test_a_key_is_any_1_to_255_visible_characters(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "a\n", "\x00", "\x7f", "é", "\ud800"])
def test_anything_else_is_no_key(key: str) -> None:
    assert not is_key(key)


def test_a_key_is_told_apart_by_its_route_and_by_its_text() -> None:
    def hash_of(route: str, key: str) -> str:
        return IdempotencyKey(tenant_id=TENANT, route=route, key=key, fingerprint="f").hash

    hashes = {hash_of("a", "b"), hash_of("ab", ""), hash_of("", "ab"), hash_of("b", "a")}

    assert len(hashes) == 4


def test_a_message_s_key_is_found_by_the_message_s_id_alone() -> None:
    ours = message_key(TENANT, "m-1", "f", timedelta(days=30))
    theirs = message_key(OTHER_TENANT, "m-1", "g", timedelta(days=30))

    assert ours.hash == theirs.hash == message_key_hash("m-1")
    assert ours.hash != message_key_hash("m-2")


def test_a_message_s_key_is_none_that_a_client_could_give() -> None:
    route_of_clients = "POST /v1/jobs"
    given_key = IdempotencyKey(tenant_id=TENANT, route=route_of_clients, key="m", fingerprint="f")

    assert given_key.hash != message_key_hash("m")


def test_a_reservation_says_for_how_long_it_holds_and_for_how_long_its_maker_may_be_at_work() -> (
    None
):
    held = reservation(KEY, a_job_id(), NOON + MILLISECOND)

    assert (held.tenant_id, held.hash, held.fingerprint) == (TENANT, KEY.hash, "f")
    assert held.resource_id == a_job_id()
    assert held.accepting_until == NOON + MILLISECOND + ACCEPTING_TIME
    assert held.expires_at == NOON + KEPT_FOR  # whole seconds, as a time to live is


def test_whoever_takes_a_reservation_over_has_as_much_time_and_the_key_no_more() -> None:
    held = reservation(KEY, a_job_id(), NOON)

    taken = held.taken_over(NOON + timedelta(hours=1))

    assert taken.accepting_until == NOON + timedelta(hours=1) + ACCEPTING_TIME
    assert (taken.resource_id, taken.expires_at) == (held.resource_id, held.expires_at)
