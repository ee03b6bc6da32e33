"""The world of these tests has the numbers of the real one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows import deployment, world
from tests.flows.deployment import TIMEOUTS, Function
from tests.flows.world import World
from tools.template import read_template

RESOURCES: dict[str, Any] = read_template(Path(__file__).parents[2] / "template.yaml")["Resources"]


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


@pytest.mark.parametrize("queue", deployment.VISIBILITY_TIMEOUTS)
def test_its_queues_are_those_of_the_template(queue: str) -> None:
    deployed = properties(f"{queue.capitalize()}Queue")

    assert deployment.VISIBILITY_TIMEOUTS[queue] == timedelta(seconds=deployed["VisibilityTimeout"])
    assert deployment.RECEIVES_MAX[queue] == deployed["RedrivePolicy"]["maxReceiveCount"]


def test_its_stream_is_that_of_the_template() -> None:
    stream = properties("PublisherFunction")["Events"]["Changes"]["Properties"]

    assert stream["BatchSize"] == world.STREAM_BATCH


@pytest.mark.parametrize("function", TIMEOUTS)
def test_its_invocations_are_those_of_the_template(function: str) -> None:
    deployed = properties(f"{function.capitalize()}Function")

    assert timedelta(seconds=deployed["Timeout"]) == TIMEOUTS[Function(function)]


def test_nothing_happens_by_itself() -> None:
    quiet = World()
    quiet.submit()
    before = quiet.clock.at

    assert quiet.ready()
    assert quiet.clock.at == before
    assert quiet.mistral.calls == []


def test_two_worlds_with_one_seed_are_the_same() -> None:
    one, other = World(seed=7), World(seed=7)
    for each in (one, other):
        each.submit(callback_url="https://example.com/hooks")
        each.settle()

    assert one.jobs.all() == other.jobs.all()
    assert one.deliveries.all() == other.deliveries.all()
    assert one.clock.at == other.clock.at
