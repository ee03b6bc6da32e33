"""The endpoints of Mistral's API that a job can call: one JSON request, one JSON answer.

Source: Mistral's OpenAPI description, docs v1.7.7, read 2026-08-21.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Endpoint(StrEnum):
    """A path of Mistral's API."""

    CHAT_COMPLETIONS = "/v1/chat/completions"
    EMBEDDINGS = "/v1/embeddings"
    FIM_COMPLETIONS = "/v1/fim/completions"
    MODERATIONS = "/v1/moderations"
    CHAT_MODERATIONS = "/v1/chat/moderations"
    CLASSIFICATIONS = "/v1/classifications"
    CHAT_CLASSIFICATIONS = "/v1/chat/classifications"
    OCR = "/v1/ocr"
    AGENTS_COMPLETIONS = "/v1/agents/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """What the relay must know of an endpoint to check a body and to read its answer."""

    required: tuple[str, ...]
    """Fields without which Mistral refuses; ``model`` may be filled in from a default."""
    answer_key: str
    """The list in a good answer; an answer without it cannot be used."""
    model_default: str | None = None
    """For a body that names none; ``None`` where the deployment's default applies or none can."""
    takes_model: bool = True
    generates: bool = False
    """Takes ``max_tokens`` and answers with choices."""
    takes_temperature: bool = False
    """Not an agent: it has its own, and Mistral refuses a body that names one."""


FACTS: Mapping[Endpoint, EndpointFacts] = MappingProxyType(
    {
        Endpoint.CHAT_COMPLETIONS: EndpointFacts(
            required=("messages",), answer_key="choices", generates=True, takes_temperature=True
        ),
        Endpoint.EMBEDDINGS: EndpointFacts(
            required=("input",), answer_key="data", model_default="mistral-embed"
        ),
        Endpoint.FIM_COMPLETIONS: EndpointFacts(
            required=("prompt",),
            answer_key="choices",
            model_default="codestral-latest",
            generates=True,
            takes_temperature=True,
        ),
        Endpoint.MODERATIONS: EndpointFacts(
            required=("input",), answer_key="results", model_default="mistral-moderation-latest"
        ),
        Endpoint.CHAT_MODERATIONS: EndpointFacts(
            required=("input",), answer_key="results", model_default="mistral-moderation-latest"
        ),
        Endpoint.CLASSIFICATIONS: EndpointFacts(required=("model", "input"), answer_key="results"),
        Endpoint.CHAT_CLASSIFICATIONS: EndpointFacts(
            required=("model", "input"), answer_key="results"
        ),
        Endpoint.OCR: EndpointFacts(
            required=("document",), answer_key="pages", model_default="mistral-ocr-latest"
        ),
        Endpoint.AGENTS_COMPLETIONS: EndpointFacts(
            required=("agent_id", "messages"),
            answer_key="choices",
            takes_model=False,
            generates=True,
        ),
    }
)
