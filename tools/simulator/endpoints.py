"""Which path is answered by what: plain functions, and methods of objects that keep things."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.simulator.agents import complete_agent
from tools.simulator.batches import Batches
from tools.simulator.beta_agents import BetaAgents
from tools.simulator.call import Endpoint
from tools.simulator.chat import complete_chat
from tools.simulator.classifiers import classify, classify_chat, moderate, moderate_chat
from tools.simulator.conversations import Conversations
from tools.simulator.embeddings import embed
from tools.simulator.files import Files
from tools.simulator.fim import complete_middle
from tools.simulator.gate import BODY_BYTES_MAX
from tools.simulator.models import list_models, retrieve_model
from tools.simulator.ocr import read_document
from tools.simulator.transcriptions import transcribe

COMPLETING: dict[str, Endpoint] = {
    "/v1/chat/completions": complete_chat,
    "/v1/fim/completions": complete_middle,
    "/v1/agents/completions": complete_agent,
    "/v1/embeddings": embed,
    "/v1/moderations": moderate,
    "/v1/chat/moderations": moderate_chat,
    "/v1/classifications": classify,
    "/v1/chat/classifications": classify_chat,
    "/v1/ocr": read_document,
    "/v1/audio/transcriptions": transcribe,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one path."""

    method: str
    path: str
    endpoint: Endpoint
    body_bytes_max: int = BODY_BYTES_MAX


def completing_rows() -> Iterator[Row]:
    """Yield what keeps nothing."""
    for path, endpoint in COMPLETING.items():
        yield Row("POST", path, endpoint)
    yield Row("GET", "/v1/models", list_models)
    yield Row("GET", "/v1/models/{model_id}", retrieve_model)


def file_rows(files: Files) -> Iterator[Row]:
    """Yield the paths of files."""
    one = "/v1/files/{file_id}"
    yield Row("POST", "/v1/files", files.upload, files.body_bytes_max)
    yield Row("GET", "/v1/files", files.show_all)
    yield Row("GET", one, files.retrieve)
    yield Row("DELETE", one, files.delete)
    yield Row("GET", f"{one}/content", files.download)
    yield Row("GET", f"{one}/url", files.sign)


def batch_rows(batches: Batches) -> Iterator[Row]:
    """Yield the paths of batch jobs."""
    one = "/v1/batch/jobs/{job_id}"
    yield Row("POST", "/v1/batch/jobs", batches.create)
    yield Row("GET", "/v1/batch/jobs", batches.show_all)
    yield Row("GET", one, batches.retrieve)
    yield Row("DELETE", one, batches.delete)
    yield Row("POST", f"{one}/cancel", batches.cancel)


def agent_rows(agents: BetaAgents) -> Iterator[Row]:
    """Yield the paths of agents; the pages come before the one agent, whose id they could be."""
    one = "/v1/agents/{agent_id}"
    yield Row("POST", "/v1/agents", agents.create)
    yield Row("GET", "/v1/agents", agents.show_all)
    yield Row("GET", "/v1/agents/pages", agents.show_page)
    yield Row("GET", one, agents.retrieve)
    yield Row("PATCH", one, agents.change)
    yield Row("DELETE", one, agents.delete)
    yield Row("PATCH", f"{one}/version", agents.switch_version)
    yield Row("GET", f"{one}/versions", agents.show_versions)
    yield Row("GET", f"{one}/versions/{{version}}", agents.retrieve_version)
    yield Row("PUT", f"{one}/aliases", agents.set_alias)
    yield Row("GET", f"{one}/aliases", agents.show_aliases)
    yield Row("DELETE", f"{one}/aliases", agents.delete_alias)


def conversation_rows(conversations: Conversations) -> Iterator[Row]:
    """Yield the paths of conversations."""
    one = "/v1/conversations/{conversation_id}"
    yield Row("POST", "/v1/conversations", conversations.start)
    yield Row("GET", "/v1/conversations", conversations.show_all)
    yield Row("GET", one, conversations.retrieve)
    yield Row("POST", one, conversations.append)
    yield Row("DELETE", one, conversations.delete)
    yield Row("POST", f"{one}/restart", conversations.restart)
    yield Row("GET", f"{one}/history", conversations.show_history)
    yield Row("GET", f"{one}/messages", conversations.show_messages)
