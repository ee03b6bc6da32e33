"""Address, secrets, and leave to post: what is read of an endpoint just before each attempt."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from functions.deliverer.deliver import LOOK_AGAIN_AFTER
from relay.domain.content import result_key
from relay.domain.delivering import delivery_of
from relay.domain.delivery import Delivery
from relay.domain.event import endpoint_test
from relay.domain.ids import EndpointId, EventId, TenantId, ulid
from relay.domain.secret_versions import NEVER_ROTATED, OVERLAP
from relay.domain.signing import callback_secret, endpoint_secret
from relay.domain.webhook_endpoint import DisabledReason
from relay.domain.webhook_exchange import WebhookRequest
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    LEASE_MARGIN,
    TENANT,
    a_completed_job,
    a_job,
    an_endpoint,
    an_endpoint_id,
    an_event,
    completed,
)
from tests.fakes.meanwhile import Meanwhile
from tests.fakes.trouble import Trouble
from tests.fakes.webhook_sender import answered
from tests.unit.functions.deliverer_on_fakes import ANSWER, MASTER_SECRET, Deliverer
from tests.unit.functions.endpoint_deliveries import ToEndpoint

MINUTE = timedelta(minutes=1)
ENDPOINT_ID = an_endpoint_id()
NEW_URL = "https://new.example.com/hooks"
NO = answered(500)


class Receiver(Webhook):
    """The receivers' own library, whose clock is the machine's: here each post is in time."""

    def _Webhook__verify_timestamp(self, header: str) -> datetime:  # noqa: N802 - the library's name
        return datetime.fromtimestamp(int(header), tz=UTC)


def is_verified(post: WebhookRequest, secret: str) -> bool:
    try:
        told = Receiver(secret).verify(post.body, dict(post.headers))
    except WebhookVerificationError:
        return False
    return bool(told == json.loads(post.body))


def secret_of(version: int, endpoint_id: EndpointId = ENDPOINT_ID) -> str:
    return endpoint_secret(MASTER_SECRET, TENANT, endpoint_id, version=version).text


def verifying(post: WebhookRequest, secret: Callable[[int], str] = secret_of) -> list[int]:
    """Return the versions of the secret under which a post can be verified."""
    return [version for version in range(1, 6) if is_verified(post, secret(version))]


def of_a_job(deliverer: ToEndpoint) -> Delivery:
    """Keep the delivery of a job's end, with its result."""
    claimed = a_job().claimed(NOON, LEASE_MARGIN)
    result = deliverer.contents.put(claimed, result_key(claimed.fence), ANSWER)
    job = completed(claimed, result=result)
    deliverer.jobs.submit(job)
    return deliverer.keep(delivery_of(an_event(job), deliverer.endpoint, NOON))


def of_a_test(deliverer: ToEndpoint) -> Delivery:
    event = endpoint_test(deliverer.endpoint, EventId("evt_" + ulid(NOON, b"t" * 10)), NOON)
    return deliverer.keep(delivery_of(event, deliverer.endpoint, NOON))


class TestAddress:
    def test_it_is_posted_to_the_endpoint(self) -> None:
        deliverer = ToEndpoint()
        delivery = deliverer.tell()

        assert deliverer.run() == []

        (post,) = deliverer.posts
        assert post.url == deliverer.endpoint.url
        assert post.headers["webhook-id"] == delivery.event_id
        assert deliverer.status == "delivered"

    def test_a_new_address_holds_from_the_next_attempt_on(self) -> None:
        deliverer = ToEndpoint(NO, answered(200))
        deliverer.tell()
        deliverer.run()
        deliverer.change(url=NEW_URL)

        deliverer.run_to_the_end()

        first, second = deliverer.posts
        assert (first.url, second.url) == ("https://example.com/hooks", NEW_URL)
        assert deliverer.delivery.url == NEW_URL

    def test_an_address_that_changes_after_the_claim_holds_at_once(self) -> None:
        meanwhile = Meanwhile("endpoints.get")
        deliverer = ToEndpoint(seam=meanwhile)
        deliverer.tell()
        meanwhile.act = lambda: deliverer.change(url=NEW_URL)

        deliverer.run()

        assert [post.url for post in deliverer.posts] == [NEW_URL]

    def test_what_an_event_of_no_job_tells_comes_along_with_it(self) -> None:
        deliverer = ToEndpoint()
        delivery = deliverer.tell()

        deliverer.run()

        assert deliverer.posted()["type"] == "submission.rejected"
        assert deliverer.posted()["data"] == delivery.data


