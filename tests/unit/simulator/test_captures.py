"""Every call that was captured from Mistral's SDK, made again, blocking and not.

A file in fixtures/captures holds the facts of one: its path, the kinds of the fields it was
answered with, and the type the SDK made of them. ``*`` stands for any name. Nulls and empty lists
of a capture are filled in where the call that is made here brings about a value. Where the relay
calls the same endpoint, the file holds the request as well.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.unit.simulator.driving import HandTurnedClock, served
from tests.unit.simulator.sdk import Sdk, Stage, sdk_of
from tests.unit.simulator.sdk_agent_calls import ALL_CALLS
from tools.simulator.behaviour import Behaviour
from tools.simulator.simulator import Simulator

CAPTURES = sorted((Path(__file__).parent / "fixtures" / "captures").glob("*.json"))

# What was captured was asked for blocks and answered without; the simulator answers with them.
ASKED_OTHERWISE = {"ocr.process": {"include_blocks": True}}


@pytest.fixture(scope="module")
def stages() -> Iterator[Stage]:
    clock = HandTurnedClock()
    simulator = Simulator(clock=clock)
    with served(simulator) as url:
        yield Stage(url, simulator, clock)


@pytest.fixture
def stage(stages: Stage) -> Stage:
    stages.simulator.behave(Behaviour())
    return stages


# The first is of a library the SDK brings along, the second is about a call the captures hold.
@pytest.mark.filterwarnings(
    r"ignore:ast\.:DeprecationWarning", r"ignore:warning. \*\* DEPRECATED:DeprecationWarning"
)
@pytest.mark.parametrize("kind", ["blocking", "async"])
@pytest.mark.parametrize("file", CAPTURES, ids=[file.stem for file in CAPTURES])
def test_a_captured_call_is_answered_in_the_captured_form(
    stage: Stage, file: Path, kind: str
) -> None:
    capture = json.loads(file.read_text())

    with sdk_of(kind, stage.url) as sdk:
        result = ALL_CALLS[file.stem](sdk, stage)

    answer = answered(sdk, capture)
    assert answer.status_code == capture["status"]
    assert type_names(result) == capture["result"]
    assert differences(capture["answer"], body_of(answer)) == []
    sent = requested(answer.request, capture)
    if sent:
        sent["body"] |= ASKED_OTHERWISE.get(file.stem, {})
    assert sent == capture.get("request")


def test_there_is_a_capture_for_each_call() -> None:
    assert sorted(ALL_CALLS) == sorted(file.stem for file in CAPTURES)


def answered(sdk: Sdk, capture: dict[str, Any]) -> httpx2.Response:
    """Return the last answer to the captured path."""
    path = re.compile(re.escape(capture["path"]).replace(r"\*", "[^/]+"))
    return [
        response
        for response in sdk.received
        if response.request.method == capture["method"]
        and path.fullmatch(response.request.url.path)
    ][-1]


def requested(request: httpx2.Request, capture: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the SDK sent, in the form of the capture, ``None`` where that holds none."""
    if "request" not in capture:
        return None
    headers = {
        name: value
        for name, value in request.headers.items()
        if name not in {"host", "content-length"}  # these follow from the address and the body
    }
    scheme = headers["authorization"].partition(" ")[0]
    return {
        "headers": {**headers, "authorization": f"{scheme} *"},
        "body": json.loads(request.content),
    }


def type_names(result: object) -> str | list[str]:
    if isinstance(result, list):
        return sorted({type(each).__name__ for each in result})
    return type(result).__name__


def body_of(answer: httpx2.Response) -> Any:
    """Return the JSON of a body; of events and of JSONL, that of each event or line."""
    content_type = answer.headers.get("content-type", "")
    if answer.status_code == 204:
        return None
    if content_type.startswith("text/event-stream"):
        blocks = [block for block in answer.text.split("\n\n") if block]
        events = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [
            {"event": event.get("event"), "data": json.loads(event["data"])}
            for event in events
            if event["data"] != "[DONE]"
        ]
    if content_type == "application/octet-stream":
        return [json.loads(line) for line in answer.text.splitlines()]
    return answer.json()


def differences(captured: Any, ours: Any, place: str = "") -> list[str]:
    """Return where the forms differ. Each captured kind of entry must be in our list."""
    if isinstance(captured, dict) and isinstance(ours, dict):
        if "*" in captured:
            captured = dict.fromkeys(ours, captured["*"])
        if captured.keys() != ours.keys():
            return [f"{place}: {sorted(captured.keys() ^ ours.keys())}"]
        return [
            difference
            for name in captured
            for difference in differences(captured[name], ours[name], f"{place}.{name}")
        ]
    if isinstance(captured, list) and isinstance(ours, list):
        if not captured and ours:
            return [f"{place} is not empty"]
        return [
            f"{place}: no {entry}"
            for entry in captured
            if all(differences(entry, each) for each in ours)
        ]
    is_kind = place.endswith((".type", ".object", ".event")) and captured != ours
    if type(captured) is not type(ours) or is_kind:
        return [f"{place}: {captured!r} and {ours!r}"]
    return []
