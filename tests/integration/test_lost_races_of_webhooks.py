"""The conditional writes of endpoints, callback secrets, recoveries and redeliveries."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from relay.adapters.dynamodb_callback_secrets import DynamoDBCallbackSecretStore
from relay.adapters.dynamodb_deliveries import DynamoDBDeliveryStore
from relay.adapters.dynamodb_endpoints import DynamoDBEndpointStore
from relay.adapters.dynamodb_events import DynamoDBEventStore
from relay.adapters.dynamodb_recoveries import DynamoDBRecoveryStore
from relay.domain.delivery import DELIVERY_LEASE, Delivery
from relay.domain.errors import (
    AlreadyExistsError,
    LostLeaseError,
    LostRaceError,
    NotFoundError,
    UnavailableError,
)
from relay.domain.event import endpoint_disabled
from relay.domain.secret_versions import NEVER_ROTATED
from relay.domain.webhook_endpoint import TURNS_APART, DisabledReason, WebhookEndpoint
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import (
    TENANT,
    a_delivery_to,
    a_recovery,
    an_endpoint,
    an_event,
)
from tests.fakes.webhook_sender import answered, unanswered
from tests.integration.interference import applied_twice, applied_unheard, just_before

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
TOGETHER = "TransactWriteItems"
ENDPOINT = an_endpoint()
FAILING = ENDPOINT.changed(failing_since=NOON)
DISABLED = FAILING.disabled(DisabledReason.FAILING)
TOLD = endpoint_disabled(DISABLED, NOON)


def reread(store: DynamoDBEndpointStore) -> WebhookEndpoint:
    return store.get(TENANT, ENDPOINT.id)


def is_told(cloud: Cloud) -> bool:
    events = DynamoDBEventStore(cloud.dynamodb(), TABLE)
    return bool(events.unpublished([(TENANT, TOLD.id)]))


class TestEndpoints:
    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBEndpointStore:
        return DynamoDBEndpointStore(cloud.dynamodb(), TABLE)

    def test_create_loses_to_another_endpoint_of_its_id(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        theirs = replace(ENDPOINT, url="https://example.com/theirs")
        just_before(client, "PutItem", lambda: rival.create(theirs))

        with pytest.raises(AlreadyExistsError):
            DynamoDBEndpointStore(client, TABLE).create(ENDPOINT)

        assert reread(rival) == theirs

    def test_an_endpoint_that_was_written_but_not_heard_of_is_ours_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBEndpointStore(client, TABLE).create(ENDPOINT)

        assert reread(rival) == ENDPOINT

    def test_save_loses_to_another_change(self, cloud: Cloud, rival: DynamoDBEndpointStore) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        theirs = FAILING.rotated(NOON)
        just_before(client, "UpdateItem", lambda: rival.save(FAILING, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED)

        assert reread(rival) == theirs

    def test_save_loses_to_a_removal(self, cloud: Cloud, rival: DynamoDBEndpointStore) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        just_before(client, "UpdateItem", lambda: rival.remove(TENANT, FAILING.id))

        with pytest.raises(LostRaceError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED)

        assert rival.of_tenant(TENANT) == []

    def test_a_turn_taken_in_between_stops_no_change(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        just_before(
            client, "UpdateItem", lambda: rival.take_turn(FAILING, at=NOON, apart=TURNS_APART)
        )

        DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED)

        assert reread(rival) == replace(DISABLED, turn_at=NOON + TURNS_APART)

    def test_a_change_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED)

        assert reread(rival) == DISABLED

    def test_a_change_that_is_told_loses_to_another_and_is_not_told(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        theirs = FAILING.rotated(NOON)
        just_before(client, TOGETHER, lambda: rival.save(FAILING, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=TOLD)

        assert reread(rival) == theirs
        assert not is_told(cloud)

    def test_a_change_that_is_told_loses_to_a_removal_and_is_not_told(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        just_before(client, TOGETHER, lambda: rival.remove(TENANT, FAILING.id))

        with pytest.raises(LostRaceError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=TOLD)

        assert rival.of_tenant(TENANT) == []
        assert not is_told(cloud)

    def test_a_change_that_another_makes_and_tells_just_before_is_told_once(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        just_before(client, TOGETHER, lambda: rival.save(FAILING, DISABLED, told_by=TOLD))
        later = endpoint_disabled(DISABLED, NOON + SECOND)

        DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=later)

        assert reread(rival) == DISABLED
        events = DynamoDBEventStore(cloud.dynamodb(), TABLE)
        assert events.unpublished([(TENANT, TOLD.id), (TENANT, later.id)]) == {TOLD.id}

    def test_a_change_that_is_told_and_was_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        applied_twice(client, TOGETHER, cloud.dynamodb())

        DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=TOLD)

        assert reread(rival) == DISABLED
        assert is_told(cloud)

    def test_a_change_that_is_told_and_whose_answer_never_came_may_be_made_again(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)
        applied_unheard(client, TOGETHER, cloud.dynamodb())
        with pytest.raises(UnavailableError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=TOLD)

        rival.save(FAILING, DISABLED, told_by=TOLD)

        assert reread(rival) == DISABLED
        assert is_told(cloud)

    @pytest.mark.parametrize(
        "error",
        [
            ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException", "Message": ""},
                    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
                },
                TOGETHER,
            ),
            EndpointConnectionError(endpoint_url="https://dynamodb.invalid"),
        ],
        ids=["another transaction", "not reached"],
    )
    def test_what_says_nothing_about_the_rows_lets_them_be_written_again(
        self, cloud: Cloud, rival: DynamoDBEndpointStore, error: Exception
    ) -> None:
        client = cloud.dynamodb()
        rival.create(FAILING)

        def fail() -> None:
            raise error

        just_before(client, TOGETHER, fail)
        with pytest.raises(UnavailableError):
            DynamoDBEndpointStore(client, TABLE).save(FAILING, DISABLED, told_by=TOLD)

        assert reread(rival) == FAILING
        assert not is_told(cloud)

    def test_remove_finds_nothing_that_another_has_removed(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(ENDPOINT)
        just_before(client, "DeleteItem", lambda: rival.remove(TENANT, ENDPOINT.id))

        with pytest.raises(NotFoundError):
            DynamoDBEndpointStore(client, TABLE).remove(TENANT, ENDPOINT.id)

        assert rival.of_tenant(TENANT) == []


class TestTurns:
    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBEndpointStore:
        rival = DynamoDBEndpointStore(cloud.dynamodb(), TABLE)
        rival.create(ENDPOINT)
        return rival

    def take(self, store: DynamoDBEndpointStore, endpoint: WebhookEndpoint) -> datetime | None:
        return store.take_turn(endpoint, at=NOON, apart=TURNS_APART)

    def test_a_free_turn_is_lost_to_another_and_the_next_is_taken(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "UpdateItem", lambda: self.take(rival, ENDPOINT))

        turn = self.take(DynamoDBEndpointStore(client, TABLE), ENDPOINT)

        assert turn == NOON + TURNS_APART
        assert reread(rival).turn_at == NOON + 2 * TURNS_APART

    def test_a_turn_to_come_is_lost_to_another_and_the_next_is_taken(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        self.take(rival, ENDPOINT)
        just_before(client, "UpdateItem", lambda: self.take(rival, ENDPOINT))

        turn = self.take(DynamoDBEndpointStore(client, TABLE), reread(rival))

        assert turn == NOON + 2 * TURNS_APART
        assert reread(rival).turn_at == NOON + 3 * TURNS_APART

    @pytest.mark.parametrize("call", [1, 2])
    def test_there_is_no_turn_at_an_endpoint_that_is_removed_in_between(
        self, cloud: Cloud, rival: DynamoDBEndpointStore, call: int
    ) -> None:
        client = cloud.dynamodb()
        self.take(rival, ENDPOINT)
        remove = lambda: rival.remove(TENANT, ENDPOINT.id)  # noqa: E731 - an act
        just_before(client, "UpdateItem", remove, call=call)

        assert self.take(DynamoDBEndpointStore(client, TABLE), ENDPOINT) is None

        assert rival.of_tenant(TENANT) == []

    def test_an_endpoint_that_heals_in_between_is_free_at_once(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        self.take(rival, ENDPOINT)
        paced = reread(rival)
        healed = paced.changed(turn_at=None)
        just_before(client, "UpdateItem", lambda: rival.save(paced, healed))

        assert self.take(DynamoDBEndpointStore(client, TABLE), paced) == NOON

        assert reread(rival) == replace(healed, turn_at=NOON + TURNS_APART)

    def test_whoever_takes_turns_all_the_while_keeps_nobody_from_one(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        for call in range(1, 9):
            just_before(client, "UpdateItem", lambda: self.take(rival, reread(rival)), call=call)

        turn = self.take(DynamoDBEndpointStore(client, TABLE), ENDPOINT)

        assert turn == NOON + 2 * TURNS_APART
        assert reread(rival).turn_at == NOON + 3 * TURNS_APART

    def test_who_finds_it_healed_and_paced_in_turns_gives_up(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client, paced = cloud.dynamodb(), ENDPOINT.changed(turn_at=NOON + SECOND)
        for call in range(1, 9):
            change = (ENDPOINT, paced) if call % 2 else (paced, ENDPOINT)
            just_before(client, "UpdateItem", partial(rival.save, *change), call=call)

        with pytest.raises(UnavailableError):
            self.take(DynamoDBEndpointStore(client, TABLE), ENDPOINT)

    def test_a_turn_that_was_taken_but_not_heard_of_is_nobodys(
        self, cloud: Cloud, rival: DynamoDBEndpointStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        turn = self.take(DynamoDBEndpointStore(client, TABLE), ENDPOINT)

        assert turn == NOON + TURNS_APART
        assert reread(rival).turn_at == NOON + 2 * TURNS_APART


class TestCallbackSecrets:
    ONCE = NEVER_ROTATED.rotated(NOON)

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBCallbackSecretStore:
        return DynamoDBCallbackSecretStore(cloud.dynamodb(), TABLE)

    def test_the_first_rotation_loses_to_another(
        self, cloud: Cloud, rival: DynamoDBCallbackSecretStore
    ) -> None:
        client = cloud.dynamodb()
        theirs = NEVER_ROTATED.rotated(NOON + SECOND)
        just_before(client, "PutItem", lambda: rival.save(TENANT, NEVER_ROTATED, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBCallbackSecretStore(client, TABLE).save(TENANT, NEVER_ROTATED, self.ONCE)

        assert rival.get(TENANT) == theirs

    def test_a_later_rotation_loses_to_another(
        self, cloud: Cloud, rival: DynamoDBCallbackSecretStore
    ) -> None:
        client = cloud.dynamodb()
        rival.save(TENANT, NEVER_ROTATED, self.ONCE)
        mine, theirs = (self.ONCE.rotated(NOON + wait) for wait in (HOUR, SECOND))
        just_before(client, "PutItem", lambda: rival.save(TENANT, self.ONCE, theirs))

        with pytest.raises(LostRaceError):
            DynamoDBCallbackSecretStore(client, TABLE).save(TENANT, self.ONCE, mine)

        assert rival.get(TENANT) == theirs

    def test_a_rotation_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBCallbackSecretStore
    ) -> None:
        client = cloud.dynamodb()
        applied_twice(client, "PutItem", cloud.dynamodb())

        DynamoDBCallbackSecretStore(client, TABLE).save(TENANT, NEVER_ROTATED, self.ONCE)

        assert rival.get(TENANT) == self.ONCE


class TestRecoveries:
    MINE = a_recovery().advanced(an_event().id, redelivered=7, due_at=NOON)
    THEIRS = a_recovery().finished(NOON, redelivered=1)

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBRecoveryStore:
        return DynamoDBRecoveryStore(cloud.dynamodb(), TABLE)

    def test_create_leaves_a_recovery_that_came_first(
        self, cloud: Cloud, rival: DynamoDBRecoveryStore
    ) -> None:
        client = cloud.dynamodb()
        just_before(client, "PutItem", lambda: rival.create(self.THEIRS))

        DynamoDBRecoveryStore(client, TABLE).create(a_recovery())

        assert self.found(rival) == self.THEIRS

    def test_save_loses_to_whoever_has_come_further(
        self, cloud: Cloud, rival: DynamoDBRecoveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(a_recovery())
        just_before(client, "UpdateItem", lambda: rival.save(a_recovery(), self.THEIRS))

        with pytest.raises(LostRaceError):
            DynamoDBRecoveryStore(client, TABLE).save(a_recovery(), self.MINE)

        assert self.found(rival) == self.THEIRS

    def test_a_save_that_was_applied_but_not_heard_of_is_done_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBRecoveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(a_recovery())
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBRecoveryStore(client, TABLE).save(a_recovery(), self.MINE)

        assert self.found(rival) == self.MINE

    def found(self, store: DynamoDBRecoveryStore) -> object:
        return store.find([(ENDPOINT.id, a_recovery().id)]).rows[a_recovery().id]


class TestRedeliveries:
    FRESH = a_delivery_to(ENDPOINT)
    HELD = FRESH.claimed(NOON, DELIVERY_LEASE)
    LATE = NOON + HOUR

    @pytest.fixture
    def rival(self, cloud: Cloud) -> DynamoDBDeliveryStore:
        return DynamoDBDeliveryStore(cloud.dynamodb(), TABLE)

    def reopened(self, before: Delivery, round_id: str = "mine") -> Delivery:
        return before.reopened(self.LATE, round_id=round_id, payload="full", legacy=False)

    def found(self, store: DynamoDBDeliveryStore) -> Delivery:
        return store.find([(ENDPOINT.id, self.FRESH.id)]).rows[self.FRESH.id]

    def rivals(self, store: DynamoDBDeliveryStore) -> dict[str, Callable[[], object]]:
        delivered = self.HELD.attempted(answered(200), at=self.LATE, chance=0.5)
        delayed = self.HELD.attempted(unanswered(), at=self.LATE, chance=0.5)
        return {
            "another round": lambda: store.reopen(
                self.HELD, self.reopened(self.HELD, "theirs"), at=self.LATE
            ),
            "a claim": lambda: store.claim(
                ENDPOINT.id, self.FRESH.id, at=self.LATE, lease=DELIVERY_LEASE
            ),
            "a late success": lambda: store.save(self.HELD, delivered),
            "a late failure": lambda: store.save(self.HELD, delayed),
        }

    @pytest.mark.parametrize(
        "first", ["another round", "a claim", "a late success", "a late failure"]
    )
    def test_reopen_loses_to_whatever_comes_first(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore, first: str
    ) -> None:
        client = cloud.dynamodb()
        rival.create(self.HELD)
        seen: list[Delivery] = []

        def act() -> None:
            self.rivals(rival)[first]()
            seen.append(self.found(rival))

        just_before(client, "UpdateItem", act)

        with pytest.raises(LostRaceError):
            DynamoDBDeliveryStore(client, TABLE).reopen(
                self.HELD, self.reopened(self.HELD), at=self.LATE
            )

        assert [self.found(rival)] == seen
        assert seen != [self.HELD]

    def test_an_attempt_that_overran_its_lease_loses_to_a_new_round(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(self.HELD)
        mine = self.HELD.attempted(answered(200), at=self.LATE, chance=0.5)
        theirs = self.reopened(self.HELD)
        just_before(client, "UpdateItem", lambda: rival.reopen(self.HELD, theirs, at=self.LATE))

        with pytest.raises(LostLeaseError):
            DynamoDBDeliveryStore(client, TABLE).save(self.HELD, mine)

        assert self.found(rival) == theirs

    def test_a_round_that_was_begun_but_not_heard_of_is_begun_when_tried_again(
        self, cloud: Cloud, rival: DynamoDBDeliveryStore
    ) -> None:
        client = cloud.dynamodb()
        rival.create(self.HELD)
        applied_twice(client, "UpdateItem", cloud.dynamodb())

        DynamoDBDeliveryStore(client, TABLE).reopen(
            self.HELD, self.reopened(self.HELD), at=self.LATE
        )

        assert self.found(rival) == self.reopened(self.HELD)
