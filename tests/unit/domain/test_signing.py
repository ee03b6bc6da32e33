import hashlib
import hmac
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from relay.domain.ids import EndpointId, TenantId
from relay.domain.signing import (
    WebhookSecret,
    callback_secret,
    endpoint_secret,
    hkdf,
    legacy_headers,
    signature_headers,
)

SENT_AT = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SECRET = WebhookSecret(b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
OTHER_SECRET = WebhookSecret(bytes(32))


def test_a_signature_is_the_one_that_standard_webhooks_publishes() -> None:
    headers = signature_headers([SECRET], message_id=MESSAGE_ID, sent_at=SENT_AT, body=BODY)

    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(hours=st.integers(-23, 23), microseconds=st.integers(0, 999_999))
def test_a_signature_does_not_depend_on_the_zone_nor_on_fractions_of_a_second(
    hours: int, microseconds: int
) -> None:
    elsewhere = SENT_AT.astimezone(timezone(timedelta(hours=hours)))
    sent_at = elsewhere.replace(microsecond=microseconds)

    headers = signature_headers([SECRET], message_id=MESSAGE_ID, sent_at=sent_at, body=BODY)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_of_a_rotation_signs() -> None:
    headers = signature_headers(
        [OTHER_SECRET, SECRET], message_id=MESSAGE_ID, sent_at=SENT_AT, body=BODY
    )

    first, second = headers["webhook-signature"].split(" ")
    assert first != second
    assert second == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(body=st.dictionaries(st.text(), st.text()))
def test_the_receivers_library_takes_what_we_sign(body: dict[str, str]) -> None:
    """Its clock is the machine's, so its own signing stands in for its check of the time."""
    text = json.dumps(body, ensure_ascii=False)
    secret = callback_secret("master", TenantId("ten_1"))

    ours = signature_headers([secret], message_id="evt_1", sent_at=SENT_AT, body=text.encode())

    assert ours["webhook-signature"] == Webhook(secret.text).sign("evt_1", SENT_AT, text)


@pytest.mark.parametrize(
    ("key", "salt", "info", "okm"),
    [
        pytest.param(
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="test case 1",
        ),
        pytest.param(
            "0b" * 22,
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="test case 3",
        ),
    ],
)
def test_key_derivation_is_that_of_rfc_5869(key: str, salt: str, info: str, okm: str) -> None:
    derived = hkdf(bytes.fromhex(key), salt=bytes.fromhex(salt), info=bytes.fromhex(info))

    assert derived == bytes.fromhex(okm)[:32]


def test_each_tenant_and_version_has_a_secret_of_its_own() -> None:
    secrets = {
        callback_secret(master, TenantId(tenant), version=version).text
        for master in ("master", "another")
        for tenant in ("ten_1", "ten_2")
        for version in (1, 2)
    }

    assert len(secrets) == 8
    assert callback_secret("master", TenantId("ten_1")).text in secrets


def test_each_version_of_each_endpoint_of_each_tenant_has_a_secret_of_its_own() -> None:
    secrets = {
        endpoint_secret(master, TenantId(tenant), EndpointId(endpoint), version=version).text
        for master in ("master", "another")
        for tenant in ("ten_1", "ten_2")
        for endpoint in ("we_1", "we_2")
        for version in (1, 2)
    }
    of_callbacks = {callback_secret("master", TenantId("ten_1"), version=it).text for it in (1, 2)}

    assert len(secrets) == 16
    assert not secrets & of_callbacks


def test_an_endpoint_s_secret_stays_what_it_was() -> None:
    """Receivers have it: a change would make them refuse every webhook.

    The expected value is what another implementation of RFC 5869 derives, ``cryptography``'s.
    """
    secret = endpoint_secret("master", TenantId("ten_1"), EndpointId("we_1"), version=1)

    assert secret == WebhookSecret(b64decode("3HX1SyI63B+KuLHBsKGZi5Ds/3xNoIwYzYJpMCTz51w="))
    assert repr(secret) == "WebhookSecret(***)"


def test_a_secret_is_given_out_as_standard_webhooks_says() -> None:
    assert SECRET.text == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert len(b64decode(callback_secret("m", TenantId("t")).text.removeprefix("whsec_"))) == 32


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_a_secret_does_not_show_itself(show: type[str]) -> None:
    assert show(SECRET) == "WebhookSecret(***)"


def test_the_older_scheme_is_hex_over_the_body_keyed_with_the_secret_as_written() -> None:
    headers = legacy_headers(SECRET, sent_at=SENT_AT, body=BODY)

    key = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert headers == {
        "x-webhook-signature": hmac.new(key, BODY, hashlib.sha256).hexdigest(),
        "x-webhook-timestamp": "2021-02-25T15:02:10.000Z",
    }
