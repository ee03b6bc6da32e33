"""The application: Mistral's paths, each behind the gate, and the simulator's own two."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tools.simulator.agents import complete_agent
from tools.simulator.behaviour import Behaviour
from tools.simulator.call import Endpoint, refusal_answer
from tools.simulator.chat import complete_chat
from tools.simulator.classifiers import classify, classify_chat, moderate, moderate_chat
from tools.simulator.embeddings import embed
from tools.simulator.errors import RefusalError
from tools.simulator.fim import complete_middle
from tools.simulator.gate import Gate, correlation_id
from tools.simulator.models import list_models, retrieve_model
from tools.simulator.ocr import read_document
from tools.simulator.parsing import parse
from tools.simulator.simulator import Simulator

# One row a path. An endpoint that keeps something, such as files, would be the method of an
# object made in create_app.
ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "/v1/chat/completions", complete_chat),
    ("POST", "/v1/fim/completions", complete_middle),
    ("POST", "/v1/agents/completions", complete_agent),
    ("POST", "/v1/embeddings", embed),
    ("POST", "/v1/moderations", moderate),
    ("POST", "/v1/chat/moderations", moderate_chat),
    ("POST", "/v1/classifications", classify),
    ("POST", "/v1/chat/classifications", classify_chat),
    ("POST", "/v1/ocr", read_document),
    ("GET", "/v1/models", list_models),
    ("GET", "/v1/models/{model_id}", retrieve_model),
)


def create_app(simulator: Simulator | None = None) -> Starlette:
    """Return the application around a simulator, by default a fresh one on the real clock."""
    state = simulator or Simulator()

    async def set_faults(request: Request) -> Response:
        try:
            behaviour = parse(Behaviour, await request.body())
        except RefusalError as refusal:
            answer = refusal_answer(refusal)
            return Response(answer.parts[0], answer.status, media_type=answer.content_type)
        state.behave(behaviour)
        return JSONResponse(behaviour.model_dump(mode="json"))

    async def show_stats(_request: Request) -> Response:
        return JSONResponse(state.period.stats.as_json())

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

    routes: list[BaseRoute] = [
        Route(path, Gate(state, path, endpoint), methods=[method])
        for method, path, endpoint in ENDPOINTS
    ]
    routes.append(Route("/_simulator/faults", set_faults, methods=["POST"]))
    routes.append(Route("/_simulator/stats", show_stats, methods=["GET"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: not_served})
