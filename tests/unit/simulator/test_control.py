"""The two paths that are the simulator's own: orders, and counts."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.unit.simulator.driving import CHAT, KEY, Wire, chat
from tools.simulator.app import create_app
from tools.simulator.simulator import Simulator


def test_an_empty_object_resets_all(wire: Wire) -> None:
    wire.behave(rate={"500": 1}, latency_ms=5, requests_per_second=0)
    wire.post(CHAT, chat())

    wire.behave()

    assert wire.stats()["calls"] == 0
    assert wire.post(CHAT, chat()).status_code == 200


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"colour": 1}, ["colour"]),
        ({"rate": {"418": 0.1}}, ["rate", "418", "[key]"]),
        ({"rate": {"429": 1.1}}, ["rate", "429"]),
        ({"rate": {"429": -0.1}}, ["rate", "429"]),
        ({"rate": {"429": 0.6, "cut": 0.6}}, []),
        ({"batch_rate": {"FAILED": 0.6, "TIMEOUT_EXCEEDED": 0.6}}, []),
        ({"latency_ms": -1}, ["latency_ms"]),
        ({"requests_per_second": -1}, ["requests_per_second"]),
        ({"tokens_per_minute": 1.5}, ["tokens_per_minute"]),
        ({"batch_seconds": "soon"}, ["batch_seconds"]),
        ({"batch_rate": {"SUCCESS": 1}}, ["batch_rate", "SUCCESS", "[key]"]),
        ([], []),
    ],
)
def test_an_order_that_makes_no_sense_is_422_and_changes_nothing(
    wire: Wire, body: Any, place: list[str]
) -> None:
    wire.behave(rate={"503": 1})

    answer = wire.post("/_simulator/faults", body)

    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["loc"] == ["body", *place]
    assert problem["msg"]
    assert wire.post(CHAT, chat()).status_code == 503


def test_the_order_is_repeated_in_full(wire: Wire) -> None:
    answer = wire.post("/_simulator/faults", {"seed": 3, "rate": {"429": 0.25}})

    assert answer.json() == {
        "seed": 3,
        "latency_ms": 0,
        "rate": {"429": 0.25},
        "requests_per_second": None,
        "tokens_per_minute": None,
        "batch_seconds": 0,
        "batch_rate": {},
    }


def test_the_counts_are_of_calls_and_never_of_words(wire: Wire) -> None:
    answer = wire.post(CHAT, chat("A secret about bees"))
    wire.get("/v1/models/mistral-embed")
    wire.post(CHAT, {})

    stats = wire.stats()

    usage = answer.json()["usage"]
    assert stats == {
        "calls": 3,
        "answers": {"200": 2, "422": 1},
        "faults": {},
        "by_path": {CHAT: 2, "/v1/models/{model_id}": 1},
        "in_flight": 0,
        "in_flight_max": 1,
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
    }


def test_calls_at_the_same_time_are_in_flight_together(simulator: Simulator) -> None:
    async def all_at_once() -> int:
        meeting = asyncio.Barrier(4)

        async def wait_for_the_others(_seconds: float) -> None:
            await meeting.wait()

        simulator.sleep = wait_for_the_others
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(simulator)),
            base_url="http://simulator.invalid",
            headers={"authorization": f"Bearer {KEY}"},
        ) as client:
            await client.post("/_simulator/faults", json={"latency_ms": 1})
            await asyncio.gather(*(client.post(CHAT, json=chat()) for _ in range(4)))
            most: int = (await client.get("/_simulator/stats")).json()["in_flight_max"]
            return most

    assert asyncio.run(all_at_once()) == 4
