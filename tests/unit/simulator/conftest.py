from collections.abc import Iterator

import pytest

from tests.unit.simulator.driving import HandTurnedClock, RecordedSleep, Wire, served
from tools.simulator.simulator import Simulator


@pytest.fixture
def clock() -> HandTurnedClock:
    return HandTurnedClock()


@pytest.fixture
def sleep() -> RecordedSleep:
    return RecordedSleep()


@pytest.fixture
def simulator(clock: HandTurnedClock, sleep: RecordedSleep) -> Simulator:
    return Simulator(clock=clock, sleep=sleep)


@pytest.fixture
def wire(simulator: Simulator) -> Iterator[Wire]:
    with Wire(simulator) as wire:
        yield wire


@pytest.fixture
def url(simulator: Simulator) -> Iterator[str]:
    with served(simulator) as url:
        yield url
