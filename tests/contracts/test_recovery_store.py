from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_recoveries import DynamoDBRecoveryStore
from relay.aws.recovery_row import to_row
from relay.aws.values import to_item
from relay.domain.errors import LostRaceError
from relay.domain.ids import EndpointId
from relay.domain.recovery import Recovery
from relay.ports import RecoveryStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.examples import a_recovery, an_endpoint_id, an_event
from tests.fakes.recoveries import InMemoryRecoveryStore
from tests.fakes.strategies import recoveries as any_recoveries
from tests.fakes.strategies import unused_id

SECOND = timedelta(seconds=1)
ADVANCED = a_recovery().advanced(an_event().id, redelivered=7, due_at=NOON + SECOND)
FINISHED = ADVANCED.finished(NOON + SECOND, redelivered=3)

type Spoil = Callable[[Recovery], None]
"""Makes the row of a recovery one that this code cannot read."""


def name_of(recovery: Recovery) -> tuple[EndpointId, str]:
    return recovery.endpoint_id, recovery.id


def reread(store: RecoveryStore) -> Recovery:
    return store.find([name_of(a_recovery())]).rows[a_recovery().id]


class RecoveryStoreContract:
    @pytest.fixture
    def recoveries(self) -> RecoveryStore:
        raise NotImplementedError

    @pytest.fixture
    def spoil(self) -> Spoil:
        raise NotImplementedError

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(recovery=any_recoveries)
    def test_a_recovery_is_found_just_as_it_was_made(
        self, recoveries: RecoveryStore, recovery: Recovery
    ) -> None:
        recoveries.create(recovery)

        assert recoveries.find([name_of(recovery)]).rows == {recovery.id: recovery}

    def test_a_recovery_that_is_made_again_stays_as_it_is(self, recoveries: RecoveryStore) -> None:
        recoveries.create(a_recovery())
        recoveries.save(a_recovery(), ADVANCED)

        recoveries.create(a_recovery())

        assert reread(recoveries) == ADVANCED

    def test_a_name_may_come_twice_and_may_be_of_nothing(self, recoveries: RecoveryStore) -> None:
        recovery = a_recovery()
        recoveries.create(recovery)

        names = [name_of(recovery), name_of(recovery), (an_endpoint_id(2), recovery.id)]
        assert recoveries.find(names).rows == {recovery.id: recovery}
        assert recoveries.find([(an_endpoint_id(2), recovery.id)]).rows == {}

    def test_a_recovery_that_cannot_be_read_is_told_and_holds_up_no_other(
        self, recoveries: RecoveryStore, spoil: Spoil
    ) -> None:
        first, second = a_recovery(), a_recovery(id=unused_id("rec"))
        recoveries.create(first)
        recoveries.create(second)
        spoil(first)

        found = recoveries.find([name_of(first), name_of(second)])

        assert found.rows == {second.id: second}
        assert found.unreadable == {first.id}

    def test_save_writes_how_far_a_recovery_has_come(self, recoveries: RecoveryStore) -> None:
        recoveries.create(a_recovery())

        recoveries.save(a_recovery(), ADVANCED)
        recoveries.save(ADVANCED, FINISHED)

        assert reread(recoveries) == FINISHED

    def test_saving_again_what_was_saved_is_done_already(self, recoveries: RecoveryStore) -> None:
        recoveries.create(a_recovery())
        recoveries.save(a_recovery(), ADVANCED)

        recoveries.save(a_recovery(), ADVANCED)

        assert reread(recoveries) == ADVANCED

    def test_save_refuses_whoever_is_not_as_far_as_another(self, recoveries: RecoveryStore) -> None:
        recoveries.create(a_recovery())
        recoveries.save(a_recovery(), ADVANCED)

        with pytest.raises(LostRaceError):
            recoveries.save(a_recovery(), a_recovery().finished(NOON, redelivered=1))

        assert reread(recoveries) == ADVANCED

    def test_save_makes_no_recovery_that_is_gone(self, recoveries: RecoveryStore) -> None:
        with pytest.raises(LostRaceError):
            recoveries.save(a_recovery(), ADVANCED)

        assert recoveries.find([name_of(a_recovery())]).rows == {}


class TestInMemoryRecoveryStore(RecoveryStoreContract):
    @pytest.fixture
    def recoveries(self) -> RecoveryStore:
        return InMemoryRecoveryStore()

    @pytest.fixture
    def spoil(self, recoveries: InMemoryRecoveryStore) -> Spoil:
        return lambda recovery: recoveries.unreadable.add(recovery.id)


class TestDynamoDBRecoveryStore(RecoveryStoreContract):
    @pytest.fixture
    def recoveries(self, cloud: Cloud) -> RecoveryStore:
        return DynamoDBRecoveryStore(cloud.dynamodb(), TABLE)

    @pytest.fixture
    def spoil(self, cloud: Cloud) -> Spoil:
        def spoil(recovery: Recovery) -> None:
            row = to_row(recovery) | to_item({"since": "yesterday"})
            cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        return spoil
