"""POST /v1/audio/transcriptions: words for a sound that is never listened to.

A live call is a form; a line of a batch is JSON, and names its sound by address or by file.
"""

import json
from hashlib import blake2b
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tools.simulator.call import EVENTS_TYPE, JSON_TYPE, Answer, Call, Usage, json_answer, to_json
from tools.simulator.completion import pieces_of
from tools.simulator.conversation_schema import Json
from tools.simulator.errors import unusable_field
from tools.simulator.forms import Form, read_form
from tools.simulator.models import find_model
from tools.simulator.parsing import parse
from tools.simulator.schema import Closed
from tools.simulator.writing import compose, count_tokens, dice

SECONDS_MAX = 60
WORDS_PER_SECOND = 2.5


def _as_list(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_as_list)]
Granularities = Annotated[list[Literal["segment", "word"]], BeforeValidator(_as_list)]


class TranscriptionRequest(Closed):
    """The fields beside the file."""

    model: str
    file_url: str | None = None
    file_id: str | None = None
    language: str | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    stream: bool = False
    diarize: bool = False
    context_bias: Texts | None = None
    speaker_references: Texts | None = None
    timestamp_granularities: Granularities | None = None


def transcribe(call: Call) -> Answer:
    """Write down, whole or streamed, what the bytes or the address of the sound decide."""
    form = Form() if call.content_type == JSON_TYPE else read_form(call.content_type, call.body)
    body = (
        call.body if call.content_type == JSON_TYPE else json.dumps(form.without_nulls()).encode()
    )
    request = parse(TranscriptionRequest, body)
    find_model(request.model, "transcription")
    upload = form.files.get("file")
    sound = blake2b(upload.content).hexdigest() if upload else request.file_url or request.file_id
    if sound is None:
        raise unusable_field(["body", "file"], "missing", "Field required")
    answer = _heard(request, sound)
    usage = Usage(answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])
    return _streamed(answer, usage) if request.stream else json_answer(answer, usage)


def _heard(request: TranscriptionRequest, sound: str) -> Json:
    text = compose("", dice(sound))
    seconds = min(SECONDS_MAX, round(len(text.split()) / WORDS_PER_SECOND) + 1)
    segments = []
    if request.timestamp_granularities:
        segments = [{"type": "transcription_segment", "text": text, "start": 0.0, "end": seconds}]
    prompt, answered = count_tokens(request.model), count_tokens(text)
    return {
        "model": request.model,
        "text": text,
        "language": request.language,
        "segments": segments,
        "usage": {
            "prompt_audio_seconds": seconds,
            "prompt_tokens": prompt,
            "total_tokens": prompt + answered,
            "completion_tokens": answered,
        },
    }


def _streamed(answer: Json, usage: Usage) -> Answer:
    events: list[Json] = []
    if answer["language"]:
        language = {"type": "transcription.language", "audio_language": answer["language"]}
        events.append(language)
    events += (
        {"type": "transcription.text.delta", "text": piece} for piece in pieces_of(answer["text"])
    )
    events.append({"type": "transcription.done", **answer})
    parts = tuple(
        f"event: {event['type']}\ndata: ".encode() + to_json(event) + b"\n\n" for event in events
    )
    return Answer(200, parts, EVENTS_TYPE, usage=usage)
