"""The list of models."""

import pytest

from tests.unit.simulator.driving import CHAT, Wire, chat


def test_there_is_a_card_for_each_name_of_a_model(wire: Wire) -> None:
    cards = {card["id"]: card for card in wire.get("/v1/models").json()["data"]}

    assert cards["mistral-medium-3-5"]["aliases"] == ["mistral-medium-latest", "mistral-medium-3"]
    assert cards["mistral-medium-latest"]["aliases"] == ["mistral-medium-3-5", "mistral-medium-3"]
    assert cards["mistral-medium-3"]["name"] == "mistral-medium-3-5"


def test_a_card_has_the_recorded_fields(wire: Wire) -> None:
    card = wire.get("/v1/models/codestral-latest").json()

    capabilities = card.pop("capabilities")
    assert card == {
        "id": "codestral-latest",
        "object": "model",
        "created": 0,
        "owned_by": "mistralai",
        "name": "codestral-2508",
        "description": "A simulated codestral-2508.",
        "max_context_length": 256_000,
        "aliases": ["codestral-2508"],
        "deprecation": None,
        "deprecation_replacement_model": None,
        "default_model_temperature": 0.3,
        "type": "base",
    }
    assert {name for name, able in capabilities.items() if able} == {
        "completion_chat",
        "completion_fim",
        "function_calling",
    }
    assert len(capabilities) == 14


def test_an_unknown_model_has_no_card(wire: Wire) -> None:
    assert wire.get("/v1/models/open-mistral-7b").status_code == 404


@pytest.mark.parametrize(
    "model", ["mistral-large-2512", "ministral-3b-latest", "magistral-small-latest", "zai-glm-5-2"]
)
def test_chat_is_served_under_any_name_and_echoes_it(wire: Wire, model: str) -> None:
    assert wire.post(CHAT, chat(model=model)).json()["model"] == model


def test_an_alias_answers_as_the_model_it_stands_for(wire: Wire) -> None:
    alias = wire.post(CHAT, chat(model="mistral-large-latest")).json()
    model = wire.post(CHAT, chat(model="mistral-large-2512")).json()

    assert alias["choices"] == model["choices"]
