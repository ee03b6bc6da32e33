"""The API's description is what the code says, and is a valid OpenAPI document."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

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
