"""The same request is always given the same answer."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.simulator.driving import BEGINNING, chat
from tools.simulator.call import Answer, Call
from tools.simulator.chat import complete_chat
from tools.simulator.writing import count_tokens

prompts = st.text(st.characters(codec="utf-8"), max_size=200)
seeds = st.none() | st.integers(0, 2**31)


def ask(number: int, at_unix_seconds: float = BEGINNING, **body: Any) -> Answer:
    return complete_chat(Call(number, at_unix_seconds, json.dumps(body).encode()))


def choices(answer: Answer) -> list[dict[str, Any]]:
    [part] = answer.parts
    found: list[dict[str, Any]] = json.loads(part)["choices"]
    return found


@settings(deadline=None)
@given(
    prompt=prompts, seed=seeds, count=st.integers(1, 3), numbers=st.tuples(*[st.integers(0)] * 2)
)
def test_an_answer_depends_on_the_request_and_not_on_when_it_was_made(
    prompt: str, seed: int | None, count: int, numbers: tuple[int, int]
) -> None:
    body = chat(prompt, random_seed=seed, n=count)

    first = ask(numbers[0], **body)
    second = ask(numbers[1], BEGINNING + 1, **body)

    assert choices(first) == choices(second)
    assert first.usage == second.usage


@settings(deadline=None)
@given(prompt=prompts, seed=seeds, max_tokens=st.integers(0, 80))
def test_a_limited_answer_begins_as_the_whole_one_and_keeps_to_the_limit(
    prompt: str, seed: int | None, max_tokens: int
) -> None:
    [whole] = choices(ask(1, **chat(prompt, random_seed=seed)))

    answer = ask(2, **chat(prompt, random_seed=seed, max_tokens=max_tokens))

    [limited] = choices(answer)
    text = limited["message"]["content"]
    assert whole["message"]["content"].startswith(text)
    assert answer.usage.completion_tokens == count_tokens(text) <= max_tokens
    assert (limited["finish_reason"] == "stop") == (limited == whole)


@settings(deadline=None)
@given(prompt=prompts, fields=st.fixed_dictionaries({}, optional={"max_tokens": st.integers(0, 9)}))
def test_a_stream_says_what_the_whole_answer_says(prompt: str, fields: dict[str, Any]) -> None:
    [whole] = choices(ask(1, **chat(prompt, **fields)))

    streamed = ask(2, **chat(prompt, stream=True, **fields))

    chunks = [json.loads(part.removeprefix(b"data: ")) for part in streamed.parts[:-1]]
    text = "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks)
    assert text == whole["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]


def test_the_ids_of_many_calls_are_all_different() -> None:
    ids = {Call(number, BEGINNING).new_id() for number in range(10_000)}

    assert len(ids) == 10_000
