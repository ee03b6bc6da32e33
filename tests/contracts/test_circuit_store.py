from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from relay.adapters.dynamodb_circuit import DynamoDBCircuitStore
from relay.aws.circuit_row import to_row
from relay.aws.values import from_item, to_item
from relay.domain.circuit import Circuit
from relay.domain.errors import LostRaceError, UnreadableRowError
from relay.domain.job import StatusReason
from relay.ports import CircuitStore
from tests.cloud import TABLE, Cloud
from tests.fakes.clock import NOON
from tests.fakes.gate import InMemoryCircuitStore
from tests.fakes.strategies import circuits as any_circuits

SECOND = timedelta(seconds=1)
NEVER_OPENED = Circuit()
OPENED = NEVER_OPENED.opened(NOON, StatusReason.INVALID_API_KEY)
PROBED = OPENED.probed(NOON + 60 * SECOND)
CLOSED = PROBED.closed(NOON + 61 * SECOND)
OPENED_AGAIN = CLOSED.opened(NOON + 90 * SECOND, StatusReason.INSUFFICIENT_CREDITS)
LIFE = [NEVER_OPENED, OPENED, PROBED, CLOSED, OPENED_AGAIN]


class CircuitStoreContract:
    @pytest.fixture
    def circuits(self) -> CircuitStore:
        raise NotImplementedError

    def test_a_circuit_is_closed_until_it_is_opened(self, circuits: CircuitStore) -> None:
        assert circuits.get() == NEVER_OPENED

    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
        max_examples=30,
    )
    @given(circuit=any_circuits())
    def test_a_circuit_is_read_just_as_it_was_saved(
        self, circuits: CircuitStore, circuit: Circuit
    ) -> None:
        circuits.save(circuits.get(), circuit)

        assert circuits.get() == circuit

    @pytest.mark.parametrize("length", range(1, len(LIFE)))
    def test_saving_again_what_was_saved_is_done_already(
        self, circuits: CircuitStore, length: int
    ) -> None:
        lead(circuits, LIFE[: length + 1])

        circuits.save(LIFE[length - 1], LIFE[length])

        assert circuits.get() == LIFE[length]

    @pytest.mark.parametrize("length", range(1, len(LIFE)))
    def test_who_read_the_circuit_before_its_last_change_has_lost(
        self, circuits: CircuitStore, length: int
    ) -> None:
        lead(circuits, LIFE[: length + 1])
        stale = LIFE[length - 1]
        mine = stale.opened(NOON + 95 * SECOND, StatusReason.INSUFFICIENT_CREDITS)

        with pytest.raises(LostRaceError):
            circuits.save(stale, mine)

        assert circuits.get() == LIFE[length]


def lead(circuits: CircuitStore, life: list[Circuit]) -> None:
    for before, after in pairwise(life):
        circuits.save(before, after)


class TestInMemoryCircuitStore(CircuitStoreContract):
    @pytest.fixture
    def circuits(self) -> CircuitStore:
        return InMemoryCircuitStore()


class TestDynamoDBCircuitStore(CircuitStoreContract):
    @pytest.fixture
    def circuits(self, cloud: Cloud) -> CircuitStore:
        return DynamoDBCircuitStore(cloud.dynamodb(), TABLE)

    @pytest.mark.parametrize("change", [{"reason": "a reason of newer code"}, {"version": None}])
    def test_a_circuit_that_cannot_be_read_is_told_from_an_outage(
        self, circuits: CircuitStore, cloud: Cloud, change: dict[str, str | None]
    ) -> None:
        row = to_item(from_item(to_row(OPENED)) | change)
        cloud.dynamodb().put_item(TableName=TABLE, Item=row)

        with pytest.raises(UnreadableRowError):
            circuits.get()
