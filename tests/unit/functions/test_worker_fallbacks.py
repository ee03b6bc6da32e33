"""``fallback_models``: another model's turn after each failed attempt."""

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest

from relay.domain.answer import Answer
from relay.domain.content import REQUEST_KEY, inline
from relay.domain.errors import MistralCallError
from relay.domain.job import Job, JobStatus
from relay.domain.job_error import ErrorCode
from relay.domain.money import Money
from tests.fakes.dice import LoadedDice
from tests.fakes.examples import BODY, a_job
from tests.fakes.mistral import MistralCall, chat_answer, refusal
from tests.fakes.trouble import Crash, Trouble
from tests.unit.functions.worker_on_fakes import Worker

SMALL, MEDIUM, LARGE = "mistral-small-latest", "mistral-medium-latest", "mistral-large-latest"
FALLBACKS = (MEDIUM, LARGE)
AT_ONCE = LoadedDice(0)


def models(worker: Worker) -> Sequence[str]:
    return [call.json["model"] for call in worker.mistral.calls]


def with_fallbacks(**changes: object) -> Job:
    return a_job(fallback_models=FALLBACKS, **changes)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(refusal(503), id="503"),
        pytest.param(refusal(408), id="408"),
        pytest.param(Answer(status=200, headers={}, body=b"{"), id="not readable"),
        pytest.param(MistralCallError(ErrorCode.CONNECTION_FAILED, "x"), id="the network"),
    ],
)
def test_each_failed_attempt_is_the_next_model_s_turn_and_then_the_first_again(
    failure: Answer | Exception,
) -> None:
    worker = Worker(failure, failure, failure, chat_answer(model=SMALL), dice=AT_ONCE)
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert models(worker) == [SMALL, MEDIUM, LARGE, SMALL]
    assert worker.job.status is JobStatus.COMPLETED


def test_the_turn_is_kept_over_waits_out_of_the_invocation() -> None:
    away = refusal(503, retry_after="60")
    worker = Worker(away, away, away, away, chat_answer(model=MEDIUM))
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert models(worker) == [SMALL, MEDIUM, LARGE, SMALL, MEDIUM]
    assert worker.job.attempts == 5


@pytest.mark.parametrize("seconds", ["1", "60"], ids=["in place", "out of it"])
@pytest.mark.parametrize("status", [401, 402, 429])
def test_what_is_no_attempt_is_nobody_else_s_turn(status: int, seconds: str) -> None:
    worker = Worker(refusal(status, retry_after=seconds), chat_answer())
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert models(worker) == [SMALL, SMALL]


def test_what_no_further_attempt_can_mend_is_not_tried_with_another_model() -> None:
    worker = Worker(refusal(404), chat_answer())
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert models(worker) == [SMALL]
    assert worker.job.status is JobStatus.FAILED


def test_a_worker_that_is_gone_leaves_the_turn_to_the_next_model() -> None:
    worker = Worker(seam=Trouble("mistral.call", Crash(), times=1))
    worker.add(with_fallbacks())
    with pytest.raises(BaseExceptionGroup):
        worker.run()

    worker.run_to_the_end()

    assert models(worker) == [MEDIUM]


def test_usage_and_cost_are_those_of_the_model_that_answered() -> None:
    answer = chat_answer(model="mistral-medium-2508", prompt_tokens=1000, completion_tokens=100)
    worker = Worker(refusal(503), answer, dice=AT_ONCE)
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert (worker.job.model, worker.job.model_used) == (SMALL, "mistral-medium-2508")
    assert worker.job.cost == Money(Decimal("0.0006"))  # 1,000 at 0.40, 100 at 2.00 per million


def test_where_mistral_does_not_say_who_answered_it_was_the_one_that_was_asked() -> None:
    def answer(call: MistralCall) -> Answer:
        if call.json["model"] == SMALL:
            return refusal(503)
        body = json.loads(chat_answer().body)
        del body["model"]
        return Answer(status=200, headers={}, body=json.dumps(body).encode())

    worker = Worker(dice=AT_ONCE)
    worker.mistral.script = answer
    worker.add(with_fallbacks())

    worker.run_to_the_end()

    assert worker.job.model_used == MEDIUM
    assert worker.job.cost == Money(Decimal("0.000045"))  # 10 at 1.50 and 4 at 7.50 per million


def test_another_model_is_sent_the_same_body_but_for_its_name() -> None:
    body = (
        '{"model":"mistral-small-latest","temperature":0.10,"seed":12345678901234567890,'
        '"messages":[{"role":"user","content":"Grüße 🌍 \\u0000"}],'
        '"unknown":{"model":"x","n":null}}'
    ).encode()
    worker = Worker(refusal(503), chat_answer(), dice=AT_ONCE)
    worker.add(with_fallbacks(request=inline(REQUEST_KEY, body)))

    worker.run_to_the_end()

    first, second = worker.mistral.calls
    assert first.body == body
    assert second.json == json.loads(body) | {"model": MEDIUM}
    assert list(second.json) == list(json.loads(body))


def test_without_fallbacks_the_body_goes_as_it_was_kept_each_time() -> None:
    worker = Worker(refusal(503), refusal(503), chat_answer(), dice=AT_ONCE)
    worker.add()

    worker.run_to_the_end()

    assert {call.body for call in worker.mistral.calls} == {BODY}
    assert len(worker.mistral.calls) == 3


def test_all_models_together_have_the_job_s_attempts() -> None:
    worker = Worker(refusal(503), dice=AT_ONCE)
    worker.add(with_fallbacks(attempts_max=2))

    worker.run_to_the_end()

    assert models(worker) == [SMALL, MEDIUM]
    assert worker.job.error is not None
    assert worker.job.error.reason == "attempts_exhausted"
