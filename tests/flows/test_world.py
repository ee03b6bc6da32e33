"""The world of these tests has the numbers of the real one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows import world
from tests.flows.world import World
from tools.template import read_template

RESOURCES: dict[str, Any] = read_template(Path(__file__).parents[2] / "template.yaml")["Resources"]


def properties(name: str) -> Any:
    return RESOURCES[name]["Properties"]


@pytest.mark.parametrize("queue", ["jobs", "events", "deliveries"])
def test_its_queues_are_those_of_the_template(queue: str) -> None:
    deployed = properties(f"{queue.capitalize()}Queue")

    assert world.VISIBILITY_TIMEOUTS[queue] == timedelta(seconds=deployed["VisibilityTimeout"])
    assert world.RECEIVES_MAX[queue] == deployed["RedrivePolicy"]["maxReceiveCount"]


def test_its_stream_and_its_invocations_are_those_of_the_template() -> None:
    stream = properties("PublisherFunction")["Events"]["Changes"]["Properties"]

    assert stream["BatchSize"] == world.STREAM_BATCH
    assert timedelta(seconds=properties("WorkerFunction")["Timeout"]) == world.INVOCATION


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