class TestSecrets:
    def test_a_post_is_signed_with_the_endpoint_s_own_secret(self) -> None:
        deliverer = ToEndpoint()
        deliverer.tell()

        deliverer.run()

        (post,) = deliverer.posts
        assert verifying(post) == [1]
        assert not is_verified(post, secret_of(1, an_endpoint_id(2)))
        assert not is_verified(post, callback_secret(MASTER_SECRET, TENANT).text)

    def test_through_a_rotation_in_mid_retry_each_secret_in_force_signs(self) -> None:
        deliverer = ToEndpoint(NO)
        deliverer.tell()
        deliverer.run()
        deliverer.change(secrets=deliverer.endpoint.secrets.rotated(NOON))

        deliverer.run_to_the_end()

        first, *others = deliverer.posts
        assert verifying(first) == [1]
        assert len(first.headers["webhook-signature"].split(" ")) == 1
        for post, at in zip(others, deliverer.posted_at[1:], strict=True):
            assert verifying(post) == ([1, 2] if at < NOON + OVERLAP else [2])
        assert {len(verifying(post)) for post in others} == {1, 2}

    def test_all_old_secrets_that_there_may_be_sign_along(self) -> None:
        deliverer = ToEndpoint()
        for _ in range(4):
            deliverer.change(secrets=deliverer.endpoint.secrets.rotated(NOON))
        deliverer.tell()

        deliverer.run()

        (post,) = deliverer.posts
        assert verifying(post) == [1, 2, 3, 4, 5]
        assert post.headers["webhook-signature"].isascii()

    def test_the_older_scheme_is_signed_with_the_newest(self) -> None:
        deliverer = ToEndpoint(registered=an_endpoint(event_types=("*",), legacy_signature=True))
        deliverer.change(secrets=deliverer.endpoint.secrets.rotated(NOON))
        deliverer.tell()

        deliverer.run()

        (post,) = deliverer.posts
        expected = hmac.new(secret_of(2).encode(), post.body, hashlib.sha256).hexdigest()
        assert post.headers["x-webhook-signature"] == expected
        assert verifying(post) == [1, 2]
        assert deliverer.posted()["event"] == deliverer.posted()["type"]

    def test_callbacks_are_signed_by_what_their_tenant_has_rotated_to(self) -> None:
        deliverer = Deliverer(NO)
        deliverer.add()
        deliverer.run()
        deliverer.callback_secrets.save(TENANT, NEVER_ROTATED, NEVER_ROTATED.rotated(NOON))
        other = TenantId("ten_other")
        deliverer.callback_secrets.save(other, NEVER_ROTATED, NEVER_ROTATED.rotated(NOON))

        deliverer.run_to_the_end()

        def secret(version: int) -> str:
            return callback_secret(MASTER_SECRET, TENANT, version=version).text

        assert verifying(deliverer.posts[0], secret) == [1]
        assert verifying(deliverer.posts[1], secret) == [1, 2]
        assert verifying(deliverer.posts[-1], secret) == [2]


class TestBytes:
    def test_another_payload_holds_from_the_next_round_on_and_retries_stay_the_same(self) -> None:
        deliverer = ToEndpoint(NO)
        delivery = of_a_job(deliverer)
        deliverer.run()
        deliverer.change(payload="thin", legacy_signature=True)

        deliverer.run_to_the_end()

        assert len(deliverer.posts) == 10
        assert len({post.body for post in deliverer.posts}) == 1
        assert b"Hello" in deliverer.posts[0].body
        assert not [it for it in deliverer.posts[-1].headers if it.startswith("x-")]
        assert {post.headers["webhook-id"] for post in deliverer.posts} == {delivery.event_id}

    def test_a_new_round_carries_the_same_id_and_the_payload_chosen_since(self) -> None:
        deliverer = ToEndpoint()
        of_a_job(deliverer)
        deliverer.run()
        before = deliverer.delivery
        after = before.reopened(NOON, round_id="rnd_1", payload="thin", legacy=True)
        deliverer.deliveries.reopen(before, after, at=NOON)
        deliverer.send(after)

        deliverer.run_to_the_end()

        first, second = deliverer.posts
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert b"Hello" not in second.body
        assert verifying(second) == [1]
        assert deliverer.delivery.attempts[-1].number == 2


