"""GET /v1/models: the models that can be asked for, each under every one of its names.

Source: https://docs.mistral.ai/models (read 2026-08-21).
"""

from dataclasses import dataclass
from typing import Any, Literal

from tools.simulator.call import Answer, Call, json_answer
from tools.simulator.errors import invalid_model, not_found

Task = Literal["chat", "fim", "embedding", "moderation", "ocr", "transcription"]

K = 1_024
MIDSUMMER_2026 = "2026-07-31T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Model:
    """One model; ``traits`` are the capabilities it has beyond its tasks."""

    id: str
    aliases: tuple[str, ...]
    context_tokens: int
    tasks: tuple[Task, ...] = ("chat",)
    traits: tuple[str, ...] = ()
    retires_at: str | None = None
    replacement: str | None = None


_SEEING = ("vision",)
_THINKING = ("vision", "reasoning")

CATALOGUE = (
    Model("mistral-large-2512", ("mistral-large-latest",), 256 * K, traits=_SEEING),
    Model(
        "mistral-medium-3-5",
        ("mistral-medium-latest", "mistral-medium-3"),
        256 * K,
        traits=_THINKING,
    ),
    Model("mistral-small-2603", ("mistral-small-latest",), 256 * K, traits=_THINKING),
    Model("ministral-14b-2512", ("ministral-14b-latest",), 256 * K, traits=_SEEING),
    Model("ministral-8b-2512", ("ministral-8b-latest",), 256 * K, traits=_SEEING),
    Model("ministral-3b-2512", ("ministral-3b-latest",), 256 * K, traits=_SEEING),
    Model("codestral-2508", ("codestral-latest",), 256_000, ("chat", "fim")),
    Model(
        "devstral-2512",
        ("devstral-latest", "devstral-medium-latest"),
        256 * K,
        retires_at=MIDSUMMER_2026,
        replacement="mistral-medium-latest",
    ),
    Model(
        "labs-devstral-small-2512",
        ("devstral-small-latest",),
        256 * K,
        retires_at="2026-03-31T12:00:00Z",
        replacement="mistral-small-latest",
    ),
    Model(
        "magistral-medium-2509",
        ("magistral-medium-latest",),
        128 * K,
        traits=_THINKING,
        retires_at=MIDSUMMER_2026,
        replacement="mistral-medium-latest",
    ),
    Model(
        "magistral-small-2509",
        ("magistral-small-latest",),
        128 * K,
        traits=_THINKING,
        retires_at=MIDSUMMER_2026,
        replacement="mistral-small-latest",
    ),
    Model(
        "open-mistral-nemo",
        (),
        128 * K,
        retires_at=MIDSUMMER_2026,
        replacement="ministral-14b-latest",
    ),
    *(
        Model(
            f"mistral-medium-{month}",
            (),
            128 * K,
            traits=_SEEING,
            retires_at="2026-08-31T12:00:00Z",
            replacement="mistral-medium-latest",
        )
        for month in ("2505", "2508")
    ),
    Model("mistral-embed", (), 8 * K, ("embedding",)),
    Model("codestral-embed", (), 8 * K, ("embedding",)),
    Model("mistral-moderation-2603", ("mistral-moderation-latest",), 128 * K, ("moderation",)),
    Model("mistral-ocr-latest", (), 128 * K, ("ocr",), _SEEING),
    Model("voxtral-small-2507", (), 32 * K, traits=("audio",)),
    Model("voxtral-mini-2602", ("voxtral-mini-latest",), 32 * K, ("transcription",), ("audio",)),
    Model("zai-glm-5-2", (), 1_024 * K, traits=("reasoning",)),
)
_BY_NAME = {name: model for model in CATALOGUE for name in (model.id, *model.aliases)}


def find_model(name: str, task: Task) -> Model:
    """Return the model of this name or alias, or raise the 400 for one that lacks the task."""
    model = _BY_NAME.get(name)
    if model is None or task not in model.tasks:
        raise invalid_model(name)
    return model


def list_models(_call: Call) -> Answer:
    """GET /v1/models."""
    cards = [_card(name, model) for name, model in _BY_NAME.items()]
    return json_answer({"object": "list", "data": cards})


def retrieve_model(call: Call) -> Answer:
    """GET /v1/models/{model_id}."""
    name = call.path_params["model_id"]
    if name not in _BY_NAME:
        raise not_found("Model", name)
    return json_answer(_card(name, _BY_NAME[name]))


def _card(name: str, model: Model) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "mistralai",
        "capabilities": _capabilities(model),
        "name": model.id,
        "description": f"A simulated {model.id}.",
        "max_context_length": model.context_tokens,
        "aliases": [other for other in (model.id, *model.aliases) if other != name],
        "deprecation": model.retires_at,
        "deprecation_replacement_model": model.replacement,
        "default_model_temperature": 0.3 if "chat" in model.tasks else None,
        "type": "base",
    }


def _capabilities(model: Model) -> dict[str, bool]:
    return {
        "completion_chat": "chat" in model.tasks,
        "function_calling": "chat" in model.tasks,
        "reasoning": "reasoning" in model.traits,
        "completion_fim": "fim" in model.tasks,
        "fine_tuning": False,
        "vision": "vision" in model.traits,
        "ocr": "ocr" in model.tasks,
        "classification": False,
        "moderation": "moderation" in model.tasks,
        "audio": "audio" in model.traits,
        "audio_transcription": "transcription" in model.tasks,
        "audio_transcription_realtime": False,
        "audio_speech": False,
        "unified_resources": False,
    }
