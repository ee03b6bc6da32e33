"""From the bytes of a request to a validated model, or to a 422 in the words of FastAPI."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tools.simulator.errors import UNPROCESSABLE, RefusalError


class Query(BaseModel):
    """The part after the question mark: a field that is empty by default takes repeated names.

    Names that are not known are passed over, as the SDK sends some that mean nothing.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, values: Mapping[str, list[str]]) -> dict[str, Any]:
        plain = {name.removesuffix("[]"): found for name, found in values.items()}
        return {
            name: plain[name] if field.default == () else plain[name][-1]
            for name, field in cls.model_fields.items()
            if name in plain
        }


def parse[RequestT: BaseModel](request_type: type[RequestT], body: bytes) -> RequestT:
    """Return the request, or raise the 422 that names each field at fault."""
    try:
        return request_type.model_validate_json(body)
    except ValidationError as error:
        raise unprocessable(error, "body") from error


def parse_query[QueryT: Query](query_type: type[QueryT], query: Mapping[str, list[str]]) -> QueryT:
    """Return the query, or raise the 422 that names each parameter at fault."""
    try:
        return query_type.model_validate(query)
    except ValidationError as error:
        raise unprocessable(error, "query") from error


def unprocessable(error: ValidationError, where: str) -> RefusalError:
    """Return the 422 in the list form, the places counted from the part of the request."""
    detail = [
        {
            **entry,
            "loc": [where, *entry["loc"]],
            "input": {} if entry["type"] == "json_invalid" else entry["input"],
        }
        for entry in error.errors(include_url=False)
    ]
    return RefusalError(UNPROCESSABLE, {"detail": detail})
