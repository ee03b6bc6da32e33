"""Faults to order: what each kind looks like, and that the seed decides who meets one."""

import asyncio
import json

import httpx
import pytest
from starlette.types import Message

from tests.unit.simulator.driving import CHAT, KEY, RecordedSleep, Wire, chat, chunks_of
from tools.simulator.app import create_app
from tools.simulator.simulator import Simulator

HEADERS = {"authorization": f"Bearer {KEY}"}
MIXED = {"429": 0.1, "500": 0.1, "503": 0.1, "invalid_json": 0.1}


@pytest.mark.parametrize("status", ["400", "401", "402", "422", "429", "500", "503"])
def test_a_status_fault_is_answered_instead_of_the_call(wire: Wire, status: str) -> None:
    wire.behave(rate={status: 1})

    answer = wire.post(CHAT, chat())

    assert answer.status_code == int(status)
    assert "mistral-correlation-id" in answer.headers
    stats = wire.stats()
    assert (stats["answers"], stats["faults"]) == ({status: 1}, {status: 1})
    assert stats["completion_tokens"] == 0


@pytest.mark.parametrize(("status", "bodies"), [("422", 2), ("429", 3), ("500", 2), ("503", 3)])
def test_a_status_fault_takes_all_the_shapes_that_were_seen(
    wire: Wire, status: str, bodies: int
) -> None:
    wire.behave(rate={status: 1})

    answers = [wire.post(CHAT, chat()) for _ in range(40)]

    assert len({answer.text for answer in answers}) == bodies


def test_a_429_says_when_to_come_back_only_sometimes(wire: Wire) -> None:
    wire.behave(rate={"429": 1})

    answers = [wire.post(CHAT, chat()) for _ in range(40)]

    assert {answer.headers.get("retry-after") for answer in answers} == {"1", None}


def test_a_503_may_be_no_json_at_all(wire: Wire) -> None:
    wire.behave(rate={"503": 1})

    answers = [wire.post(CHAT, chat()) for _ in range(40)]

    texts = [each.text for each in answers if each.headers["content-type"] == "text/plain"]
    assert texts
    assert all(text.startswith("upstream connect error") for text in texts)


def test_invalid_json_breaks_a_whole_answer(wire: Wire) -> None:
    wire.behave(rate={"invalid_json": 1})

    answer = wire.post(CHAT, chat())

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert wire.stats()["faults"] == {"invalid_json": 1}


def test_invalid_json_breaks_one_event_of_a_stream(wire: Wire) -> None:
    wire.behave(rate={"invalid_json": 1})

    answer = wire.post(CHAT, chat(stream=True))

    assert answer.text.endswith("data: [DONE]\n\n")
    with pytest.raises(json.JSONDecodeError):
        chunks_of(answer)


def test_a_cut_ends_a_whole_answer_before_its_declared_length(url: str) -> None:
    with httpx.Client(base_url=url, headers=HEADERS) as client:
        client.post("/_simulator/faults", json={"rate": {"cut": 1}}).raise_for_status()

        with pytest.raises(httpx.RemoteProtocolError):
            client.post(CHAT, json=chat())

        stats = client.get("/_simulator/stats").json()
    assert (stats["answers"], stats["faults"]) == ({"200": 1}, {"cut": 1})
    assert stats["completion_tokens"] > 0


def test_a_cut_ends_a_stream_after_some_chunks(url: str) -> None:
    pieces: list[str] = []
    with httpx.Client(base_url=url, headers=HEADERS) as client:
        client.post("/_simulator/faults", json={"rate": {"cut": 1}}).raise_for_status()
        with (
            pytest.raises(httpx.RemoteProtocolError),
            client.stream("POST", CHAT, json=chat(stream=True)) as answer,
        ):
            pieces.extend(answer.iter_text())

    received = "".join(pieces)
    assert received.startswith('data: {"id"')
    assert "[DONE]" not in received
    assert '"finish_reason":"stop"' not in received


class LeavingClient:
    """Sends a request, waits a moment and closes the connection."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self._sends: list[Message] = [
            {"type": "http.request", "body": json.dumps(chat()).encode(), "more_body": False},
            {"type": "http.disconnect"},
        ]

    async def receive(self) -> Message:
        return self._sends.pop(0) if self._sends else await asyncio.Future()

    async def send(self, message: Message) -> None:
        self.received.append(message)

    def stay(self) -> None:
        """Never leave."""
        self._sends.pop()


def call_by_hand(simulator: Simulator, client: LeavingClient) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": CHAT,
        "headers": [(b"authorization", b"Bearer k")],
    }
    asyncio.run(create_app(simulator)(scope, client.receive, client.send))


def test_a_hanging_call_ends_with_its_client(simulator: Simulator, wire: Wire) -> None:
    wire.behave(rate={"hang": 1})
    client = LeavingClient()

    call_by_hand(simulator, client)

    stats = wire.stats()
    assert client.received == []
    assert (stats["answers"], stats["faults"]) == ({}, {"hang": 1})
    assert (stats["in_flight"], stats["in_flight_max"]) == (0, 1)


def test_a_hanging_call_ends_after_a_quarter_of_an_hour_at_the_latest(
    simulator: Simulator, wire: Wire
) -> None:
    assert simulator.hang_seconds_max == 15 * 60
    simulator.hang_seconds_max = 0
    wire.behave(rate={"hang": 1})
    client = LeavingClient()
    client.stay()

    call_by_hand(simulator, client)

    assert client.received[0]["status"] == 504


def test_a_hanging_call_is_abandoned_by_its_clients_timeout(url: str) -> None:
    with httpx.Client(base_url=url, headers=HEADERS) as client:
        client.post("/_simulator/faults", json={"rate": {"hang": 1}}).raise_for_status()

        with pytest.raises(httpx.ReadTimeout):
            client.post(CHAT, json=chat(), timeout=0.05)


def test_latency_delays_a_whole_answer_once(wire: Wire, sleep: RecordedSleep) -> None:
    wire.behave(latency_ms=1500)

    wire.post(CHAT, chat())

    assert sleep.pauses == [1.5]


def test_latency_is_spread_over_the_chunks_of_a_stream(wire: Wire, sleep: RecordedSleep) -> None:
    wire.behave(latency_ms=1500)

    chunks = chunks_of(wire.post(CHAT, chat(stream=True)))

    assert len(sleep.pauses) == len(chunks) + 1
    assert sum(sleep.pauses) == pytest.approx(1.5)


def test_the_seed_decides_which_calls_meet_a_fault(wire: Wire) -> None:
    def outcomes(seed: int) -> list[tuple[int, str]]:
        wire.behave(seed=seed, rate=MIXED)
        answers = [wire.post("/v1/moderations", {"model": "x", "input": "a"}) for _ in range(50)]
        return [(answer.status_code, answer.text) for answer in answers]

    assert outcomes(5) == outcomes(5)
    assert outcomes(5) != outcomes(6)


def test_the_rates_are_shares_of_all_calls(wire: Wire) -> None:
    wire.behave(seed=1, rate={"429": 0.5, "500": 0.5})

    for _ in range(200):
        wire.post(CHAT, chat())

    answers = wire.stats()["answers"]
    assert set(answers) == {"429", "500"}
    assert 70 <= answers["429"] <= 130


def test_an_error_is_no_more_spoilt_than_it_is(wire: Wire) -> None:
    wire.behave(rate={"invalid_json": 1})

    answer = wire.post(CHAT, chat(model="absent"))

    assert answer.json()["code"] == "1500"
    assert wire.stats()["faults"] == {}
