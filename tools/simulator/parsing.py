"""From the bytes of a request to a validated model, or to a 422 in the words of FastAPI."""

from pydantic import BaseModel, ValidationError

from tools.simulator.errors import UNPROCESSABLE, RefusalError


def parse[RequestT: BaseModel](request_type: type[RequestT], body: bytes) -> RequestT:
    """Return the request, or raise the 422 that names each field at fault."""
    try:
        return request_type.model_validate_json(body)
    except ValidationError as error:
        raise unprocessable(error) from error


def unprocessable(error: ValidationError) -> RefusalError:
    """Return the 422 in the list form, the places counted from the body."""
    detail = [
        {
            **entry,
            "loc": ["body", *entry["loc"]],
            "input": {} if entry["type"] == "json_invalid" else entry["input"],
        }
        for entry in error.errors(include_url=False)
    ]
    return RefusalError(UNPROCESSABLE, {"detail": detail})
