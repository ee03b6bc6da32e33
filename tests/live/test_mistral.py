"""That Mistral still is what the relay takes it for. Less than a tenth of a cent in all."""

import json
from decimal import Decimal
from typing import Any

from relay.domain.endpoints import Endpoint
from relay.domain.job_error import ErrorCode
from relay.domain.money import Money
from relay.domain.prices import cost_of
from relay.domain.upstream import Bad, Good
from tests.flows.one_job import run_one_job
from tests.live.conftest import LiveMistral

COST_MAX = Decimal("0.0001")
"""Of one call, in dollars. There are three that cost anything."""


def chat(**fields: Any) -> dict[str, Any]:
    """Return the body of the smallest chat there is."""
    messages = [{"role": "user", "content": "Say yes."}]
    return {"model": "mistral-small-latest", "messages": messages, "max_tokens": 1} | fields


def as_json(body: object) -> bytes:
    return json.dumps(body).encode()


def cost_in_dollars(verdict: Good | Bad) -> Decimal:
    """Return what a good answer cost by our price list, which must know its model."""
    assert isinstance(verdict, Good), verdict
    cost = cost_of(verdict.model_used, verdict.usage)
    assert cost is not None, f"no price for {verdict.model_used}"
    return cost.amount


def test_a_chat_is_answered_counted_and_priced(mistral: LiveMistral) -> None:
    answer, verdict = mistral.ask(Endpoint.CHAT_COMPLETIONS, as_json(chat()))

    assert 0 < cost_in_dollars(verdict) < COST_MAX
    assert isinstance(verdict, Good)
    assert verdict.usage is not None
    assert verdict.usage.completion_tokens == 1
    assert json.loads(answer.body)["choices"][0]["finish_reason"] == "length"


def test_a_text_is_embedded_counted_and_priced(mistral: LiveMistral) -> None:
    body = {"model": "mistral-embed", "input": ["yes"]}

    answer, verdict = mistral.ask(Endpoint.EMBEDDINGS, as_json(body))

    assert 0 < cost_in_dollars(verdict) < COST_MAX
    assert len(json.loads(answer.body)["data"][0]["embedding"]) == 1024


def test_a_text_is_moderated_for_nothing(mistral: LiveMistral) -> None:
    body = {"model": "mistral-moderation-latest", "input": ["yes"]}

    answer, verdict = mistral.ask(Endpoint.MODERATIONS, as_json(body))

    assert isinstance(verdict, Good), answer
    assert cost_of(verdict.model_used, verdict.usage) in {None, Money(Decimal(0))}
    assert "categories" in json.loads(answer.body)["results"][0]


def test_a_model_that_is_not_there_is_told_from_other_refusals(mistral: LiveMistral) -> None:
    body = chat(model="there-is-no-such-model")

    answer, verdict = mistral.ask(Endpoint.CHAT_COMPLETIONS, as_json(body))

    assert isinstance(verdict, Bad), answer
    assert verdict.error.code is ErrorCode.MODEL_NOT_FOUND, answer
    assert verdict.waits_as is None


def test_a_body_that_is_wrong_is_told_from_other_refusals(mistral: LiveMistral) -> None:
    answer, verdict = mistral.ask(Endpoint.CHAT_COMPLETIONS, as_json(chat(temperature=9)))

    assert isinstance(verdict, Bad), answer
    assert verdict.error.code is ErrorCode.INVALID_REQUEST, answer


def test_a_wrong_key_makes_jobs_wait_and_burns_none(mistral: LiveMistral) -> None:
    stranger = mistral.with_a_wrong_key()

    answer, verdict = stranger.ask(Endpoint.CHAT_COMPLETIONS, as_json(chat()))

    assert isinstance(verdict, Bad), answer
    assert verdict.error.code is ErrorCode.INVALID_API_KEY, answer
    assert not verdict.is_charged


def test_a_job_of_one_token_goes_all_the_way(mistral: LiveMistral) -> None:
    job = run_one_job(mistral, Endpoint.CHAT_COMPLETIONS, chat()).json

    assert job["status"] == "completed", job["error"]
    assert job["usage"]["completion_tokens"] == 1
    assert 0 < Decimal(job["cost"]["amount"]) < COST_MAX
    assert job["output_text"] is not None
