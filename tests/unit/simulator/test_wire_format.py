"""The answers have the fields that were recorded, for requests as Mistral's SDK sends them."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.unit.simulator.driving import BEGINNING, Wire, shape

EXCHANGES = json.loads((Path(__file__).parent / "fixtures" / "exchanges.json").read_text())


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each["name"] for each in EXCHANGES])
def test_an_answer_has_the_fields_of_the_recorded_one(wire: Wire, exchange: dict[str, Any]) -> None:
    answer = wire.post(exchange["path"], exchange["body"])

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert shape(answer.json()) == shape(exchange["answer"])


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each["name"] for each in EXCHANGES])
def test_an_unknown_field_is_refused_where_it_stands(wire: Wire, exchange: dict[str, Any]) -> None:
    answer = wire.post(exchange["path"], {**exchange["body"], "colour": 1})

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "colour"],
                "msg": "Extra inputs are not permitted",
                "input": 1,
            }
        ]
    }


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[each["name"] for each in EXCHANGES])
def test_the_same_request_is_answered_alike_under_another_id(
    wire: Wire, exchange: dict[str, Any]
) -> None:
    first = wire.post(exchange["path"], exchange["body"])
    second = wire.post(exchange["path"], exchange["body"])

    assert first.headers["mistral-correlation-id"] != second.headers["mistral-correlation-id"]
    assert {**first.json(), "id": ""} == {**second.json(), "id": ""}


def test_a_correlation_id_is_a_uuid_of_version_7(wire: Wire) -> None:
    answer = wire.get("/v1/models")

    written = UUID(answer.headers["mistral-correlation-id"])
    assert written.version == 7
    assert written.int >> 80 == BEGINNING * 1000


def test_what_is_not_served_is_404_in_json(wire: Wire) -> None:
    answer = wire.post("/v1/nothing", {})

    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}
    assert "mistral-correlation-id" in answer.headers


def test_the_wrong_method_is_405(wire: Wire) -> None:
    answer = wire.get("/v1/chat/completions")

    assert answer.status_code == 405
    assert answer.json() == {"detail": "Method Not Allowed"}
