"""``GET /v1/health`` and ``GET /openapi.json``, for everybody."""

from functools import cache
from importlib.resources import files
from typing import TypedDict

from functions.api.http import Request, Response
from functions.api.services import Services
from relay import __version__


class HealthView(TypedDict):
    """A sign of life. It says that the API answers, not that Mistral does."""

    status: str
    version: str


def get_health(_request: Request, _services: Services) -> Response:
    """Answer that the API answers."""
    return Response(body=HealthView(status="ok", version=__version__))


def get_description(_request: Request, _services: Services) -> Response:
    """Answer with the API's description, a file that was made from the routes at build time."""
    return Response(body=_description(), headers={"cache-control": "public, max-age=300"})


@cache
def _description() -> str:
    return files("functions.api").joinpath("openapi.json").read_text(encoding="utf-8")
