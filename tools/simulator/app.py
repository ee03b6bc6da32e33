"""The application: Mistral's paths, each behind the gate, and the simulator's own."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tools.simulator.agent_store import AgentStore
from tools.simulator.batches import Batches
from tools.simulator.behaviour import Behaviour
from tools.simulator.beta_agents import BetaAgents
from tools.simulator.call import refusal_answer
from tools.simulator.conversations import Conversations
from tools.simulator.endpoints import (
    COMPLETING,
    Row,
    agent_rows,
    batch_rows,
    completing_rows,
    conversation_rows,
    file_rows,
)
from tools.simulator.errors import RefusalError
from tools.simulator.file_store import FILE_BYTES_MAX, FileStore
from tools.simulator.files import BINARY_TYPE, SIGNED_PATH, Files
from tools.simulator.gate import Gate, correlation_id
from tools.simulator.parsing import parse
from tools.simulator.simulator import Simulator


def create_app(
    simulator: Simulator | None = None, *, file_bytes_max: int = FILE_BYTES_MAX
) -> Starlette:
    """Return the application around a simulator, by default a fresh one on the real clock."""
    state = simulator or Simulator()
    store = FileStore()
    files = Files(store, file_bytes_max=file_bytes_max)
    agents = AgentStore()
    conversations = Conversations(agents)
    answering = {**COMPLETING, "/v1/conversations": conversations.start}
    rows = [
        *completing_rows(),
        *file_rows(files),
        *batch_rows(Batches(state, store, answering)),
        *agent_rows(BetaAgents(agents)),
        *conversation_rows(conversations),
    ]

    async def not_served(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse(
            {"detail": error.detail},
            error.status_code,
            {
                **(error.headers or {}),
                "mistral-correlation-id": correlation_id(state.clock(), state.next_number()),
            },
        )

    routes = [*(_gated(state, row) for row in rows), *_own_routes(state, files)]
    return Starlette(routes=routes, exception_handlers={HTTPException: not_served})


def _gated(state: Simulator, row: Row) -> BaseRoute:
    gate = Gate(state, row.path, row.endpoint, body_bytes_max=row.body_bytes_max)
    return Route(row.path, gate, methods=[row.method])


def _own_routes(state: Simulator, files: Files) -> list[BaseRoute]:
    async def set_faults(request: Request) -> Response:
        try:
            behaviour = parse(Behaviour, await request.body())
        except RefusalError as refusal:
            return _refused(refusal)
        state.behave(behaviour)
        return JSONResponse(behaviour.model_dump(mode="json"))

    async def show_stats(_request: Request) -> Response:
        return JSONResponse(state.period.stats.as_json())

    async def open_signed(request: Request) -> Response:
        query = request.query_params
        try:
            content = files.open_signed(
                request.path_params["file_id"],
                until=query.get("until", ""),
                signature=query.get("signature", ""),
                at=state.clock(),
            )
        except RefusalError as refusal:
            return _refused(refusal)
        return Response(content, media_type=BINARY_TYPE)

    return [
        Route("/_simulator/faults", set_faults, methods=["POST"]),
        Route("/_simulator/stats", show_stats, methods=["GET"]),
        Route(SIGNED_PATH, open_signed, methods=["GET"]),
    ]


def _refused(refusal: RefusalError) -> Response:
    answer = refusal_answer(refusal)
    return Response(answer.parts[0], answer.status, media_type=answer.content_type)