class TestConsent:
    def test_a_deleted_endpoint_is_never_posted_to_again(self) -> None:
        deliverer = ToEndpoint(NO)
        deliverer.tell()
        deliverer.run()
        deliverer.remove()

        deliverer.run_to_the_end()

        assert deliverer.status == "cancelled"
        assert len(deliverer.posts) == 1

    @pytest.mark.parametrize("call", ["deliveries.claim", "secrets.get", "endpoints.get"])
    def test_a_deletion_between_claim_and_post_stops_the_post(self, call: str) -> None:
        meanwhile = Meanwhile(call)
        deliverer = ToEndpoint(seam=meanwhile)
        deliverer.tell()
        meanwhile.act = deliverer.remove

        assert deliverer.run() == []

        assert deliverer.status == "cancelled"
        assert deliverer.posts == []

    def test_a_deletion_while_a_turn_is_taken_stops_the_post(self) -> None:
        meanwhile = Meanwhile("endpoints.take_turn")
        slow = an_endpoint(event_types=("*",), slow_since=NOON)
        deliverer = ToEndpoint(seam=meanwhile, registered=slow)
        deliverer.tell()
        meanwhile.act = deliverer.remove

        assert deliverer.run() == []

        assert deliverer.status == "cancelled"
        assert deliverer.posts == []

    def test_one_that_is_registered_anew_under_the_same_address_gets_nothing_of_the_old(
        self,
    ) -> None:
        deliverer = ToEndpoint(NO)
        deliverer.tell()
        deliverer.run()
        deliverer.remove()
        deliverer.endpoints.create(an_endpoint(id=an_endpoint_id(2), event_types=("*",)))

        deliverer.run_to_the_end()

        assert deliverer.status == "cancelled"
        assert len(deliverer.posts) == 1

    @pytest.mark.parametrize("reason", list(DisabledReason))
    def test_what_is_on_its_way_to_a_disabled_endpoint_is_cancelled(
        self, reason: DisabledReason
    ) -> None:
        deliverer = ToEndpoint(registered=an_endpoint().disabled(reason))
        deliverer.tell()

        assert deliverer.run() == []

        assert deliverer.status == "cancelled"
        assert deliverer.posts == []

    @pytest.mark.parametrize(("status", "end"), [(200, "delivered"), (500, "exhausted")])
    def test_a_test_goes_to_a_disabled_endpoint_once(self, status: int, end: str) -> None:
        disabled = an_endpoint().disabled(DisabledReason.MANUAL)
        deliverer = ToEndpoint(answered(status), registered=disabled)
        of_a_test(deliverer)

        deliverer.run_to_the_end()

        assert deliverer.status == end
        assert deliverer.posted()["type"] == "endpoint.test"
        assert deliverer.posted()["data"]["status"] == "disabled"
        assert not deliverer.endpoint.is_enabled

    def test_a_job_that_is_deleted_is_told_to_no_endpoint(self) -> None:
        deliverer = ToEndpoint()
        deliverer.keep(delivery_of(an_event(a_completed_job()), deliverer.endpoint, NOON))

        assert deliverer.run() == []

        assert deliverer.status == "cancelled"
        assert deliverer.posts == []


@pytest.mark.parametrize("call", ["endpoints.get", "endpoints.take_turn", "secrets.get"])
def test_an_outage_before_the_post_is_looked_at_again_and_is_no_attempt(call: str) -> None:
    slow = an_endpoint(event_types=("*",), slow_since=NOON)
    deliverer = ToEndpoint(seam=Trouble(call, times=1), registered=slow)
    deliverer.tell()

    assert len(deliverer.run()) == 1
    assert deliverer.comes_back_at == NOON + LOOK_AGAIN_AFTER
    assert deliverer.posts == []
    deliverer.run_to_the_end()

    assert deliverer.status == "delivered"
    assert len(deliverer.delivery.attempts) == 1


def test_the_log_names_the_endpoint_and_neither_its_address_nor_its_secret() -> None:
    canary = an_endpoint(event_types=("*",), url="https://example.com/canary")
    deliverer = ToEndpoint(registered=canary)
    deliverer.tell()

    deliverer.run()

    (line,) = deliverer.log.lines
    assert line["target_id"] == canary.id
    secrets: list[Any] = [secret_of(1), MASTER_SECRET, "canary"]
    assert not [it for it in secrets if it in deliverer.log.text]
