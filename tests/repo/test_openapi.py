"""The API's description is what the code says, and is a valid OpenAPI document."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from functions.api.list_jobs import PARAMETERS
from relay.domain.job import JobStatus
from tests.repo.tree import text_of
from tools import openapi


def test_the_file_is_what_the_code_says() -> None:
    assert text_of("functions/api/openapi.json") == openapi.text(), "run `python -m tools.openapi`"


def test_the_description_is_valid() -> None:
    validate(openapi.description(), cls=OpenAPIV31SpecValidator)


def test_an_invalid_description_would_be_noticed() -> None:
    description = openapi.description()
    del description["info"]["title"]

    with pytest.raises(OpenAPIValidationError):
        validate(description, cls=OpenAPIV31SpecValidator)


def parameters_of(operation: dict[str, Any]) -> dict[str, Any]:
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


def test_a_list_s_parameters_say_what_they_may_be() -> None:
    parameters = parameters_of(openapi.description()["paths"]["/v1/jobs"]["get"])

    assert parameters.keys() == PARAMETERS.keys()
    assert parameters["limit"]["schema"]["type"] == "integer"
    assert parameters["created_after"]["schema"]["format"] == "date-time"
    assert parameters["status"]["schema"]["items"]["enum"] == list(JobStatus)
    assert parameters["status"]["explode"] is False  # one parameter, with commas


def test_every_post_takes_an_idempotency_key_and_says_when_it_was_used_before() -> None:
    posts = [item["post"] for item in openapi.description()["paths"].values() if "post" in item]

    assert posts
    for post in posts:
        good = [answer for status, answer in post["responses"].items() if status < "300"]
        assert "Idempotency-Key" in parameters_of(post)
        assert all("Idempotent-Replayed" in answer["headers"] for answer in good)
        assert "Retry-After" in post["responses"]["409"]["headers"]
