"""Transcriptions."""

import json
from typing import Any

import httpx
import pytest

from tests.unit.simulator.driving import Wire

PATH = "/v1/audio/transcriptions"


def heard(wire: Wire, content: bytes = b"ID3", **fields: Any) -> httpx.Response:
    data = {"model": "voxtral-mini-latest", **fields}
    return wire.ask("POST", PATH, files={"file": ("a.mp3", content)}, data=data)


def test_the_sound_alone_decides_the_words(wire: Wire) -> None:
    first, again, other = heard(wire), heard(wire, language="en"), heard(wire, b"RIFF")

    assert first.json()["text"] == again.json()["text"] != other.json()["text"]
    assert again.json()["language"] == "en"
    assert first.json()["segments"] == []


def test_segments_are_given_to_who_wants_times(wire: Wire) -> None:
    answer = heard(wire, timestamp_granularities="segment").json()

    assert [segment["text"] for segment in answer["segments"]] == [answer["text"]]


def test_a_stream_says_what_the_whole_answer_says(wire: Wire) -> None:
    whole = heard(wire, language="en").json()

    events = heard(wire, language="en", stream="true").text.strip().split("\n\n")

    data = [json.loads(event.split("data: ")[1]) for event in events]
    assert data[0] == {"type": "transcription.language", "audio_language": "en"}
    assert "".join(each["text"] for each in data[1:-1]) == whole["text"]
    assert data[-1] == {"type": "transcription.done", **whole}


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"model": "mistral-small-latest"}, 400), ({"colour": "blue"}, 422), ({"stream": "x"}, 422)],
)
def test_what_cannot_be_heard_is_refused(wire: Wire, fields: dict[str, Any], status: int) -> None:
    assert heard(wire, **fields).status_code == status


def test_without_a_sound_there_is_nothing_to_write_down(wire: Wire) -> None:
    answer = wire.post(PATH, {"model": "voxtral-mini-latest"})

    assert answer.status_code == 422
